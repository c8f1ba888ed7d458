//! Metrics: what happened, in numbers. Which library keeps them is the adapter's business.
//!
//! Every word that becomes a label is bounded: an enum of ours, a name an operator chose, or a word the adapter takes only
//! so many different ones of. No tenant, customer or amount is ever a label.

use std::time::Duration;

use tillgate_domain::CheckoutType;

use super::WebhookRejection;

/// Takes in what happened. Each method returns at once and can't fail: a number that is lost harms nobody.
pub trait Metrics: Send + Sync {
    /// A checkout session was made at a provider, and that is committed.
    fn checkout_session_created(&self, checkout_type: CheckoutType, provider: &str);

    /// An event of a webhook was taken in and that is committed, or was given up for good.
    fn webhook_event(&self, event_type: &str, success: bool);

    /// A failed payment was recorded, and that is committed.
    fn payment_failed(&self, reason: PaymentFailureReason);

    /// A change of a subscription was recorded, and that is committed.
    fn subscription_changed(&self, action: SubscriptionAction);

    /// A webhook wasn't believed.
    fn webhook_rejected(&self, reason: WebhookRejection);

    /// A webhook said something else under the ids of events that were taken in, and is kept without effect.
    fn webhook_conflicting(&self);

    /// A webhook was answered, this long after its first byte.
    fn webhook_answered(&self, answer: WebhookOutcome, took: Duration);

    /// A plugin's step has run. `outcome` is `answered`, or the kind of its fault.
    fn plugin_step(&self, plugin: &str, operation: &str, outcome: &str, took: Duration);

    /// A plugin broke its contract between its steps.
    fn plugin_fault(&self, plugin: &str, operation: &str, kind: &str);

    /// A request to a provider came to its end. `outcome` is the class of its status, or how it failed.
    fn provider_call(&self, provider: &str, operation: &str, outcome: CallOutcome, took: Duration);

    /// A unit of work was committed, or wasn't, this long after it was handed in.
    fn commit(&self, outcome: CommitOutcome, took: Duration);

    /// So many rows were removed that were kept for as long as they were to be.
    fn removed(&self, what: Expiring, rows: u64);

    /// Something was looked for among what is kept in memory.
    fn cache_read(&self, cache: CacheName, hit: bool);

    /// A try to send an event to an endpoint has ended, and that is committed.
    fn event_delivery(&self, outcome: DeliveryOutcome);

    /// The provider was asked about something that should have changed by now.
    fn reconciled(&self, what: Reconciled, outcome: ReconciliationOutcome);

    /// A request was answered. `route` is its template, never its path.
    fn http_request(&self, method: &str, route: &str, status: u16, took: Duration);
}

/// Declares an enum of words and their names.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// Why a payment failed, as far as providers' words for it agree.
    PaymentFailureReason {
        /// The customer has to confirm it.
        AuthenticationRequired = "authentication_required",
        /// The card is over its date.
        CardExpired = "card_expired",
        /// The bank says no, and not why.
        CardDeclined = "card_declined",
        /// It looks like fraud to the bank or the provider.
        Fraud = "fraud",
        /// A number, a date or a code is wrong.
        IncorrectDetails = "incorrect_details",
        /// There isn't enough money.
        InsufficientFunds = "insufficient_funds",
        /// The provider or the bank failed.
        ProcessingError = "processing_error",
        /// Something else is said.
        Other = "other",
        /// Nothing is said.
        NotSaid = "not_said",
    }
}

words! {
    /// What happened to a subscription: the names of its events.
    SubscriptionAction {
        /// It became known.
        Created = "created",
        /// Its status changed.
        StatusChanged = "status_changed",
        /// It has ended.
        Canceled = "canceled",
        /// A cancellation was scheduled.
        CancellationScheduled = "cancellation_scheduled",
        /// A scheduled cancellation was withdrawn.
        CancellationWithdrawn = "cancellation_withdrawn",
        /// Its number of seats changed.
        SeatsChanged = "seats_changed",
        /// Its price changed.
        PlanChanged = "plan_changed",
        /// A new period began.
        Renewed = "renewed",
    }
}

