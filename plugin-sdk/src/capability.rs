//! What a plugin implements: one trait a capability.
#![expect(
    async_fn_in_trait,
    reason = "a step is polled once, on one thread: no caller could want the futures to be Send"
)]

use crate::backfill::{BackfillPage, BackfillRequest, BackfillStep};
use crate::checkout::{CheckoutRequest, CheckoutSession, CheckoutStep};
use crate::context::Context;
use crate::pause::{PauseRequest, ResumeRequest};
use crate::plan_change::PlanRequest;
use crate::portal::{PortalRequest, PortalSession, PortalStep};
use crate::refunds::{Refund, RefundRequest, RefundStep};
use crate::step::step;
use crate::subscriptions::{
    CancelRequest, ChangeOutcome, ChangeStep, RetrieveRequest, RetrieveStep, SeatsRequest, Subscription,
    UncancelRequest,
};
use crate::types::{Call, Exchange, GatewayError};
use crate::webhooks::{Authentication, ParseStep, Receipt, WebhookRequest};

/// The page on which a customer pays.
pub trait Checkout {
    /// Creates a checkout session.
    async fn create_session(ctx: &Context, request: CheckoutRequest) -> Result<CheckoutSession, GatewayError>;
}

/// The page on which customers manage their own billing.
pub trait Portal {
    /// Creates a portal session.
    async fn create_session(ctx: &Context, request: PortalRequest) -> Result<PortalSession, GatewayError>;
}

/// Asking for subscriptions, canceling them and taking that back, changing their seats.
pub trait Subscriptions {
    /// Asks the provider for a subscription.
    async fn retrieve(ctx: &Context, request: RetrieveRequest) -> Result<Subscription, GatewayError>;

    /// Cancels a subscription. An immediate cancellation of one that has ended already is applied.
    async fn cancel(ctx: &Context, request: CancelRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Takes back a cancellation that is scheduled. Of one that isn't it is applied.
    async fn uncancel(ctx: &Context, request: UncancelRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Changes the number of seats.
    async fn update_seats(ctx: &Context, request: SeatsRequest) -> Result<ChangeOutcome, GatewayError>;
}

/// Changing what a subscription is for.
pub trait PlanChange {
    /// Changes the price. To the one the subscription has already it is applied.
    async fn change_plan(ctx: &Context, request: PlanRequest) -> Result<ChangeOutcome, GatewayError>;
}

/// Pausing a subscription: nothing is charged until it is resumed.
pub trait Pause {
    /// Pauses it, until it is resumed.
    async fn pause(ctx: &Context, request: PauseRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Resumes it. Of one that isn't paused it is applied.
    async fn resume(ctx: &Context, request: ResumeRequest) -> Result<ChangeOutcome, GatewayError>;
}

/// Giving back what was paid.
pub trait Refunds {
    /// Gives a payment back, or part of it. More than is left of it is for the provider to refuse.
    async fn create_refund(ctx: &Context, request: RefundRequest) -> Result<Refund, GatewayError>;
}

/// What the provider tells by itself.
pub trait Webhooks {
    /// Says what has to be true for the request to be genuine. It sees no secret, and the host does the proving.
    fn authenticate(call: &Call, request: &WebhookRequest) -> Authentication;

    /// Understands a request that was proven.
    async fn parse(ctx: &Context, request: WebhookRequest) -> Result<Receipt, GatewayError>;
}

/// What the provider has already, page by page.
pub trait Backfill {
    /// Lists one page of what is asked for, after the cursor that the page before gave. How many fit on it is for the
    /// plugin to know; what can't be taken over is left out with its reason, and doesn't stop the rest.
    async fn list_page(ctx: &Context, request: BackfillRequest) -> Result<BackfillPage, GatewayError>;
}

use crate::bindings::backfill::exports::tillgate::provider::backfill::Guest as BackfillGuest;
use crate::bindings::checkout::exports::tillgate::provider::checkout::Guest as CheckoutGuest;
use crate::bindings::pause::exports::tillgate::provider::pause::Guest as PauseGuest;
use crate::bindings::plan_change::exports::tillgate::provider::plan_change::Guest as PlanChangeGuest;
use crate::bindings::portal::exports::tillgate::provider::portal::Guest as PortalGuest;
use crate::bindings::refunds::exports::tillgate::provider::refunds::Guest as RefundsGuest;
use crate::bindings::subscriptions::exports::tillgate::provider::subscriptions::Guest as SubscriptionsGuest;
use crate::bindings::webhooks::exports::tillgate::provider::webhooks::Guest as WebhooksGuest;

impl<T: Checkout> CheckoutGuest for T {
    fn create_session(call: Call, request: CheckoutRequest, journal: Vec<Exchange>) -> CheckoutStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Checkout>::create_session(&ctx, request)).into()
    }
}

impl<T: Portal> PortalGuest for T {
    fn create_session(call: Call, request: PortalRequest, journal: Vec<Exchange>) -> PortalStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Portal>::create_session(&ctx, request)).into()
    }
}

impl<T: Subscriptions> SubscriptionsGuest for T {
    fn retrieve(call: Call, request: RetrieveRequest, journal: Vec<Exchange>) -> RetrieveStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Subscriptions>::retrieve(&ctx, request)).into()
    }

    fn cancel(call: Call, request: CancelRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Subscriptions>::cancel(&ctx, request)).into()
    }

    fn uncancel(call: Call, request: UncancelRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Subscriptions>::uncancel(&ctx, request)).into()
    }

    fn update_seats(call: Call, request: SeatsRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Subscriptions>::update_seats(&ctx, request)).into()
    }
}

impl<T: PlanChange> PlanChangeGuest for T {
    fn change_plan(call: Call, request: PlanRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as PlanChange>::change_plan(&ctx, request)).into()
    }
}

impl<T: Pause> PauseGuest for T {
    fn pause(call: Call, request: PauseRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Pause>::pause(&ctx, request)).into()
    }

    fn resume(call: Call, request: ResumeRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Pause>::resume(&ctx, request)).into()
    }
}

impl<T: Refunds> RefundsGuest for T {
    fn create_refund(call: Call, request: RefundRequest, journal: Vec<Exchange>) -> RefundStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Refunds>::create_refund(&ctx, request)).into()
    }
}

impl<T: Webhooks> WebhooksGuest for T {
    fn authenticate(call: Call, request: WebhookRequest) -> Authentication {
        <T as Webhooks>::authenticate(&call, &request)
    }

    fn parse(call: Call, request: WebhookRequest, journal: Vec<Exchange>) -> ParseStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Webhooks>::parse(&ctx, request)).into()
    }
}

impl<T: Backfill> BackfillGuest for T {
    fn list_page(call: Call, request: BackfillRequest, journal: Vec<Exchange>) -> BackfillStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Backfill>::list_page(&ctx, request)).into()
    }
}
