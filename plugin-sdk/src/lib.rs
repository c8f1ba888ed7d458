#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(target_family = "wasm"),
    expect(
        clippy::result_large_err,
        reason = "the contract's error record is what it is, and an operation fails once; in a plugin it is smaller"
    )
)]

#[cfg(target_arch = "wasm32")]
mod allocator;
#[doc(hidden)]
pub mod bindings;
#[cfg(any(test, target_arch = "wasm32"))]
mod bump;
mod capability;
mod context;
mod error;
mod export;
mod form;
mod json;
pub mod log;
pub mod money;
mod response;
mod step;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod time;
mod webhook;

pub use capability::{Backfill, Checkout, Pause, PlanChange, Portal, Refunds, Subscriptions, Webhooks};
pub use context::{Context, RequestBuilder, Sending};
pub use error::{NoAnswer, kind_of_status, retry_of_unknown};
pub use form::Form;
pub use json::{Json, NotJson};
pub use response::Response;
pub use step::{Step, step};
#[doc(hidden)]
pub use wit_bindgen::rt as runtime;

/// What every capability shares: the call, requests and answers, errors, money, subscriptions.
pub mod types {
    pub use crate::bindings::imports::tillgate::provider::types::{
        Call, ChangeOutcome, ChangeStep, CheckoutFacts, CheckoutState, Effect, ErrorKind, Exchange, Field,
        GatewayError, HttpMethod, HttpRequest, HttpResponse, Mode, Money, PaymentFacts, PaymentState, Proration,
        Reached, RefundState, RequiredAction, RetryAdvice, ScheduledChange, Subscription, SubscriptionItem,
        SubscriptionStatus, Timestamp, TransportFailure,
    };
}

/// Checkout: what is asked for, and what it comes to.
pub mod checkout {
    pub use crate::bindings::checkout::exports::tillgate::provider::checkout::{
        CheckoutRequest, CheckoutSession, CheckoutStep, CheckoutTarget, CheckoutType, FormTarget, PaymentStatus,
    };
}

/// The customer portal: what is asked for, and what it comes to.
pub mod portal {
    pub use crate::bindings::portal::exports::tillgate::provider::portal::{PortalRequest, PortalSession, PortalStep};
}

/// Subscriptions: what is asked for, and what it comes to.
pub mod subscriptions {
    pub use crate::bindings::subscriptions::exports::tillgate::provider::subscriptions::{
        CancelMode, CancelRequest, RetrieveRequest, RetrieveStep, SeatsRequest, UncancelRequest,
    };
    pub use crate::types::{
        ChangeOutcome, ChangeStep, Proration, RequiredAction, ScheduledChange, Subscription, SubscriptionItem,
        SubscriptionStatus,
    };
}

/// Changing plans: what is asked for, and what it comes to.
pub mod plan_change {
    pub use crate::bindings::plan_change::exports::tillgate::provider::plan_change::PlanRequest;
    pub use crate::types::{ChangeOutcome, ChangeStep, Proration, RequiredAction, ScheduledChange};
}

/// Pausing and resuming: what is asked for, and what it comes to.
pub mod pause {
    pub use crate::bindings::pause::exports::tillgate::provider::pause::{PauseRequest, ResumeRequest};
    pub use crate::types::{ChangeOutcome, ChangeStep, RequiredAction, ScheduledChange};
}

/// Refunds: what is asked for, and what it comes to.
pub mod refunds {
    pub use crate::bindings::refunds::exports::tillgate::provider::refunds::{
        Refund, RefundReason, RefundRequest, RefundStep,
    };
    pub use crate::types::RefundState;
}

/// Webhooks: what came, what must be true of it, and what it says.
pub mod webhooks {
    pub use crate::bindings::webhooks::exports::tillgate::provider::webhooks::{
        Ack, Authentication, BasicProof, DisputeFacts, Ed25519Proof, Event, EventBody, Hash, HmacProof, MessagePart,
        ParseStep, Proof, ProofPlan, Receipt, RefundFacts, Rejection, RejectionReason, SignedTime, SubscriptionChange,
        SubscriptionFacts, WebhookRequest,
    };
    pub use crate::types::{CheckoutFacts, CheckoutState, PaymentFacts, PaymentState, RefundState};
}

/// What the provider has already: what is asked for, and what it comes to.
pub mod backfill {
    pub use crate::bindings::backfill::exports::tillgate::provider::backfill::{
        BackfillItem, BackfillKind, BackfillPage, BackfillRequest, BackfillStep, CustomerFacts, LeftOut, PurchaseFacts,
    };
    pub use crate::types::{CheckoutFacts, CheckoutState, PaymentFacts, PaymentState, Subscription};
}