words! {
    /// What is kept for a while and then removed.
    Expiring {
        /// Webhooks whose effect is committed, with their raw requests.
        ProcessedWebhooks = "processed_webhooks",
        /// Webhooks that were given up, and those that are conflicting.
        DeadWebhooks = "dead_webhooks",
        /// By what repetitions of an event are known.
        EventKeys = "event_keys",
        /// The exchanges of operations that have ended.
        Journals = "journals",
        /// Operations that have ended.
        Operations = "operations",
        /// Idempotency keys of callers, with what was answered.
        IdempotencyKeys = "idempotency_keys",
        /// Secrets of accounts that were replaced, and have expired.
        ExpiredSecrets = "expired_secrets",
        /// Imports that have ended.
        EndedImports = "ended_imports",
    }
}

words! {
    /// What is kept in memory.
    CacheName {
        /// Accounts and their secrets.
        Accounts = "accounts",
        /// API keys and their tenants.
        ApiKeys = "api_keys",
        /// Customers' subscriptions.
        Subscriptions = "subscriptions",
    }
}

words! {
    /// What is compared with the provider.
    Reconciled {
        /// A subscription whose period, or scheduled cancellation, should have ended.
        Subscription = "subscription",
    }
}

words! {
    /// What came of comparing.
    ReconciliationOutcome {
        /// It stands with the provider as it does here.
        Agreed = "agreed",
        /// Something had been missed, and was taken in.
        Healed = "healed",
        /// The provider gave no answer.
        Failed = "failed",
    }
}

words! {
    /// What became of a try to send an event to an endpoint.
    DeliveryOutcome {
        /// It was taken.
        Delivered = "delivered",
        /// It is tried again.
        Postponed = "postponed",
        /// It was the last try.
        GivenUp = "given_up",
    }
}

words! {
    /// What a webhook was answered.
    WebhookOutcome {
        /// It is durable.
        Acknowledged = "acknowledged",
        /// It was only a question whether we are here.
        Handshake = "handshake",
        /// It wasn't believed.
        Rejected = "rejected",
        /// It could not be taken in; the provider sends it again.
        Failed = "failed",
    }
}

words! {
    /// What came of a request to a provider.
    CallOutcome {
        /// 1xx and 2xx.
        Success = "2xx",
        /// 3xx.
        Redirect = "3xx",
        /// 4xx.
        ClientError = "4xx",
        /// 5xx, and what is no status.
        ServerError = "5xx",
        /// The provider can't have seen it.
        NotSent = "not_sent",
        /// The provider may have performed it.
        MaybeSent = "maybe_sent",
        /// The provider answered, unreadably.
        Unreadable = "unreadable",
        /// Egress doesn't send such a request.
        Refused = "refused",
    }
}

words! {
    /// What came of a unit of work.
    CommitOutcome {
        /// It is durable.
        Committed = "committed",
        /// Something stood against it; nothing was written.
        Conflict = "conflict",
        /// The store failed.
        Failed = "failed",
    }
}

/// What providers say of failed payments, in parts of their words and codes, and what it means. The first that is
/// found counts.
const FAILURES: &[(&str, PaymentFailureReason)] = &[
    ("insufficient", PaymentFailureReason::InsufficientFunds),
    ("authenticat", PaymentFailureReason::AuthenticationRequired),
    ("requires_action", PaymentFailureReason::AuthenticationRequired),
    ("3d secure", PaymentFailureReason::AuthenticationRequired),
    ("expired", PaymentFailureReason::CardExpired),
    ("fraud", PaymentFailureReason::Fraud),
    ("stolen", PaymentFailureReason::Fraud),
    ("lost card", PaymentFailureReason::Fraud),
    ("lost_card", PaymentFailureReason::Fraud),
    ("incorrect", PaymentFailureReason::IncorrectDetails),
    ("invalid", PaymentFailureReason::IncorrectDetails),
    ("security code", PaymentFailureReason::IncorrectDetails),
    ("processing", PaymentFailureReason::ProcessingError),
    ("try again later", PaymentFailureReason::ProcessingError),
    ("declined", PaymentFailureReason::CardDeclined),
    ("do_not_honor", PaymentFailureReason::CardDeclined),
];

