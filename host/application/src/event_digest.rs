//! What a normalized event says, written down in one way: to tell a repetition from other contents, and to show two
//! readings of one webhook side by side.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tillgate_domain::{Money, SubscriptionChange, SubscriptionStatus, Timestamp};

use crate::ports::{
    CheckoutChange, CheckoutEvent, DisputeEvent, EventBody, Field, PaymentEvent, ProviderEvent, ProviderSubscription,
    RefundEvent,
};
use crate::views::rfc3339;

/// The SHA-256 of what an event says.
///
/// Not of the body it came in: a provider that delivers once more signs anew, and counts how often it tried. And not of
/// when it says that: where a provider sends no time in the body, a plugin takes that of the delivery.
pub(crate) fn digest(event: &ProviderEvent) -> [u8; 32] {
    let mut said = describe(event);
    if let Value::Object(fields) = &mut said {
        fields.remove("occurred_at");
    }
    let mut text = String::new();
    canonical(&said, &mut text);
    Sha256::digest(text).into()
}

/// Everything an event says, but for the provider's clock at the time it says it.
pub(crate) fn describe(event: &ProviderEvent) -> Value {
    let (kind, contents) = match &event.body {
        EventBody::Checkout(checkout) => ("checkout", checkout_contents(checkout)),
        EventBody::Subscription { change, subscription } => {
            ("subscription", subscription_contents(*change, subscription))
        }
        EventBody::Payment(payment) => ("payment", payment_contents(payment)),
        EventBody::Refund(refund) => ("refund", refund_contents(refund)),
        EventBody::Dispute(dispute) => ("dispute", dispute_contents(dispute)),
        EventBody::Other => ("other", json!({})),
    };
    json!({
        "dedupe_key": event.dedupe_key,
        "provider_type": event.provider_type,
        "occurred_at": time(event.occurred_at),
        "live": event.live,
        "account_reference": event.account_reference,
        "kind": kind,
        "contents": contents,
    })
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(rfc3339)
}

fn money(money: Money) -> Value {
    json!({ "amount": money.amount, "currency": money.currency.to_string() })
}

fn fields(fields: &[Field]) -> Value {
    let entries = fields.iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn checkout_contents(event: &CheckoutEvent) -> Value {
    let change = match event.change {
        CheckoutChange::Completed => "completed",
        CheckoutChange::PaymentSucceeded => "payment_succeeded",
        CheckoutChange::PaymentFailed => "payment_failed",
        CheckoutChange::Expired => "expired",
    };
    json!({
        "reference": event.reference,
        "change": change,
        "payment_status": event.payment_status.as_str(),
        "is_subscription": event.is_subscription,
        "correlation_id": event.correlation_id,
        "customer_reference": event.customer_reference,
        "customer_email": event.customer_email,
        "subscription_reference": event.subscription_reference,
        "payment_reference": event.payment_reference,
        "total": event.total.map(money),
        "metadata": fields(&event.metadata),
    })
}

fn subscription_contents(change: SubscriptionChange, told: &ProviderSubscription) -> Value {
    let change = match change {
        SubscriptionChange::Created => "created",
        SubscriptionChange::Updated => "updated",
        SubscriptionChange::Ended => "ended",
    };
    let (snapshot, terms) = (&told.snapshot, &told.snapshot.terms);
    let items = told.items.iter().map(|item| {
        json!({
            "reference": item.reference,
            "price_reference": item.price_reference,
            "quantity": item.quantity,
        })
    });
    json!({
        "reference": told.reference,
        "change": change,
        "customer_reference": told.customer_reference,
        "status": snapshot.status.map(SubscriptionStatus::as_str),
        "provider_status": snapshot.provider_status,
        "price_reference": terms.price_reference,
        "seats": terms.seats,
        "period_start": time(terms.period.map(|period| period.start)),
        "period_end": time(terms.period.map(|period| period.end)),
        "trial_end": time(terms.trial_end),
        "cancel_at": time(terms.cancel_at),
        "cancel_at_period_end": terms.cancel_at_period_end,
        "canceled_at": time(terms.canceled_at),
        "ended_at": time(terms.ended_at),
        "items": items.collect::<Vec<Value>>(),
        "correlation_id": told.correlation_id,
        "metadata": fields(&told.metadata),
        "object_version": told.object_version,
    })
}

fn payment_contents(event: &PaymentEvent) -> Value {
    json!({
        "reference": event.reference,
        "state": event.state.as_str(),
        "amount": money(event.amount),
        "customer_reference": event.customer_reference,
        "subscription_reference": event.subscription_reference,
        "aliases": event.aliases,
        "failure_reason": event.failure_reason,
        "attempt": event.attempt,
        "next_attempt_at": time(event.next_attempt_at),
        "invoice_url": event.invoice_url,
        "receipt_url": event.receipt_url,
    })
}

fn refund_contents(event: &RefundEvent) -> Value {
    json!({
        "reference": event.reference,
        "state": event.state.as_str(),
        "amount": money(event.amount),
        "payment_references": event.payment_references,
        "reason": event.reason,
        "failure_reason": event.failure_reason,
    })
}

fn dispute_contents(event: &DisputeEvent) -> Value {
    json!({
        "reference": event.reference,
        "amount": money(event.amount),
        "payment_references": event.payment_references,
        "reason": event.reason,
        "provider_status": event.provider_status,
        "evidence_due_at": time(event.evidence_due_at),
    })
}

/// JSON with its keys in order, so that equal values have equal texts.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            text.push('{');
            for name in names {
                // Writing to a text can't fail.
                let _written = write!(text, "{}:", Value::String(name.clone()));
                canonical(fields.get(name).unwrap_or(&Value::Null), text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => {
            let _written = write!(text, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(status: &str, occurred_at: i64) -> ProviderEvent {
        ProviderEvent {
            dedupe_key: "evt_1".to_owned(),
            provider_type: "charge.dispute.created".to_owned(),
            occurred_at: Some(Timestamp::from_seconds(occurred_at)),
            live: Some(false),
            account_reference: None,
            body: EventBody::Dispute(Box::new(DisputeEvent {
                reference: "dp_1".to_owned(),
                amount: Money::new(500, "usd".parse().unwrap()),
                payment_references: vec!["ch_1".to_owned()],
                reason: None,
                provider_status: status.to_owned(),
                evidence_due_at: None,
            })),
        }
    }

    #[test]
    fn what_is_said_counts_and_not_when() {
        let first = digest(&dispute("needs_response", 1));
        assert_eq!(first, digest(&dispute("needs_response", 2)));
        assert_ne!(first, digest(&dispute("won", 1)));
    }

    #[test]
    fn the_order_of_names_says_nothing() {
        let text = |value: Value| {
            let mut text = String::new();
            canonical(&value, &mut text);
            text
        };
        let (one, other) = (json!({ "a": 1, "b": ["x", null] }), json!({ "b": ["x", null], "a": 1 }));
        assert_eq!(text(one), text(other));
        assert_ne!(text(json!(["a", "b"])), text(json!(["a,b"])));
    }
}
