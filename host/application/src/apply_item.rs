//! What one thing that a provider listed changes: what the webhooks about it would have.

use tillgate_domain::{SubscriptionChange, Timestamp};

use crate::apply_event::{NotApplied, apply_checkout, apply_payment, apply_subscription, associate};
use crate::effects::Effects;
use crate::ports::BackfillItem;

/// Takes one thing in, as it was at a time by the provider's clock.
pub(crate) async fn apply_item(
    effects: &mut Effects<'_>,
    item: &BackfillItem,
    as_of: Timestamp,
) -> Result<(), NotApplied> {
    match item {
        BackfillItem::Customer(customer) => {
            let reference = customer.reference.as_str();
            effects.ensure_customer(reference, customer.email.as_deref()).await?;
            associate(effects, reference, None, &customer.metadata, false);
        }
        BackfillItem::Subscription(subscription) => {
            // Not an answer to a question about it: a webhook of the same instant may be the newer one.
            apply_subscription(effects, SubscriptionChange::Updated, subscription, Some(as_of)).await?;
        }
        BackfillItem::Payment(payment) => apply_payment(effects, payment, Some(as_of)).await?,
        BackfillItem::Purchase { checkout, payment } => {
            apply_checkout(effects, checkout).await?;
            if let Some(payment) = payment {
                apply_payment(effects, payment, Some(as_of)).await?;
            }
        }
    }
    Ok(())
}
