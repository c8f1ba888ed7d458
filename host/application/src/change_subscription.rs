//! What changes to a subscription have in common: finding it, and taking in what the provider says of it now.

use tillgate_domain::{Applied, DomainError, FactSource, FactStamp, Subscription, SubscriptionId, TenantId, Timestamp};

use crate::account::ConnectedAccount;
use crate::operate::Ending;
use crate::ports::{ChangeOutcome, ProviderSubscription, UnitOfWork};
use crate::views::{ChangeView, SubscriptionView, rfc3339};
use crate::{Application, ApplicationError};

impl Application {
    /// A tenant's subscription.
    pub(crate) async fn find_subscription(
        &self,
        tenant_id: TenantId,
        id: SubscriptionId,
    ) -> Result<Subscription, ApplicationError> {
        self.store()
            .subscription(tenant_id, id)
            .await?
            .ok_or_else(|| ApplicationError::not_found("subscription", id))
    }

    /// Takes in what the provider answered.
    pub(crate) fn take_in_answer(&self, subscription: &mut Subscription, answer: &ProviderSubscription) -> Applied {
        let snapshot = answer.snapshot_for(subscription.terms().price_reference.as_deref());
        subscription.apply(&snapshot, answer.stamp(FactSource::Answer), self.now())
    }

    /// What is written and answered when a change has come out some way. `schedule` keeps one that will happen by itself
    /// and of which the provider says only when.
    pub(crate) async fn change_ending(
        &self,
        account: &ConnectedAccount,
        id: SubscriptionId,
        outcome: &ChangeOutcome,
        schedule: impl FnOnce(&mut Subscription, Option<Timestamp>) -> Result<(), DomainError> + Send,
    ) -> Result<Ending, ApplicationError> {
        let mut subscription = self.find_subscription(account.account.tenant_id, id).await?;
        let (name, effective_at, action_url, answer) = match outcome {
            ChangeOutcome::Applied(answer) => ("applied", None, None, Some(answer)),
            ChangeOutcome::Scheduled {
                effective_at,
                subscription,
            } => ("scheduled", effective_at.map(rfc3339), None, subscription.as_ref()),
            ChangeOutcome::ActionRequired { url, subscription } => {
                ("action_required", None, Some(url.clone()), subscription.as_ref())
            }
        };
        match (answer, outcome) {
            (Some(answer), _) => {
                self.take_in_answer(&mut subscription, answer);
            }
            (None, ChangeOutcome::Scheduled { effective_at, .. }) => {
                schedule(&mut subscription, *effective_at)?;
            }
            (None, _) => {}
        }
        let view = ChangeView {
            outcome: name.to_owned(),
            effective_at,
            action_url,
            subscription: SubscriptionView::from(&subscription),
        };
        let mut work = UnitOfWork::new();
        self.save(&mut work, subscription);
        Ok(Ending::new(work, &view))
    }
}

impl ProviderSubscription {
    /// The snapshot, with seats and price of the item that counts: the only one, or of several the one with this price.
    pub(crate) fn snapshot_for(&self, price: Option<&str>) -> tillgate_domain::SubscriptionSnapshot {
        let mut snapshot = self.snapshot.clone();
        let item = match self.items.as_slice() {
            [only] => Some(only),
            several => several.iter().find(|item| Some(item.price_reference.as_str()) == price),
        };
        snapshot.terms.price_reference = item.map(|item| item.price_reference.clone());
        snapshot.terms.seats = item.and_then(|item| item.quantity);
        snapshot
    }

    /// What orders it among others.
    pub(crate) const fn stamp(&self, source: FactSource) -> FactStamp {
        FactStamp {
            object_version: self.object_version,
            as_of: self.as_of,
            source,
        }
    }
}
