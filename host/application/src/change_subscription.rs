//! What changes to a subscription have in common: finding it, and taking in what the provider says of it now.

use tillgate_domain::{Applied, DomainError, FactSource, FactStamp, Subscription, SubscriptionId, TenantId, Timestamp};

use crate::account::ConnectedAccount;
use crate::operate::Ending;
use crate::ports::{ChangeOutcome, ProviderSubscription, StoreError, UnitOfWork};
use crate::views::{ChangeView, SubscriptionView, rfc3339};
use crate::{Application, ApplicationError};

/// What is particular to taking in one kind of change.
#[derive(Default)]
pub(crate) struct Taking<'a> {
    /// Keeps a change that will happen by itself and of which the provider says only when. Without it, until then the
    /// subscription is as it is.
    pub(crate) schedule: Option<Scheduling<'a>>,
    /// The product and the price the subscription is for, once the change is made.
    pub(crate) plan: Option<(&'a str, &'a str)>,
}

type Scheduling<'a> = &'a (dyn Fn(&mut Subscription, Option<Timestamp>) -> Result<(), DomainError> + Sync);

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

    /// What is written and answered when a change has come out some way.
    pub(crate) async fn change_ending(
        &self,
        account: &ConnectedAccount,
        id: SubscriptionId,
        outcome: &ChangeOutcome,
        taking: Taking<'_>,
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
            (Some(answer), _) => self.take_in_changed(&mut subscription, answer, taking.plan).await?,
            (None, ChangeOutcome::Scheduled { effective_at, .. }) => {
                if let Some(schedule) = taking.schedule {
                    schedule(&mut subscription, *effective_at)?;
                }
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

    async fn take_in_changed(
        &self,
        subscription: &mut Subscription,
        answer: &ProviderSubscription,
        plan: Option<(&str, &str)>,
    ) -> Result<(), ApplicationError> {
        let was = subscription.terms().price_reference.clone();
        let is_there = |price: &str| answer.items.iter().any(|item| item.price_reference == price);
        let plan = plan.filter(|(_, price)| is_there(price));
        let price = plan.map(|(_, price)| price).or(was.as_deref());
        let snapshot = answer.snapshot_for(price);
        subscription.apply(&snapshot, answer.stamp(FactSource::Answer), self.now());
        // A webhook may have told of something newer meanwhile: then that counts.
        let is_for = subscription.terms().price_reference.clone();
        match plan {
            Some((product_id, price)) if is_for.as_deref() == Some(price) && !subscription.is_ended() => {
                subscription.change_plan(Some(product_id.to_owned()), price.to_owned(), self.now())?;
            }
            _ => self.follow_plan(subscription, was.as_deref()).await?,
        }
        Ok(())
    }

    /// Makes a subscription whose price isn't what it `was` one for the product that has the new price, if any has.
    pub(crate) async fn follow_plan(
        &self,
        subscription: &mut Subscription,
        was: Option<&str>,
    ) -> Result<(), ApplicationError> {
        if let Some(product_id) = self.new_product_of(subscription, was).await? {
            subscription.product_id = product_id;
        }
        Ok(())
    }

    /// The product, if there is one, that a subscription is for now, where its price isn't what it `was`. One that has ended
    /// was for it too: the word of its end can be the first to tell of the price.
    pub(crate) async fn new_product_of(
        &self,
        subscription: &Subscription,
        was: Option<&str>,
    ) -> Result<Option<Option<String>>, StoreError> {
        let price = subscription.terms().price_reference.as_ref();
        let Some(price) = price.filter(|price| was.is_some_and(|was| was != *price)) else {
            return Ok(None);
        };
        let product = self.store().product_by_price(subscription.account_id, price).await?;
        Ok(Some(product.map(|product| product.id)))
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
