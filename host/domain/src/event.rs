//! Domain events: what happened, in the past tense.

use crate::{SubscriptionStatus, Timestamp};

/// Something that happened to an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEvent {
    /// What.
    pub kind: EventKind,
    /// When it was recorded, by the host's clock.
    pub recorded_at: Timestamp,
}

/// What happened. The aggregate it happened to is known from where the event was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A customer became known.
    CustomerCreated,
    /// A customer was associated with an organization or a user.
    CustomerAssociated,
    /// A checkout session was created at the provider.
    CheckoutSessionCreated,
    /// The customer finished it.
    CheckoutSessionCompleted,
    /// Its payment, pending before, succeeded.
    CheckoutSessionPaid,
    /// Its payment failed, or it could not be created.
    CheckoutSessionFailed,
    /// It wasn't finished in time.
    CheckoutSessionExpired,
    /// A subscription became known.
    SubscriptionCreated,
    /// Its status changed.
    SubscriptionStatusChanged {
        /// Before.
        from: SubscriptionStatus,
        /// After.
        to: SubscriptionStatus,
    },
    /// It was canceled: it has ended. Also recorded where it ended by itself.
    SubscriptionCanceled,
    /// A cancellation was scheduled.
    SubscriptionCancellationScheduled {
        /// When it takes effect, where known.
        at: Option<Timestamp>,
    },
    /// A scheduled cancellation was withdrawn.
    SubscriptionCancellationWithdrawn,
    /// Its number of seats changed.
    SubscriptionSeatsChanged {
        /// Before.
        from: Option<u64>,
        /// After.
        to: Option<u64>,
    },
    /// Its price changed.
    SubscriptionPlanChanged,
    /// It was paused: nothing is charged.
    SubscriptionPaused,
    /// It goes on after a pause.
    SubscriptionResumed,
    /// A new period began.
    SubscriptionRenewed,
    /// A purchase was recorded.
    PurchaseCreated,
    /// It was paid.
    PurchaseCompleted,
    /// Its payment failed.
    PurchaseFailed,
    /// A payment succeeded.
    PaymentSucceeded,
    /// A payment failed.
    PaymentFailed,
    /// More of a payment than before was given back.
    PaymentRefunded,
    /// A refund became known.
    RefundCreated,
    /// A refund changed.
    RefundUpdated,
    /// A dispute became known.
    DisputeOpened,
    /// A dispute changed.
    DisputeUpdated,
}

impl EventKind {
    /// The names of all of them.
    pub const NAMES: [&'static str; 27] = [
        "customer.created",
        "customer.associated",
        "checkout_session.created",
        "checkout_session.completed",
        "checkout_session.paid",
        "checkout_session.failed",
        "checkout_session.expired",
        "subscription.created",
        "subscription.status_changed",
        "subscription.canceled",
        "subscription.cancellation_scheduled",
        "subscription.cancellation_withdrawn",
        "subscription.seats_changed",
        "subscription.plan_changed",
        "subscription.paused",
        "subscription.resumed",
        "subscription.renewed",
        "purchase.created",
        "purchase.completed",
        "purchase.failed",
        "payment.succeeded",
        "payment.failed",
        "payment.refunded",
        "refund.created",
        "refund.updated",
        "dispute.opened",
        "dispute.updated",
    ];

    /// The event's name in the API: aggregate, dot, past tense.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CustomerCreated => "customer.created",
            Self::CustomerAssociated => "customer.associated",
            Self::CheckoutSessionCreated => "checkout_session.created",
            Self::CheckoutSessionCompleted => "checkout_session.completed",
            Self::CheckoutSessionPaid => "checkout_session.paid",
            Self::CheckoutSessionFailed => "checkout_session.failed",
            Self::CheckoutSessionExpired => "checkout_session.expired",
            Self::SubscriptionCreated => "subscription.created",
            Self::SubscriptionStatusChanged { .. } => "subscription.status_changed",
            Self::SubscriptionCanceled => "subscription.canceled",
            Self::SubscriptionCancellationScheduled { .. } => "subscription.cancellation_scheduled",
            Self::SubscriptionCancellationWithdrawn => "subscription.cancellation_withdrawn",
            Self::SubscriptionSeatsChanged { .. } => "subscription.seats_changed",
            Self::SubscriptionPlanChanged => "subscription.plan_changed",
            Self::SubscriptionPaused => "subscription.paused",
            Self::SubscriptionResumed => "subscription.resumed",
            Self::SubscriptionRenewed => "subscription.renewed",
            Self::PurchaseCreated => "purchase.created",
            Self::PurchaseCompleted => "purchase.completed",
            Self::PurchaseFailed => "purchase.failed",
            Self::PaymentSucceeded => "payment.succeeded",
            Self::PaymentFailed => "payment.failed",
            Self::PaymentRefunded => "payment.refunded",
            Self::RefundCreated => "refund.created",
            Self::RefundUpdated => "refund.updated",
            Self::DisputeOpened => "dispute.opened",
            Self::DisputeUpdated => "dispute.updated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_that_of_an_aggregate_and_something_that_happened() {
        let mut names = EventKind::NAMES.to_vec();
        assert!(names.contains(&EventKind::SubscriptionCreated.name()));
        assert!(names.contains(&EventKind::DisputeUpdated.name()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventKind::NAMES.len());
        assert!(names.iter().all(|name| name.split('.').count() == 2));
    }
}
