//! The front page: what there is and what can be done.

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{amount, escape, page};
use crate::stripe::clock::rfc3339;
use crate::stripe::state::State;
use crate::stripe::{API_VERSION, Shared};

/// The most rows of one table.
const SHOWN: usize = 10;

/// The control API: method, path, an example body, what it does.
const CONTROLS: [(&str, &str, &str, &str); 13] = [
    ("GET", "/_simulator/state", "", "Counts, clock and faults"),
    (
        "POST",
        "/_simulator/clock",
        "{\"advance_seconds\": 86400}",
        "Let time pass; all that is due happens. Or {\"now\": unix}",
    ),
    (
        "POST",
        "/_simulator/faults",
        "{\"next\": {\"status\": 500, \"count\": 1, \"path_prefix\": \"/v1/refunds\", \"apply_before_failing\": true}}",
        "Break the next answers; status may be hang, close, html or empty",
    ),
    (
        "POST",
        "/_simulator/faults",
        "{\"webhooks\": {\"duplicate\": 1, \"reorder_window\": 4, \"delay_ms\": 0, \"drop_every\": 0}}",
        "Duplicate, shuffle, delay or lose webhooks. Also {\"latency_ms\": n}, {\"clear\": true}",
    ),
    (
        "POST",
        "/_simulator/customers/{cus_…}/next_payment",
        "{\"outcome\": \"decline\"}",
        "Plan how the next payment ends",
    ),
    (
        "POST",
        "/_simulator/disputes",
        "{\"charge\": \"ch_…\"}",
        "The bank takes a payment back",
    ),
    (
        "POST",
        "/_simulator/checkout_sessions/{cs_…}/settle",
        "{\"outcome\": \"succeeded\"}",
        "End a bank debit now",
    ),
    (
        "POST",
        "/_simulator/webhook_endpoints/{we_…}/roll_secret",
        "",
        "A second signing secret; /end_roll drops the old one",
    ),
    (
        "POST",
        "/_simulator/events/{evt_…}/resend",
        "",
        "Deliver an event again",
    ),
    ("GET", "/_simulator/requests", "", "Received API requests"),
    ("GET", "/_simulator/deliveries", "", "Webhook delivery log"),
    (
        "POST",
        "/_simulator/deliveries/flush",
        "",
        "Deliver everything pending and wait",
    ),
    ("POST", "/_simulator/reset", "", "Forget everything"),
];

pub(crate) async fn show(Extracted(shared): Extracted<Arc<Shared>>) -> Response {
    shared.act(|state| {
        let body = format!(
            "<main class=\"page\"><h1>Stripe simulator <span class=\"badge\">Test mode</span></h1><p class=\"soft\">API version {API_VERSION} at <code>{}/v1</code>, with any key that starts with <code>sk_test_</code>. Simulated time: {}.</p>{}{}{}{}<p class=\"foot\">Part of Tillgate · not affiliated with Stripe</p></main>",
            escape(&state.base_url),
            rfc3339(state.now),
            sessions(state),
            subscriptions(state),
            events(state),
            controls(),
        );
        page(StatusCode::OK, "Stripe simulator", &body)
    })
}

fn panel(title: &str, rows: &str, none: &str) -> String {
    if rows.is_empty() {
        return format!("<div class=\"panel\"><h2>{title}</h2><p class=\"soft\">{none}</p></div>");
    }
    format!("<div class=\"panel\"><h2>{title}</h2><table>{rows}</table></div>")
}

fn sessions(state: &State) -> String {
    let mut rows = String::new();
    for (id, session) in state.sessions.newest_first().take(SHOWN) {
        let currency = session.currency.as_deref().unwrap_or("usd");
        rows.push_str(&format!(
            "<tr><td><a href=\"/c/pay/{id}\">{}…</a></td><td>{}</td><td>{}</td><td><span class=\"badge plain\">{}</span></td></tr>",
            escape(id.get(..20).unwrap_or(id)),
            session.mode.name(),
            amount(session.total(), currency),
            session.status.name(),
        ));
    }
    panel(
        "Checkout pages",
        &rows,
        "Create a checkout session through the API, and its page appears here.",
    )
}

fn subscriptions(state: &State) -> String {
    let mut rows = String::new();
    for (id, subscription) in state.subscriptions.newest_first().take(SHOWN) {
        let seats: i64 = subscription.items.iter().map(|item| item.quantity).sum();
        rows.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{seats} seats</td><td>until {}</td><td><span class=\"badge plain\">{}</span></td></tr>",
            escape(id),
            rfc3339(subscription.period.1),
            subscription.status.name(),
        ));
    }
    panel("Subscriptions", &rows, "None yet.")
}

fn events(state: &State) -> String {
    let mut rows = String::new();
    for (id, event) in state.events.newest_first().take(SHOWN) {
        rows.push_str(&format!(
            "<tr><td>{}</td><td><code>{}</code></td><td class=\"soft\">{}</td></tr>",
            event.kind,
            escape(id),
            rfc3339(event.created),
        ));
    }
    panel("Latest events", &rows, "None yet.")
}

fn controls() -> String {
    let mut rows = String::new();
    for (method, path, example, what) in CONTROLS {
        let path = escape(path);
        let shown = if method == "GET" {
            format!("<a href=\"{path}\"><code>{path}</code></a>")
        } else {
            format!("<code>{path}</code>")
        };
        let example = if example.is_empty() {
            String::new()
        } else {
            format!("<br><code>{}</code>", escape(example))
        };
        rows.push_str(&format!(
            "<tr><td>{method}</td><td>{shown}{example}<br><span class=\"soft small\">{}</span></td></tr>",
            escape(what)
        ));
    }
    panel("Control API", &rows, "")
}
