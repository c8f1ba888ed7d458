//! Operations: one call of a capability that changes something, with its journal.

use serde::{Deserialize, Serialize};
use tillgate_domain::{
    CheckoutSessionId, OperationId, PaymentId, ProviderAccountId, SubscriptionId, TenantId, Timestamp,
};

use crate::ports::{
    CancelRequest, CheckoutRequest, PlanRequest, PortalRequest, ProviderFailure, RefundRequest, SeatsRequest,
};

/// What an operation asks of the provider. Stored, so that any host can go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OperationRequest {
    /// A checkout session.
    CreateCheckoutSession {
        /// Our session.
        #[serde(with = "crate::codec::id")]
        checkout_session_id: CheckoutSessionId,
        /// What is asked.
        request: CheckoutRequest,
    },
    /// A portal session.
    CreatePortalSession {
        /// What is asked.
        request: PortalRequest,
    },
    /// A cancellation.
    CancelSubscription {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// What is asked.
        request: CancelRequest,
    },
    /// The withdrawal of a scheduled cancellation.
    UncancelSubscription {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// The provider's id of it.
        reference: String,
    },
    /// Another number of seats.
    UpdateSeats {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// What is asked.
        request: SeatsRequest,
    },
    /// Another plan.
    ChangePlan {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// The tenant's product that it is for from then on.
        product_id: String,
        /// What is asked.
        request: PlanRequest,
    },
    /// A pause.
    PauseSubscription {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// The provider's id of it.
        reference: String,
    },
    /// The end of a pause.
    ResumeSubscription {
        /// Our subscription.
        #[serde(with = "crate::codec::id")]
        subscription_id: SubscriptionId,
        /// The provider's id of it.
        reference: String,
    },
    /// A refund.
    CreateRefund {
        /// Our payment.
        #[serde(with = "crate::codec::id")]
        payment_id: PaymentId,
        /// What is asked.
        request: RefundRequest,
    },
}

impl OperationRequest {
    /// What it changes, where two changes at a time would leave open which of them counts: a subscription.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::CancelSubscription { subscription_id, .. }
            | Self::UncancelSubscription { subscription_id, .. }
            | Self::UpdateSeats { subscription_id, .. }
            | Self::ChangePlan { subscription_id, .. }
            | Self::PauseSubscription { subscription_id, .. }
            | Self::ResumeSubscription { subscription_id, .. } => Some(subscription_id.to_string()),
            Self::CreateCheckoutSession { .. } | Self::CreatePortalSession { .. } | Self::CreateRefund { .. } => None,
        }
    }

    /// Its kind, as stored and shown.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CreateCheckoutSession { .. } => "create_checkout_session",
            Self::CreatePortalSession { .. } => "create_portal_session",
            Self::CancelSubscription { .. } => "cancel_subscription",
            Self::UncancelSubscription { .. } => "uncancel_subscription",
            Self::UpdateSeats { .. } => "update_seats",
            Self::ChangePlan { .. } => "change_plan",
            Self::PauseSubscription { .. } => "pause_subscription",
            Self::ResumeSubscription { .. } => "resume_subscription",
            Self::CreateRefund { .. } => "create_refund",
        }
    }
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationStatus {
    /// Under way at the host that holds the lease; to be resumed by any when the lease is over.
    Running,
    /// Done. Final.
    Succeeded,
    /// Refused by the provider. Final.
    Failed,
    /// Nothing was done; the same idempotency key may try again.
    NotSent,
    /// It may or may not have been done; the same idempotency key may find out.
    UnknownOutcome,
}

impl OperationStatus {
    /// Its name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotSent => "not_sent",
            Self::UnknownOutcome => "unknown_outcome",
        }
    }
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id, and what the provider's idempotency key is made of.
    pub id: OperationId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where.
    pub account_id: ProviderAccountId,
    /// The plugin it began with, and ends with.
    pub plugin_digest: String,
    /// What is asked.
    pub request: OperationRequest,
    /// How it stands.
    pub status: OperationStatus,
    /// Until when the host that runs it has it to itself.
    pub lease_until: Timestamp,
    /// How often it was begun or resumed.
    pub attempts: u32,
    /// The answer to the caller, as JSON, once it succeeded.
    pub answer: Option<String>,
    /// Why it ended otherwise.
    pub failure: Option<ProviderFailure>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

/// What binds an idempotency key to what was asked with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key: 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub fingerprint: [u8; 32],
}

/// What is known of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Whose key: a tenant's, or the operator's.
    pub owner: String,
    /// The key.
    pub key: IdempotencyKey,
    /// The operation it began, if it began one.
    pub operation_id: Option<OperationId>,
    /// Otherwise the answer, sealed where it holds a secret.
    pub answer: Option<Vec<u8>>,
    /// When it was claimed.
    pub created_at: Timestamp,
}
