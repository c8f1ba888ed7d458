//! What a unit of work means in numbers: read from it before it is committed, and counted once it is.
//!
//! Domain events say what happened, and are written with what they are about: whatever is committed with one has
//! happened once, however often it was tried. Where the store breaks between a commit and its answer, that is not counted:
//! these numbers are for watching, and the database is for knowing.

use tillgate_domain::{CheckoutType, EventKind};

use crate::Application;
use crate::ports::{CommitError, Metrics, PaymentFailureReason, ProviderEvent, SubscriptionAction, UnitOfWork, Write};

/// Numbers that become true with a commit.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    checkout_sessions: Vec<CheckoutType>,
    payment_failures: Vec<PaymentFailureReason>,
    subscription_changes: Vec<SubscriptionAction>,
}

impl Tally {
    /// An aggregate is followed by its events: see [`Application::save`].
    fn of(work: &UnitOfWork) -> Self {
        let mut tally = Self::default();
        let (mut checkout_type, mut failure) = (None, PaymentFailureReason::NotSaid);
        for write in work.writes() {
            match write {
                Write::CheckoutSession(session) => checkout_type = Some(session.checkout_type),
                Write::Payment(payment) => {
                    failure = PaymentFailureReason::of(payment.facts.failure_reason.as_deref());
                }
                Write::Event(event) => {
                    let name = event.event_type.as_str();
                    if name == EventKind::CheckoutSessionCreated.name() {
                        tally.checkout_sessions.extend(checkout_type);
                    } else if name == EventKind::PaymentFailed.name() {
                        tally.payment_failures.push(failure);
                    } else {
                        tally.subscription_changes.extend(SubscriptionAction::of_event(name));
                    }
                }
                _ => {}
            }
        }
        tally
    }

    fn count(&self, metrics: &dyn Metrics, provider: &str) {
        for checkout_type in &self.checkout_sessions {
            metrics.checkout_session_created(*checkout_type, provider);
        }
        for reason in &self.payment_failures {
            metrics.payment_failed(*reason);
        }
        for action in &self.subscription_changes {
            metrics.subscription_changed(*action);
        }
    }
}

impl Application {
    /// Where numbers go.
    pub(crate) fn metrics(&self) -> &dyn Metrics {
        self.ports.metrics.as_ref()
    }

    /// Commits what happened at a provider, and counts it once it is durable.
    pub(crate) async fn commit_counted(&self, provider: &str, work: UnitOfWork) -> Result<(), CommitError> {
        let tally = Tally::of(&work);
        self.commit(work).await?;
        tally.count(self.metrics(), provider);
        Ok(())
    }

    /// Counts events whose effect was committed: each dedupe key once.
    pub(crate) fn count_events<'e>(&self, events: impl Iterator<Item = &'e ProviderEvent>) {
        let mut counted = Vec::new();
        for event in events {
            if !counted.contains(&&event.dedupe_key) {
                counted.push(&event.dedupe_key);
                self.metrics().webhook_event(&event.provider_type, true);
            }
        }
    }

    /// Counts the events of a webhook that was given up, by the provider's words for them as far as they are known.
    pub(crate) fn count_given_up(&self, provider_types: &str) {
        for provider_type in provider_types.split(',') {
            self.metrics().webhook_event(provider_type, false);
        }
    }
}
