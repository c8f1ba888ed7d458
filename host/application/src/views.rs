//! What tenants see: one definition for the API's answers, for events, and for answers kept for replay.

use serde::{Deserialize, Serialize};
use tillgate_domain::{
    CheckoutSession, Customer, Dispute, DomainEvent, EventKind, Money, Payment, Purchase, Refund, Subscription,
    Timestamp,
};
use utoipa::ToSchema;

/// Writes a time as RFC 3339 in UTC, with milliseconds where there are any.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis()).map_or_else(
        // Outside years -9999 to 9999 there is no RFC 3339 form; no provider sends such a time on purpose.
        |_| "9999-12-31T23:59:59Z".to_owned(),
        |time| time.to_string(),
    )
}

fn optional(time: Option<Timestamp>) -> Option<String> {
    time.map(rfc3339)
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// Minor units: 1500 "usd" is 15 dollars.
    #[schema(example = 1500)]
    pub amount: i64,
    /// ISO 4217 code in lower case.
    #[schema(example = "usd")]
    pub currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount,
            currency: money.currency.to_string(),
        }
    }
}

/// A checkout session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CheckoutSession)]
pub struct CheckoutSessionView {
    /// Its id.
    #[schema(example = "cks_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    pub id: String,
    /// `subscription` or `one_time`.
    pub r#type: String,
    /// `pending`, `open`, `complete`, `expired` or `failed`.
    pub status: String,
    /// `unpaid`, `paid` or `no_payment_required`.
    pub payment_status: String,
    /// Send the customer here. Null until the provider has confirmed.
    pub url: Option<String>,
    /// The tenant's product.
    pub product_id: String,
    /// How many seats.
    pub seats: u64,
    /// Length of the trial in days.
    pub trial_period_days: Option<u32>,
    /// The customer, where known beforehand.
    pub customer_id: Option<String>,
    /// The organization it is for.
    pub organization_id: Option<String>,
    /// The user it is for.
    pub user_id: Option<String>,
    /// Where it is paid.
    pub provider_account_id: String,
    /// The provider's id.
    pub provider_reference: Option<String>,
    /// The tenant's metadata.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub metadata: std::collections::BTreeMap<String, String>,
    /// When the page stops working.
    pub expires_at: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&CheckoutSession> for CheckoutSessionView {
    fn from(session: &CheckoutSession) -> Self {
        Self {
            id: session.id.to_string(),
            r#type: session.checkout_type.as_str().to_owned(),
            status: session.status().as_str().to_owned(),
            payment_status: session.payment_status().as_str().to_owned(),
            url: session.url.clone(),
            product_id: session.product_id.clone(),
            seats: session.seats,
            trial_period_days: session.trial_period_days,
            customer_id: session.customer_id.map(|id| id.to_string()),
            organization_id: session.organization_id.clone(),
            user_id: session.user_id.clone(),
            provider_account_id: session.account_id.to_string(),
            provider_reference: session.provider_reference.clone(),
            metadata: session.metadata.iter().cloned().collect(),
            expires_at: optional(session.expires_at),
            created_at: rfc3339(session.created_at),
            updated_at: rfc3339(session.updated_at()),
        }
    }
}

/// A page on which a customer manages their own billing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PortalSession)]
pub struct PortalSessionView {
    /// Send the customer here.
    pub url: String,
    /// The customer.
    pub customer_id: String,
    /// When the page stops working.
    pub expires_at: Option<String>,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerView {
    /// Its id.
    pub id: String,
    /// Its address.
    pub email: Option<String>,
    /// The organization it pays for.
    pub organization_id: Option<String>,
    /// The user it is.
    pub user_id: Option<String>,
    /// Where it is a customer.
    pub provider_account_id: String,
    /// The provider's id.
    pub provider_reference: String,
    /// When it became known.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Customer> for CustomerView {
    fn from(customer: &Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            email: customer.email.clone(),
            organization_id: customer.organization_id.clone(),
            user_id: customer.user_id.clone(),
            provider_account_id: customer.account_id.to_string(),
            provider_reference: customer.provider_reference.clone(),
            created_at: rfc3339(customer.created_at),
            updated_at: rfc3339(customer.updated_at),
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Subscription)]
pub struct SubscriptionView {
    /// Its id.
    pub id: String,
    /// `incomplete`, `trialing`, `active`, `past_due`, `unpaid`, `paused`, `canceled` or `expired`.
    pub status: String,
    /// The provider's own word for it.
    pub provider_status: String,
    /// Who pays.
    pub customer_id: String,
    /// The tenant's product, where known.
    pub product_id: Option<String>,
    /// The provider's id of the price.
    pub price_reference: Option<String>,
    /// How many seats, where the provider has a quantity.
    pub seats: Option<u64>,
    /// When the current period began.
    pub current_period_start: Option<String>,
    /// When the current period ends.
    pub current_period_end: Option<String>,
    /// When the trial ends or ended.
    pub trial_end: Option<String>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When a scheduled cancellation takes effect.
    pub cancel_at: Option<String>,
    /// When it was asked to be canceled.
    pub canceled_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Where it runs.
    pub provider_account_id: String,
    /// The provider's id.
    pub provider_reference: String,
    /// When it became known.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Subscription> for SubscriptionView {
    fn from(subscription: &Subscription) -> Self {
        let terms = subscription.terms();
        Self {
            id: subscription.id.to_string(),
            status: subscription.status().as_str().to_owned(),
            provider_status: subscription.provider_status().to_owned(),
            customer_id: subscription.customer_id.to_string(),
            product_id: subscription.product_id.clone(),
            price_reference: terms.price_reference.clone(),
            seats: terms.seats,
            current_period_start: terms.period.map(|period| rfc3339(period.start)),
            current_period_end: terms.period.map(|period| rfc3339(period.end)),
            trial_end: optional(terms.trial_end),
            cancel_at_period_end: terms.cancel_at_period_end,
            cancel_at: optional(terms.cancel_at),
            canceled_at: optional(terms.canceled_at),
            ended_at: optional(terms.ended_at),
            provider_account_id: subscription.account_id.to_string(),
            provider_reference: subscription.provider_reference.clone(),
            created_at: rfc3339(subscription.created_at),
            updated_at: rfc3339(subscription.updated_at()),
        }
    }
}

/// What came of a change to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SubscriptionChange)]
pub struct ChangeView {
    /// `applied`, `scheduled` or `action_required`.
    pub outcome: String,
    /// When a scheduled change takes effect.
    pub effective_at: Option<String>,
    /// Where the customer has to go.
    pub action_url: Option<String>,
    /// The subscription as it is now.
    pub subscription: SubscriptionView,
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Purchase)]
pub struct PurchaseView {
    /// Its id.
    pub id: String,
    /// `one_time` or `subscription`.
    pub r#type: String,
    /// `pending`, `active`, `completed` or `failed`.
    pub status: String,
    /// Who bought it, where known.
    pub customer_id: Option<String>,
    /// The tenant's product, where known.
    pub product_id: Option<String>,
    /// The subscription that was bought.
    pub subscription_id: Option<String>,
    /// The checkout session it was bought in.
    pub checkout_session_id: Option<String>,
    /// What it cost.
    pub amount: Option<MoneyView>,
    /// Where it was bought.
    pub provider_account_id: String,
    /// By which the provider counts it.
    pub provider_reference: String,
    /// The provider's id of the payment.
    pub provider_transaction_id: Option<String>,
    /// When it became known.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Purchase> for PurchaseView {
    fn from(purchase: &Purchase) -> Self {
        Self {
            id: purchase.id.to_string(),
            r#type: purchase.purchase_type.as_str().to_owned(),
            status: purchase.status().as_str().to_owned(),
            customer_id: purchase.customer_id.map(|id| id.to_string()),
            product_id: purchase.product_id.clone(),
            subscription_id: purchase.subscription_id.map(|id| id.to_string()),
            checkout_session_id: purchase.checkout_session_id.map(|id| id.to_string()),
            amount: purchase.amount.map(Into::into),
            provider_account_id: purchase.account_id.to_string(),
            provider_reference: purchase.provider_reference.clone(),
            provider_transaction_id: purchase.provider_transaction_id.clone(),
            created_at: rfc3339(purchase.created_at),
            updated_at: rfc3339(purchase.updated_at()),
        }
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    /// Its id.
    pub id: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: String,
    /// How much.
    pub amount: MoneyView,
    /// How much of it was given back, in minor units.
    pub refunded_amount: i64,
    /// Who paid, where known.
    pub customer_id: Option<String>,
    /// For which subscription.
    pub subscription_id: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// When it is tried next.
    pub next_attempt_at: Option<String>,
    /// The invoice's page.
    pub invoice_url: Option<String>,
    /// The receipt's page.
    pub receipt_url: Option<String>,
    /// Where it was made.
    pub provider_account_id: String,
    /// By which the provider counts it.
    pub provider_reference: String,
    /// When it became known.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let facts = &payment.facts;
        Self {
            id: payment.id.to_string(),
            status: facts.state.as_str().to_owned(),
            amount: facts.amount.into(),
            refunded_amount: payment.refunded_amount,
            customer_id: facts.customer_id.map(|id| id.to_string()),
            subscription_id: facts.subscription_id.map(|id| id.to_string()),
            failure_reason: facts.failure_reason.clone(),
            next_attempt_at: optional(facts.next_attempt_at),
            invoice_url: facts.invoice_url.clone(),
            receipt_url: facts.receipt_url.clone(),
            provider_account_id: payment.account_id.to_string(),
            provider_reference: facts.provider_reference.clone(),
            created_at: rfc3339(payment.created_at),
            updated_at: rfc3339(payment.updated_at),
        }
    }
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    /// Its id.
    pub id: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: String,
    /// How much.
    pub amount: MoneyView,
    /// The payment that was given back, where known.
    pub payment_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Where it was made.
    pub provider_account_id: String,
    /// The provider's id.
    pub provider_reference: String,
    /// When it became known.
    pub created_at: String,
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            status: refund.facts.state.as_str().to_owned(),
            amount: refund.facts.amount.into(),
            payment_id: refund.payment_id.map(|id| id.to_string()),
            reason: refund.facts.reason.clone(),
            failure_reason: refund.facts.failure_reason.clone(),
            provider_account_id: refund.account_id.to_string(),
            provider_reference: refund.facts.provider_reference.clone(),
            created_at: rfc3339(refund.created_at),
        }
    }
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Dispute)]
pub struct DisputeView {
    /// Its id.
    pub id: String,
    /// The provider's word for how it stands.
    pub provider_status: String,
    /// The disputed amount.
    pub amount: MoneyView,
    /// The disputed payment, where known.
    pub payment_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Until when evidence is taken.
    pub evidence_due_at: Option<String>,
    /// Where.
    pub provider_account_id: String,
    /// The provider's id.
    pub provider_reference: String,
    /// When it became known.
    pub created_at: String,
}