impl PaymentFailureReason {
    /// What a provider's words for a failure mean.
    #[must_use]
    pub fn of(said: Option<&str>) -> Self {
        let Some(said) = said.filter(|said| !said.trim().is_empty()) else {
            return Self::NotSaid;
        };
        let said = said.to_ascii_lowercase();
        FAILURES
            .iter()
            .find(|(part, _)| said.contains(part))
            .map_or(Self::Other, |(_, reason)| *reason)
    }
}

impl SubscriptionAction {
    /// The action an event of this name tells of, if it is one of a subscription's.
    #[must_use]
    pub fn of_event(name: &str) -> Option<Self> {
        let action = name.strip_prefix("subscription.")?;
        Self::ALL.iter().copied().find(|known| known.as_str() == action)
    }
}

impl CallOutcome {
    /// The class of a status.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            100..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// Keeps nothing: for tests, and for commands that do one thing and end.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    fn checkout_session_created(&self, _: CheckoutType, _: &str) {}
    fn webhook_event(&self, _: &str, _: bool) {}
    fn payment_failed(&self, _: PaymentFailureReason) {}
    fn subscription_changed(&self, _: SubscriptionAction) {}
    fn webhook_rejected(&self, _: WebhookRejection) {}
    fn webhook_conflicting(&self) {}
    fn webhook_answered(&self, _: WebhookOutcome, _: Duration) {}
    fn plugin_step(&self, _: &str, _: &str, _: &str, _: Duration) {}
    fn plugin_fault(&self, _: &str, _: &str, _: &str) {}
    fn provider_call(&self, _: &str, _: &str, _: CallOutcome, _: Duration) {}
    fn commit(&self, _: CommitOutcome, _: Duration) {}
    fn event_delivery(&self, _: DeliveryOutcome) {}
    fn reconciled(&self, _: Reconciled, _: ReconciliationOutcome) {}
    fn removed(&self, _: Expiring, _: u64) {}
    fn cache_read(&self, _: CacheName, _: bool) {}
    fn http_request(&self, _: &str, _: &str, _: u16, _: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_words_for_a_failure_become_one_of_ours() {
        for (said, meant) in [
            (None, PaymentFailureReason::NotSaid),
            (Some(" "), PaymentFailureReason::NotSaid),
            (Some("Your card was declined."), PaymentFailureReason::CardDeclined),
            (
                Some("Your card has insufficient funds."),
                PaymentFailureReason::InsufficientFunds,
            ),
            (Some("Your card has expired."), PaymentFailureReason::CardExpired),
            (Some("expired_card"), PaymentFailureReason::CardExpired),
            (
                Some("Your card's security code is incorrect."),
                PaymentFailureReason::IncorrectDetails,
            ),
            (
                Some("An error occurred while processing your card."),
                PaymentFailureReason::ProcessingError,
            ),
            (Some("4242 4242 4242 4242"), PaymentFailureReason::Other),
        ] {
            assert_eq!(PaymentFailureReason::of(said), meant, "{said:?}");
        }
    }

    #[test]
    fn each_event_of_a_subscription_has_its_action() {
        use tillgate_domain::{EventKind, SubscriptionStatus};
        for kind in [
            EventKind::SubscriptionCreated,
            EventKind::SubscriptionStatusChanged {
                from: SubscriptionStatus::Active,
                to: SubscriptionStatus::PastDue,
            },
            EventKind::SubscriptionCanceled,
            EventKind::SubscriptionCancellationScheduled { at: None },
            EventKind::SubscriptionCancellationWithdrawn,
            EventKind::SubscriptionSeatsChanged { from: None, to: None },
            EventKind::SubscriptionPlanChanged,
            EventKind::SubscriptionRenewed,
        ] {
            assert!(SubscriptionAction::of_event(kind.name()).is_some(), "{}", kind.name());
        }
        assert_eq!(SubscriptionAction::of_event("payment.failed"), None);
    }
}
