//! The gateway to payment providers: what the use cases ask of a plugin.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tillgate_domain::{CheckoutType, Money, PaymentStatus, RefundState, SubscriptionSnapshot, Timestamp};

use super::{BackfillPage, BackfillRequest, Journal, Parsed, Receipt, StoreError, WebhookDecision, WebhookRequest};
use crate::account::ConnectedAccount;

/// A pair of name and value.
pub type Field = (String, String);

/// The circumstances of one call of a capability.
pub struct GatewayCall<'a> {
    /// For which account, with its secrets.
    pub account: &'a Arc<ConnectedAccount>,
    /// When the operation began: the same at every step and every retry.
    pub now: Timestamp,
    /// Stable across every step and every retry of the operation.
    pub idempotency_key: &'a str,
    /// Its exchanges.
    pub journal: &'a mut dyn Journal,
}

/// What a failure at the provider means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Refused as it is.
    InvalidRequest,
    /// The account's credentials are wrong, missing, or lack a permission.
    Unauthorized,
    /// It doesn't exist at the provider.
    NotFound,
    /// The object's state or a concurrent change forbids it.
    Conflict,
    /// Too many requests.
    RateLimited,
    /// Declined: an outcome, not a fault.
    Declined,
    /// The provider failed or couldn't be reached; nothing was done.
    Unavailable,
    /// Not to be had at this provider, or not for this object.
    Unsupported,
    /// The provider's answer can't be understood.
    MalformedResponse,
    /// It may or may not have been done.
    UnknownOutcome,
}

/// When the same operation may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAdvice {
    /// It would fail again.
    Never,
    /// Any time.
    Allowed,
    /// After so many milliseconds.
    After(u64),
}

/// A failure at the provider, told so that a person can act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFailure {
    /// What it means.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
    /// The provider's error code.
    pub provider_code: Option<String>,
    /// The provider's reason for a decline.
    pub decline_code: Option<String>,
    /// The parameter that is at fault.
    pub parameter: Option<String>,
    /// The status that was answered.
    pub http_status: Option<u16>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Whether trying again makes sense.
    pub retry: RetryAdvice,
}

/// How a plugin misbehaved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("plugin {plugin} {version} ({digest}) failed in {operation}: {kind}: {message}")]
pub struct PluginFault {
    /// Its name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the component, in hex.
    pub digest: String,
    /// What it was asked for.
    pub operation: String,
    /// In a word: `trapped`, `out_of_fuel`, `timed_out`, `result_too_large`, `too_many_exchanges`, `journal_too_large`,
    /// `request_refused`, `malformed_answer`, `invalid_proof_plan`.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// Why an operation gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The provider lacks the capability, or this way of it.
    #[error("{provider} has no {capability}")]
    Unsupported {
        /// The plugin's name.
        provider: String,
        /// What it lacks.
        capability: String,
    },
    /// Nothing was done; it can be tried again.
    #[error("nothing was done: {}", .0.message)]
    NotSent(Box<ProviderFailure>),
    /// It may or may not have been done.
    #[error("the outcome is unknown: {}", .0.message)]
    UnknownOutcome(Box<ProviderFailure>),
    /// The provider said no.
    #[error("the provider refused: {}", .0.message)]
    Rejected(Box<ProviderFailure>),
    /// The plugin misbehaved.
    #[error(transparent)]
    PluginFault(Box<PluginFault>),
    /// The plugin the account is pinned to isn't loaded.
    #[error("plugin {plugin} {version} ({digest}) is not loaded")]
    PluginMissing {
        /// Its name.
        plugin: String,
        /// Its version.
        version: String,
        /// Its digest.
        digest: String,
    },
    /// The journal could not be written, so nothing more was sent.
    #[error("the journal could not be written: {0}")]
    Journal(StoreError),
}