impl From<&Dispute> for DisputeView {
    fn from(dispute: &Dispute) -> Self {
        Self {
            id: dispute.id.to_string(),
            provider_status: dispute.facts.provider_status.clone(),
            amount: dispute.facts.amount.into(),
            payment_id: dispute.payment_id.map(|id| id.to_string()),
            reason: dispute.facts.reason.clone(),
            evidence_due_at: optional(dispute.facts.evidence_due_at),
            provider_account_id: dispute.account_id.to_string(),
            provider_reference: dispute.facts.provider_reference.clone(),
            created_at: rfc3339(dispute.created_at),
        }
    }
}

/// A domain event, as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its id.
    pub id: String,
    /// Its name, e.g. `subscription.canceled`.
    pub r#type: String,
    /// When it was recorded.
    pub created_at: String,
    /// There, and true, where it didn't just happen: an import found it at the provider, and was told to publish that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
    /// What it happened to, and what changed.
    pub data: EventData,
}

/// What an event happened to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventData {
    /// The object after it.
    #[schema(value_type = Object)]
    pub object: serde_json::Value,
    /// What changed, as `from` and `to`, where the event says.
    #[schema(value_type = Option<Object>)]
    pub changes: Option<serde_json::Value>,
}

/// What an event says changed.
pub(crate) fn changes(event: &DomainEvent) -> Option<serde_json::Value> {
    match &event.kind {
        EventKind::SubscriptionStatusChanged { from, to } => {
            Some(serde_json::json!({ "status": { "from": from.as_str(), "to": to.as_str() } }))
        }
        EventKind::SubscriptionSeatsChanged { from, to } => {
            Some(serde_json::json!({ "seats": { "from": from, "to": to } }))
        }
        EventKind::SubscriptionCancellationScheduled { at } => {
            Some(serde_json::json!({ "cancel_at": { "to": at.map(rfc3339) } }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(Timestamp::from_seconds(1_700_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(
            rfc3339(Timestamp::from_millis(1_700_000_000_123)),
            "2023-11-14T22:13:20.123Z"
        );
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59Z");
    }
}
