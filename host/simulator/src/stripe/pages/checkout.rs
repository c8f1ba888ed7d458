//! The hosted checkout page.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{amount, cycle, escape, message, page, see_other};
use crate::stripe::Shared;
use crate::stripe::billing::checkout::Payment;
use crate::stripe::clock::{DAY, readable_date};
use crate::stripe::form;
use crate::stripe::model::catalog::Recurring;
use crate::stripe::model::checkout::{CheckoutSession, Mode, SessionStatus};
use crate::stripe::model::payment::DECLINE_MESSAGE;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// What Stripe replaces in `success_url`.
const SESSION_ID: &str = "{CHECKOUT_SESSION_ID}";
/// The longest address someone can type.
const MAX_EMAIL: usize = 254;

pub(crate) async fn show(Extracted(shared): Extracted<Arc<Shared>>, Path(id): Path<String>) -> Response {
    shared.act(|state| render(state, &id, None, None))
}

pub(crate) async fn submit(Extracted(shared): Extracted<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    let parsed = form::parse(&String::from_utf8_lossy(&body));
    let node = parsed.unwrap_or(form::Node::Branch(Vec::new()));
    let params = Params::root(&node);
    let action = params.text("action").ok().flatten().unwrap_or_default();
    let email = params.text("email").ok().flatten().unwrap_or_default().trim();
    shared.act(|state| {
        let Some(session) = state.sessions.get(&id).cloned() else {
            return unknown();
        };
        if session.status != SessionStatus::Open {
            return render(state, &id, None, None);
        }
        let payment = match action {
            "pay" => Payment::Card,
            "decline" => Payment::DeclinedCard,
            "delayed" => Payment::BankDebit,
            _ => return render(state, &id, Some("Choose how to pay."), Some(email)),
        };
        let known = known_email(state, &session).unwrap_or_else(|| email.to_owned());
        let is_address = known.contains('@') && known.len() <= MAX_EMAIL;
        if !is_address && payment != Payment::DeclinedCard {
            return render(state, &id, Some("Enter your email address."), Some(email));
        }
        if state.pay_session(&id, &known, payment) {
            see_other(&session.success_url.replace(SESSION_ID, &id))
        } else {
            let notice = format!("{DECLINE_MESSAGE} Please try a different card.");
            render(state, &id, Some(&notice), Some(email))
        }
    })
}

fn unknown() -> Response {
    message(
        StatusCode::NOT_FOUND,
        ("bad", "Not found"),
        "There is no such checkout page",
        "Check the link, or ask whoever sent it to you for a new one.",
        None,
    )
}

/// The address that is settled already and cannot be changed on the page.
fn known_email(state: &State, session: &CheckoutSession) -> Option<String> {
    let customer = session.customer.as_ref().and_then(|id| state.customers.get(id));
    session
        .customer_email
        .clone()
        .or_else(|| customer.and_then(|customer| customer.email.clone()))
}

fn render(state: &State, id: &str, notice: Option<&str>, typed: Option<&str>) -> Response {
    let Some(session) = state.sessions.get(id) else {
        return unknown();
    };
    match session.status {
        SessionStatus::Complete => message(
            StatusCode::OK,
            ("good", "Complete"),
            "You’re all done here",
            "This checkout has been completed. It cannot be paid a second time.",
            Some((&session.success_url.replace(SESSION_ID, id), "Continue")),
        ),
        SessionStatus::Expired => message(
            StatusCode::OK,
            ("bad", "Expired"),
            "This checkout has expired",
            "Nothing was charged. Go back and start again.",
            session.cancel_url.as_deref().map(|url| (url, "Go back")),
        ),
        SessionStatus::Open => {
            let body = format!(
                "<main class=\"split\">{}{}</main>",
                summary(state, session),
                payment(state, session, notice, typed)
            );
            page(StatusCode::OK, "Checkout", &body)
        }
    }
}

fn recurring(state: &State, session: &CheckoutSession) -> Option<Recurring> {
    session
        .lines
        .iter()
        .find_map(|line| state.prices.get(&line.price).and_then(|price| price.recurring))
}

fn summary(state: &State, session: &CheckoutSession) -> String {
    let currency = session.currency.as_deref().unwrap_or("usd");
    let cycle_text = recurring(state, session).map(cycle);
    let first = session.lines.first().map_or("your order", |line| &line.description);
    let (headline, price) = match (session.mode, session.trial_days) {
        (Mode::Setup, _) => ("Save a payment method".to_owned(), "No charge".to_owned()),
        (Mode::Subscription, Some(days)) => (format!("Try {}", escape(first)), format!("{days} days free")),
        (Mode::Subscription, None) => (
            format!("Subscribe to {}", escape(first)),
            format!(
                "{} <small>{}</small>",
                amount(session.total(), currency),
                cycle_text.clone().unwrap_or_default()
            ),
        ),
        (Mode::Payment, _) => (format!("Pay for {}", escape(first)), amount(session.total(), currency)),
    };
    let then = session.trial_days.map_or_else(String::new, |_| {
        format!(
            "<p class=\"soft\">Then {} {}</p>",
            amount(session.total(), currency),
            cycle_text.unwrap_or_default()
        )
    });
    format!(
        "<section class=\"summary\"><div class=\"inner\"><div class=\"merchant\"><span class=\"mark\">T</span>Tillgate demo store <span class=\"badge\">Test mode</span></div><p class=\"headline\">{headline}</p><p class=\"price\">{price}</p>{then}{}{}</div></section>",
        lines(state, session, currency),
        totals(state, session, currency),
    )
}