/// Asks for a checkout session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRequest {
    /// `subscription` or `one_time`.
    #[serde(with = "crate::codec::checkout_type")]
    pub checkout_type: CheckoutType,
    /// The provider's id of the price.
    pub price_reference: String,
    /// How many seats.
    pub seats: u64,
    /// The provider's id of the customer.
    pub customer_reference: Option<String>,
    /// The address to fill in.
    pub customer_email: Option<String>,
    /// Length of the trial in days.
    pub trial_period_days: Option<u32>,
    /// Where the customer comes back to after paying.
    pub success_url: String,
    /// Where the customer comes back to without.
    pub cancel_url: String,
    /// Our id of the session.
    pub correlation_id: String,
    /// To be kept by the provider.
    pub metadata: Vec<Field>,
}

/// A checkout session the provider made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCheckoutSession {
    /// The provider's id.
    pub reference: String,
    /// How the customer gets there.
    pub target: CheckoutTarget,
    /// Whether it is paid.
    pub payment_status: PaymentStatus,
    /// When the page stops working.
    pub expires_at: Option<Timestamp>,
}

/// How the customer gets to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutTarget {
    /// By going there.
    Redirect(String),
    /// By a token for the provider's script.
    ClientToken(String),
    /// By posting a form.
    FormPost {
        /// Where to.
        url: String,
        /// With these fields.
        fields: Vec<Field>,
    },
}

/// Asks for a portal session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalRequest {
    /// The provider's id of the customer.
    pub customer_reference: String,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// A portal session the provider made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPortalSession {
    /// Where the customer goes.
    pub url: String,
    /// When the page stops working.
    pub expires_at: Option<Timestamp>,
}

/// When a cancellation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelMode {
    /// Now.
    Immediate,
    /// When the paid period ends.
    AtPeriodEnd,
}

impl CancelMode {
    /// Its name in manifests and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::AtPeriodEnd => "at_period_end",
        }
    }
}

/// Asks for a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The provider's id of the subscription.
    pub reference: String,
    /// When.
    pub mode: CancelMode,
    /// Why.
    pub reason: Option<String>,
}

/// How a change in the middle of a period is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proration {
    /// As the provider does by itself.
    #[default]
    ProviderDefault,
    /// On the next invoice.
    NextInvoice,
    /// Now.
    InvoiceNow,
    /// It isn't.
    None,
}

/// Asks for another number of seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsRequest {
    /// The provider's id of the subscription.
    pub reference: String,
    /// The provider's id of the price that is per seat.
    pub price_reference: Option<String>,
    /// How many.
    pub seats: u64,
    /// How the change is charged.
    pub proration: Proration,
}

/// Asks for another plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// The provider's id of the subscription.
    pub reference: String,
    /// The provider's id of the price to replace.
    pub price_reference: Option<String>,
    /// The provider's id of the price that takes its place.
    pub new_price_reference: String,
    /// How the change is charged.
    pub proration: Proration,
}

/// Why money is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// It was paid twice.
    Duplicate,
    /// Somebody else paid with it.
    Fraudulent,
    /// The customer asked for it.
    RequestedByCustomer,
}

/// Asks for a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    /// By which the provider counts the payment.
    pub payment_reference: String,
    /// Other ids of it.
    pub payment_aliases: Vec<String>,
    /// What was paid.
    #[serde(with = "crate::codec::money")]
    pub payment_amount: Money,
    /// How much of it, in minor units of its currency; all that is left where none is given.
    pub amount: Option<i64>,
    /// Why.
    pub reason: Option<RefundReason>,
}

/// A refund the provider made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRefund {
    /// The provider's id.
    pub reference: String,
    /// How it stands.
    pub state: RefundState,
    /// How much.
    pub amount: Money,
    /// The ids by which the provider's events name the payment.
    pub payment_references: Vec<String>,
    /// Why, in the provider's words.
    pub reason: Option<String>,
    /// Why it failed, in the provider's words.
    pub failure_reason: Option<String>,
    /// The provider's clock when this was true.
    pub as_of: Option<Timestamp>,
}

