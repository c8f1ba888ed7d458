//! What a plugin implements: one trait a capability.
#![expect(
    async_fn_in_trait,
    reason = "a step is polled once, on one thread: no caller could want the futures to be Send"
)]

use crate::checkout::{CheckoutRequest, CheckoutSession, CheckoutStep};
use crate::context::Context;
use crate::portal::{PortalRequest, PortalSession, PortalStep};
use crate::step::step;
use crate::subscriptions::{
    CancelRequest, ChangeOutcome, ChangeStep, RetrieveRequest, RetrieveStep, SeatsRequest, Subscription,
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

/// Asking for subscriptions, canceling them, changing their seats.
pub trait Subscriptions {
    /// Asks the provider for a subscription.
    async fn retrieve(ctx: &Context, request: RetrieveRequest) -> Result<Subscription, GatewayError>;

    /// Cancels a subscription. An immediate cancellation of one that has ended already is applied.
    async fn cancel(ctx: &Context, request: CancelRequest) -> Result<ChangeOutcome, GatewayError>;

    /// Changes the number of seats.
    async fn update_seats(ctx: &Context, request: SeatsRequest) -> Result<ChangeOutcome, GatewayError>;
}

/// What the provider tells by itself.
pub trait Webhooks {
    /// Says what has to be true for the request to be genuine. It sees no secret, and the host does the proving.
    fn authenticate(call: &Call, request: &WebhookRequest) -> Authentication;

    /// Understands a request that was proven.
    async fn parse(ctx: &Context, request: WebhookRequest) -> Result<Receipt, GatewayError>;
}

use crate::bindings::checkout::exports::tillgate::provider::checkout::Guest as CheckoutGuest;
use crate::bindings::portal::exports::tillgate::provider::portal::Guest as PortalGuest;
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

    fn update_seats(call: Call, request: SeatsRequest, journal: Vec<Exchange>) -> ChangeStep {
        let ctx = Context::new(call, journal);
        step(&ctx, <T as Subscriptions>::update_seats(&ctx, request)).into()
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
