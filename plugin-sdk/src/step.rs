//! One step of an operation: polled once, told in the contract's words.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use crate::context::Context;
use crate::types::{ErrorKind, GatewayError, HttpRequest};
use crate::{backfill, checkout, portal, refunds, subscriptions, webhooks};

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// One more exchange is needed.
    Send(HttpRequest),
    /// The operation is done.
    Done(T),
    /// It failed.
    Failed(GatewayError),
}

/// Runs an operation as far as its journal goes.
///
/// The future is polled once and with a waker that does nothing: there is nothing in a plugin that could wake it. One
/// that waits for anything but an exchange would wait forever, so that is a failure.
pub fn step<T>(context: &Context, operation: impl Future<Output = Result<T, GatewayError>>) -> Step<T> {
    let mut task = Task::from_waker(Waker::noop());
    match pin!(operation).poll(&mut task) {
        Poll::Ready(Ok(done)) => Step::Done(done),
        Poll::Ready(Err(error)) => Step::Failed(error.within_limits()),
        Poll::Pending => match context.take_wanted() {
            Some(request) => Step::Send(request),
            None => Step::Failed(GatewayError::new(
                ErrorKind::MalformedResponse,
                "the plugin waits for something that isn't an exchange; nothing can ever come of it",
            )),
        },
    }
}

macro_rules! into_step {
    ($result:ty => $step:path) => {
        impl From<Step<$result>> for $step {
            fn from(step: Step<$result>) -> Self {
                match step {
                    Step::Send(request) => Self::Send(request),
                    Step::Done(done) => Self::Done(done),
                    Step::Failed(error) => Self::Failed(error),
                }
            }
        }
    };
}

into_step!(checkout::CheckoutSession => checkout::CheckoutStep);
into_step!(portal::PortalSession => portal::PortalStep);
into_step!(subscriptions::Subscription => subscriptions::RetrieveStep);
into_step!(subscriptions::ChangeOutcome => subscriptions::ChangeStep);
into_step!(refunds::Refund => refunds::RefundStep);
into_step!(webhooks::Receipt => webhooks::ParseStep);
into_step!(backfill::BackfillPage => backfill::BackfillStep);