/// A subscription as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSubscription {
    /// The provider's id.
    pub reference: String,
    /// The provider's id of the customer.
    pub customer_reference: Option<String>,
    /// Its state. The seats and price are those of the only item; with several, see `items`.
    pub snapshot: SubscriptionSnapshot,
    /// All its items.
    pub items: Vec<ProviderSubscriptionItem>,
    /// Our id of the checkout session it came from.
    pub correlation_id: Option<String>,
    /// The provider's metadata.
    pub metadata: Vec<Field>,
    /// The provider's version of the object.
    pub object_version: Option<u64>,
    /// The provider's clock when this was true.
    pub as_of: Option<Timestamp>,
}

/// One priced part of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSubscriptionItem {
    /// The provider's id of the item.
    pub reference: String,
    /// The provider's id of the price.
    pub price_reference: String,
    /// How many.
    pub quantity: Option<u64>,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is done.
    Applied(Box<ProviderSubscription>),
    /// It will happen by itself.
    Scheduled {
        /// When.
        effective_at: Option<Timestamp>,
        /// How the subscription is until then.
        subscription: Option<Box<ProviderSubscription>>,
    },
    /// The customer has to do something.
    ActionRequired {
        /// Where.
        url: String,
        /// How the subscription is until then.
        subscription: Option<Box<ProviderSubscription>>,
    },
}

/// A provider, as the use cases see it.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// Creates a checkout session.
    async fn create_checkout_session(
        &self,
        call: GatewayCall<'_>,
        request: &CheckoutRequest,
    ) -> Result<ProviderCheckoutSession, GatewayError>;

    /// Creates a portal session.
    async fn create_portal_session(
        &self,
        call: GatewayCall<'_>,
        request: &PortalRequest,
    ) -> Result<ProviderPortalSession, GatewayError>;

    /// Asks for a subscription.
    async fn retrieve_subscription(
        &self,
        call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ProviderSubscription, GatewayError>;

    /// Cancels a subscription.
    async fn cancel_subscription(
        &self,
        call: GatewayCall<'_>,
        request: &CancelRequest,
    ) -> Result<ChangeOutcome, GatewayError>;

    /// Changes the number of seats.
    async fn update_seats(&self, call: GatewayCall<'_>, request: &SeatsRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Takes back a cancellation that is scheduled.
    async fn uncancel_subscription(
        &self,
        call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ChangeOutcome, GatewayError>;

    /// Changes what a subscription is for.
    async fn change_plan(&self, call: GatewayCall<'_>, request: &PlanRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Pauses a subscription.
    async fn pause_subscription(&self, call: GatewayCall<'_>, reference: &str) -> Result<ChangeOutcome, GatewayError>;

    /// Resumes a subscription.
    async fn resume_subscription(&self, call: GatewayCall<'_>, reference: &str) -> Result<ChangeOutcome, GatewayError>;

    /// Gives a payment back, or part of it.
    async fn create_refund(
        &self,
        call: GatewayCall<'_>,
        request: &RefundRequest,
    ) -> Result<ProviderRefund, GatewayError>;

    /// Lists a page of what the provider has already.
    async fn list_page(&self, call: GatewayCall<'_>, request: &BackfillRequest) -> Result<BackfillPage, GatewayError>;

    /// Judges whether a webhook is genuine, over its raw bytes. `now` is the host's clock.
    async fn authenticate_webhook(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
        now: Timestamp,
    ) -> Result<WebhookDecision, GatewayError>;

    /// Understands a genuine webhook, if that needs no exchange.
    async fn parse_webhook_offline(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
    ) -> Result<Parsed, GatewayError>;

    /// Understands a genuine webhook, asking the provider where needed.
    async fn parse_webhook(&self, call: GatewayCall<'_>, request: &WebhookRequest) -> Result<Receipt, GatewayError>;
}
