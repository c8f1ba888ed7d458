//! Normalized events, as a plugin makes them of webhooks.

use tillgate_application::ports::{
    CheckoutChange, CheckoutEvent, DisputeEvent, EventBody, PaymentEvent, ProviderEvent, ProviderSubscription,
    ProviderSubscriptionItem, RefundEvent, WebhookRequest,
};
use tillgate_domain::{
    Money, PaymentState, PaymentStatus, Period, RefundState, SubscriptionChange, SubscriptionSnapshot,
    SubscriptionStatus, Terms, Timestamp,
};

use crate::NOW;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

fn event(dedupe_key: &str, provider_type: &str, seconds: i64, body: EventBody) -> ProviderEvent {
    ProviderEvent {
        dedupe_key: dedupe_key.to_owned(),
        provider_type: provider_type.to_owned(),
        occurred_at: Some(at(seconds)),
        live: Some(false),
        account_reference: None,
        body,
    }
}

/// A request that carries a body and proves itself with a secret.
#[must_use]
pub fn webhook(body: Vec<u8>, secret: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        url: String::new(),
        query: Vec::new(),
        headers: vec![("x-secret".to_owned(), secret.as_bytes().to_vec())],
        body,
        remote_ip: None,
        received_at_ms: NOW * 1000,
    }
}

/// What the customer of a finished checkout tells.
#[must_use]
pub fn checkout_completed(
    dedupe_key: &str,
    seconds: i64,
    correlation_id: Option<&str>,
    subscription: Option<&str>,
) -> ProviderEvent {
    let body = CheckoutEvent {
        reference: "cs_1".to_owned(),
        change: CheckoutChange::Completed,
        payment_status: PaymentStatus::Paid,
        is_subscription: subscription.is_some(),
        correlation_id: correlation_id.map(str::to_owned),
        customer_reference: Some("cus_a".to_owned()),
        customer_email: Some("a@example.com".to_owned()),
        subscription_reference: subscription.map(str::to_owned),
        payment_reference: subscription.is_none().then(|| "pay_0".to_owned()),
        total: usd(2_000),
        metadata: Vec::new(),
    };
    event(
        dedupe_key,
        "checkout.completed",
        seconds,
        EventBody::Checkout(Box::new(body)),
    )
}

fn usd(amount: i64) -> Option<Money> {
    let currency = "usd".parse().ok()?;
    Some(Money::new(amount, currency))
}

/// A subscription `sub_a` of the customer `cus_a` in a status, with so many seats, as it stood after so many seconds.
#[must_use]
pub fn subscription_event(
    dedupe_key: &str,
    change: SubscriptionChange,
    seconds: i64,
    status: SubscriptionStatus,
    seats: u64,
    correlation_id: Option<&str>,
) -> ProviderEvent {
    let ended = status.is_final().then(|| at(seconds));
    let subscription = ProviderSubscription {
        reference: "sub_a".to_owned(),
        customer_reference: Some("cus_a".to_owned()),
        snapshot: SubscriptionSnapshot {
            status: Some(status),
            provider_status: status.as_str().to_owned(),
            terms: Terms {
                period: Some(Period {
                    start: at(0),
                    end: at(30 * 86_400),
                }),
                canceled_at: ended,
                ended_at: ended,
                ..Terms::default()
            },
        },
        items: vec![ProviderSubscriptionItem {
            reference: "si_a".to_owned(),
            price_reference: "price_1".to_owned(),
            quantity: Some(seats),
        }],
        correlation_id: correlation_id.map(str::to_owned),
        metadata: Vec::new(),
        object_version: None,
        as_of: None,
    };
    let body = EventBody::Subscription {
        change,
        subscription: Box::new(subscription),
    };
    event(dedupe_key, "subscription", seconds, body)
}

/// A payment of 20.00 in a state, for `sub_a` of `cus_a`.
///
/// # Panics
/// Never: the currency is one.
#[must_use]
pub fn payment(dedupe_key: &str, seconds: i64, reference: &str, state: PaymentState) -> ProviderEvent {
    let body = PaymentEvent {
        reference: reference.to_owned(),
        state,
        amount: usd(2_000).expect("a currency"),
        customer_reference: Some("cus_a".to_owned()),
        subscription_reference: Some("sub_a".to_owned()),
        aliases: vec![format!("ch_{reference}")],
        failure_reason: (state == PaymentState::Failed).then(|| "insufficient_funds".to_owned()),
        attempt: Some(1),
        next_attempt_at: None,
        invoice_url: None,
        receipt_url: None,
    };
    event(dedupe_key, "payment", seconds, EventBody::Payment(Box::new(body)))
}

/// A refund of so much of the payment with this alias.
///
/// # Panics
/// Never: the currency is one.
#[must_use]
pub fn refund(dedupe_key: &str, seconds: i64, reference: &str, payment_alias: &str, amount: i64) -> ProviderEvent {
    let body = RefundEvent {
        reference: Some(reference.to_owned()),
        state: RefundState::Succeeded,
        amount: usd(amount).expect("a currency"),
        payment_references: vec![payment_alias.to_owned()],
        reason: None,
        failure_reason: None,
    };
    event(dedupe_key, "refund", seconds, EventBody::Refund(Box::new(body)))
}

/// So much was given back in all of the payment with this alias.
///
/// # Panics
/// Never: the currency is one.
#[must_use]
pub fn refunded_total(dedupe_key: &str, seconds: i64, payment_alias: &str, amount: i64) -> ProviderEvent {
    let body = RefundEvent {
        reference: None,
        state: RefundState::Succeeded,
        amount: usd(amount).expect("a currency"),
        payment_references: vec![payment_alias.to_owned()],
        reason: None,
        failure_reason: None,
    };
    event(dedupe_key, "refund", seconds, EventBody::Refund(Box::new(body)))
}

/// A dispute of 20.00 about the payment with this alias, and how it stands in the provider's words.
///
/// # Panics
/// Never: the currency is one.
#[must_use]
pub fn dispute(dedupe_key: &str, seconds: i64, reference: &str, payment_alias: &str, status: &str) -> ProviderEvent {
    let body = DisputeEvent {
        reference: reference.to_owned(),
        amount: usd(2_000).expect("a currency"),
        payment_references: vec![payment_alias.to_owned()],
        reason: Some("fraudulent".to_owned()),
        provider_status: status.to_owned(),
        evidence_due_at: None,
    };
    event(dedupe_key, "dispute", seconds, EventBody::Dispute(Box::new(body)))
}
