//! Webhooks: the request, what is made of it, and the normalized events in it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tillgate_domain::{Money, PaymentState, PaymentStatus, RefundState, SubscriptionChange, Timestamp};

use super::{Field, ProviderSubscription};

/// A request received from a provider, exactly as received.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRequest {
    /// The method, in upper case.
    pub method: String,
    /// The URL as registered with the provider.
    pub url: String,
    /// Query pairs, decoded.
    pub query: Vec<Field>,
    /// All headers, in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The raw body.
    pub body: Vec<u8>,
    /// The sender's address.
    pub remote_ip: Option<IpAddr>,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: i64,
}

impl std::fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} webhook of {} bytes", self.method, self.body.len())
    }
}

/// What a provider is answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Ack {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<Field>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ack {}", self.status)
    }
}

/// Why a webhook isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookRejection {
    /// It carries no signature.
    SignatureMissing,
    /// Its signature has no form that could be right.
    SignatureMalformed,
    /// It isn't a request this provider sends.
    NotAWebhook,
    /// No active secret proves it.
    SignatureInvalid,
    /// It was signed too long ago.
    TooOld,
    /// It was signed in the future.
    TooNew,
}

/// What to do with a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookDecision {
    /// It is genuine.
    Proven {
        /// Which of the active secrets proved it, newest first; none where no secret was involved.
        secret_index: Option<usize>,
        /// Nothing in it proves anything: `parse` has to ask the provider.
        fetch_back: bool,
    },
    /// The provider only checks that we are here.
    Handshake(Ack),
    /// It isn't believed.
    Rejected {
        /// Why.
        reason: WebhookRejection,
        /// For people.
        message: String,
        /// The answer the plugin wants.
        ack: Option<Ack>,
    },
}

/// What a normalized event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBody {
    /// A checkout session.
    Checkout(Box<CheckoutEvent>),
    /// A subscription.
    Subscription {
        /// What happened.
        change: SubscriptionChange,
        /// The subscription after it.
        subscription: Box<ProviderSubscription>,
    },
    /// A payment.
    Payment(Box<PaymentEvent>),
    /// A refund.
    Refund(Box<RefundEvent>),
    /// A dispute.
    Dispute(Box<DisputeEvent>),
    /// Something without effect.
    Other,
}

/// How a checkout session went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutChange {
    /// The customer finished it.
    Completed,
    /// The pending payment succeeded.
    PaymentSucceeded,
    /// The pending payment failed.
    PaymentFailed,
    /// It wasn't finished in time.
    Expired,
}

/// Facts about a checkout session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutEvent {
    /// The provider's id.
    pub reference: String,
    /// What happened.
    pub change: CheckoutChange,
    /// Whether it is paid.
    pub payment_status: PaymentStatus,
    /// Whether it is for a subscription.
    pub is_subscription: bool,
    /// Our id of the session.
    pub correlation_id: Option<String>,
    /// The provider's id of the customer.
    pub customer_reference: Option<String>,
    /// The customer's address.
    pub customer_email: Option<String>,
    /// The provider's id of the subscription that came of it.
    pub subscription_reference: Option<String>,
    /// The provider's id of the payment that came of it.
    pub payment_reference: Option<String>,
    /// What it cost in all.
    pub total: Option<Money>,
    /// The session's metadata.
    pub metadata: Vec<Field>,
}

/// Facts about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    /// By which it is counted once.
    pub reference: String,
    /// How it stands.
    pub state: PaymentState,
    /// The amount.
    pub amount: Money,
    /// The provider's id of the customer.
    pub customer_reference: Option<String>,
    /// The provider's id of the subscription.
    pub subscription_reference: Option<String>,
    /// Other ids of it.
    pub aliases: Vec<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// How often it was tried.
    pub attempt: Option<u32>,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// The invoice's page.
    pub invoice_url: Option<String>,
    /// The receipt's page.
    pub receipt_url: Option<String>,
}

/// Facts about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundEvent {
    /// The provider's id; none where only the total is known.
    pub reference: Option<String>,
    /// How it stands.
    pub state: RefundState,
    /// This refund's amount, or the total refunded.
    pub amount: Money,
    /// The ids by which the payment is named.
    pub payment_references: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

/// Facts about a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeEvent {
    /// The provider's id.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// The ids by which the payment is named.
    pub payment_references: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// The provider's word for how it stands.
    pub provider_status: String,
    /// Until when evidence is taken.
    pub evidence_due_at: Option<Timestamp>,
}

/// One normalized event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// Unique for the account.
    pub dedupe_key: String,
    /// The provider's word for its type.
    pub provider_type: String,
    /// When it happened, by the provider's clock.
    pub occurred_at: Option<Timestamp>,
    /// Live (true) or test (false), where the provider says.
    pub live: Option<bool>,
    /// The account at the provider it concerns.
    pub account_reference: Option<String>,
    /// What it is about.
    pub body: EventBody,
}

/// A parsed webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its events.
    pub events: Vec<ProviderEvent>,
    /// The answer the plugin wants.
    pub ack: Option<Ack>,
}

/// Whether a webhook could be parsed without asking the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// Yes.
    Receipt(Receipt),
    /// No: the provider has to be asked.
    NeedsExchange,
}