fn lines(state: &State, session: &CheckoutSession, currency: &str) -> String {
    let mut html = String::from("<ul class=\"lines\">");
    for line in &session.lines {
        let price = state.prices.get(&line.price);
        let recurring = price.and_then(|price| price.recurring);
        let unit = price
            .and_then(|price| state.products.get(&price.product))
            .and_then(|product| product.unit_label.clone());
        let quantity = match (&unit, recurring) {
            (Some(unit), _) => format!("{} × {}", line.quantity, escape(unit)),
            (None, Some(_)) if line.quantity == 1 => "1 seat".to_owned(),
            (None, Some(_)) => format!("{} seats", line.quantity),
            (None, None) => format!("Qty {}", line.quantity),
        };
        html.push_str(&format!(
            "<li><span><span class=\"name\">{}</span><br><span class=\"soft small\">{quantity} · {} each{}</span></span><span class=\"amount\">{}</span></li>",
            escape(&line.description),
            amount(line.unit_amount, currency),
            recurring.map_or_else(String::new, |recurring| format!(", billed {}", cycle(recurring))),
            amount(line.amount(), currency),
        ));
    }
    html.push_str("</ul>");
    html
}

fn totals(state: &State, session: &CheckoutSession, currency: &str) -> String {
    let trial = session.trial_days.map_or_else(String::new, |days| {
        format!(
            "<div class=\"sum soft\"><span>Total after the trial, due {}</span><b>{}</b></div>",
            readable_date(state.now + days * DAY),
            amount(session.total(), currency)
        )
    });
    format!(
        "<div class=\"sum\"><span>Subtotal</span><b>{}</b></div>{trial}<div class=\"sum total\"><span>Total due today</span><b>{}</b></div>",
        amount(session.total(), currency),
        amount(session.due_now(), currency)
    )
}

fn payment(state: &State, session: &CheckoutSession, notice: Option<&str>, typed: Option<&str>) -> String {
    let notice = notice.map_or_else(String::new, |text| {
        format!("<div class=\"notice\" role=\"alert\">{}</div>", escape(text))
    });
    let email = match known_email(state, session) {
        Some(email) => format!(
            "<div class=\"field\"><label for=\"email\">Email</label><input id=\"email\" type=\"email\" value=\"{}\" readonly></div>",
            escape(&email)
        ),
        None => format!(
            "<div class=\"field\"><label for=\"email\">Email</label><input id=\"email\" type=\"email\" name=\"email\" value=\"{}\" placeholder=\"you@example.com\" maxlength=\"{MAX_EMAIL}\" autocomplete=\"email\" required></div>",
            escape(typed.unwrap_or_default())
        ),
    };
    let main = match (session.mode, session.trial_days) {
        (Mode::Subscription, Some(_)) => "Start trial".to_owned(),
        (Mode::Subscription, None) => "Subscribe".to_owned(),
        (Mode::Setup, _) => "Save".to_owned(),
        (Mode::Payment, _) => {
            format!(
                "Pay {}",
                amount(session.total(), session.currency.as_deref().unwrap_or("usd"))
            )
        }
    };
    let back = session.cancel_url.as_ref().map_or_else(String::new, |url| {
        format!("<a class=\"back\" href=\"{}\">← Back</a>", escape(url))
    });
    format!(
        "<section class=\"payment\"><div class=\"inner\">{notice}<form method=\"post\" action=\"/c/pay/{id}\"><h2>Contact information</h2>{email}<h2>Payment method</h2><div class=\"field\"><div class=\"card-box\" aria-label=\"Test card\"><div><span>4242 4242 4242 4242</span><span class=\"visa\">VISA</span></div><div class=\"half\"><span>12 / 34</span><span>123</span></div></div></div><button class=\"main\" name=\"action\" value=\"pay\">{main}</button><div class=\"test\"><p class=\"soft small\">Nothing is charged here. Try what else can happen:</p><div class=\"row\"><button name=\"action\" value=\"decline\" formnovalidate>Decline card</button><button name=\"action\" value=\"delayed\">Pay with bank debit <br><span class=\"soft small\">settles later</span></button></div></div></form>{back}<p class=\"foot\">Simulated checkout · not affiliated with Stripe</p></div></section>",
        id = escape(&session.id),
    )
}
