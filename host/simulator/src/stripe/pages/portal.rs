//! The billing portal page.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{amount, cycle, escape, message, page, see_other};
use crate::stripe::Shared;
use crate::stripe::clock::readable_date;
use crate::stripe::form;
use crate::stripe::model::subscription::{Subscription, SubscriptionStatus};
use crate::stripe::params::Params;
use crate::stripe::state::State;

pub(crate) async fn show(Extracted(shared): Extracted<Arc<Shared>>, Path(id): Path<String>) -> Response {
    shared.act(|state| render(state, &id))
}

pub(crate) async fn submit(Extracted(shared): Extracted<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    let parsed = form::parse(&String::from_utf8_lossy(&body));
    let node = parsed.unwrap_or(form::Node::Branch(Vec::new()));
    let params = Params::root(&node);
    let action = params.text("action").ok().flatten().unwrap_or_default();
    let subscription_id = params.text("subscription").ok().flatten().unwrap_or_default();
    shared.act(|state| {
        let Some(session) = state.portal_sessions.get(&id) else {
            return unknown();
        };
        // A session is for one customer and shall not reach another's.
        let is_own = state
            .subscriptions
            .get(subscription_id)
            .is_some_and(|found| found.customer == session.customer && !found.status.is_over());
        if is_own {
            match action {
                "cancel_at_period_end" => state.set_cancel_at_period_end(subscription_id, true),
                "undo" => state.set_cancel_at_period_end(subscription_id, false),
                "cancel_now" => {
                    state.cancel_subscription(subscription_id, "cancellation_requested");
                }
                _ => {}
            }
        }
        see_other(&format!("/p/session/{id}"))
    })
}

fn unknown() -> Response {
    message(
        StatusCode::NOT_FOUND,
        ("bad", "Not found"),
        "There is no such portal page",
        "The link may be old. Open the portal again from your account.",
        None,
    )
}

fn render(state: &State, id: &str) -> Response {
    let Some(session) = state.portal_sessions.get(id) else {
        return unknown();
    };
    let customer = state.customers.get(&session.customer);
    let who = customer
        .and_then(|customer| customer.email.as_deref())
        .unwrap_or(&session.customer);
    let mut panels = String::new();
    let own = state
        .subscriptions
        .newest_first()
        .filter(|(_, found)| found.customer == session.customer);
    for (_, subscription) in own {
        panels.push_str(&panel(state, id, subscription));
    }
    if panels.is_empty() {
        panels.push_str("<div class=\"panel soft\">You have no subscriptions.</div>");
    }
    let back = session.return_url.as_ref().map_or_else(String::new, |url| {
        format!("<a href=\"{}\">← Return to Tillgate demo store</a>", escape(url))
    });
    let body = format!(
        "<main class=\"page\"><p class=\"small\">{back}</p><h1>Your subscriptions <span class=\"badge\">Test mode</span></h1><p class=\"soft\">{}</p>{panels}{}<p class=\"foot\">Simulated billing portal · not affiliated with Stripe</p></main>",
        escape(who),
        invoices(state, &session.customer),
    );
    page(StatusCode::OK, "Billing portal", &body)
}

fn panel(state: &State, session_id: &str, subscription: &Subscription) -> String {
    let mut lines = String::new();
    for item in &subscription.items {
        let Some(price) = state.prices.get(&item.price) else {
            continue;
        };
        let name = state
            .products
            .get(&price.product)
            .map_or("Plan", |product| &product.name);
        let total = price.unit_amount.saturating_mul(item.quantity);
        lines.push_str(&format!(
            "<p><b>{}</b> <span class=\"soft\">× {} · {} {}</span></p>",
            escape(name),
            item.quantity,
            amount(total, &price.currency),
            price.recurring.map(cycle).unwrap_or_default(),
        ));
    }
    let status = subscription.status;
    let badge = match status {
        SubscriptionStatus::Active | SubscriptionStatus::Trialing => "good",
        SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => "bad",
        _ => "plain",
    };
    let end = readable_date(subscription.cancel_at.unwrap_or(subscription.period.1));
    let next = match (status.is_over(), subscription.cancel_at) {
        (true, _) => format!("Ended on {}", readable_date(subscription.ended_at.unwrap_or_default())),
        (false, Some(_)) => format!("Cancels on {end}"),
        (false, None) => format!("Renews on {end}"),
    };
    let buttons = match (status.is_over(), subscription.cancel_at) {
        (true, _) => String::new(),
        (false, Some(_)) => {
            button(session_id, subscription, "undo", "Don’t cancel", "")
                + &button(session_id, subscription, "cancel_now", "Cancel now", "danger")
        }
        (false, None) => {
            button(
                session_id,
                subscription,
                "cancel_at_period_end",
                "Cancel at period end",
                "",
            ) + &button(session_id, subscription, "cancel_now", "Cancel now", "danger")
        }
    };
    format!(
        "<div class=\"panel\"><div class=\"top\"><div>{lines}</div><span class=\"badge {badge}\">{}</span></div><p class=\"soft small\">{next}</p>{buttons}</div>",
        status.name().replace('_', " "),
    )
}

fn button(session_id: &str, subscription: &Subscription, action: &str, label: &str, class: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/p/session/{}\"><input type=\"hidden\" name=\"subscription\" value=\"{}\"><button class=\"{class}\" name=\"action\" value=\"{action}\">{label}</button></form>",
        escape(session_id),
        escape(&subscription.id),
    )
}

fn invoices(state: &State, customer: &str) -> String {
    /// The most invoices shown.
    const SHOWN: usize = 12;
    let mut rows = String::new();
    let own = state
        .invoices
        .newest_first()
        .filter(|(_, invoice)| invoice.customer == customer);
    for (_, invoice) in own.take(SHOWN) {
        let number = invoice.number.as_deref().unwrap_or("Draft");
        rows.push_str(&format!(
            "<tr><td>{}</td><td><a href=\"/i/{}\">{}</a></td><td>{}</td><td><span class=\"badge plain\">{}</span></td></tr>",
            readable_date(invoice.created),
            escape(&invoice.id),
            escape(number),
            amount(invoice.amount_due, &invoice.currency),
            invoice.status,
        ));
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("<div class=\"panel\"><h2>Invoices</h2><table>{rows}</table></div>")
}
