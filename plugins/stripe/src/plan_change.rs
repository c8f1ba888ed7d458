//! Changing plans: another price in the place of the one there is
//! (<https://docs.stripe.com/billing/subscriptions/change-price>).

use tillgate_plugin_sdk::plan_change::{ChangeOutcome, PlanRequest};
use tillgate_plugin_sdk::types::GatewayError;
use tillgate_plugin_sdk::{Context, Form, PlanChange};

use crate::changes::{change, charged, complete_outcome, fetch, only_item};
use crate::map::Item;
use crate::{Stripe, api};

impl PlanChange for Stripe {
    async fn change_plan(ctx: &Context, request: PlanRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        let price = api::id(&request.new_price_reference, "new-price-reference")?;
        let (subscription, response) = fetch(ctx, id, &["items.data.price"]).await?;
        let has_it = |item: &&Item| item.price_reference() == price;
        let item = match only_item(&subscription, request.price_reference.as_deref()) {
            Ok(item) if !has_it(&item) => item,
            // Changed before: by an attempt whose answer was lost, or by somebody else.
            Err(_) | Ok(_) if subscription.items().iter().any(|item| has_it(&item)) => {
                return Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())));
            }
            other => other?,
        };
        // The item's id is needed: without it Stripe adds a second item. And the quantity: without it there is one seat
        // from then on (https://docs.stripe.com/api/subscription_items/update). What is metered has none.
        let form = Form::new()
            .nested(&["items", "0", "id"], &item.id)
            .nested(&["items", "0", "price"], price);
        let form = match item.quantity {
            Some(quantity) => form.nested(&["items", "0", "quantity"], quantity.to_string()),
            None => form,
        };
        let form = charged(form, &subscription, request.proration);
        complete_outcome(ctx, id, change(ctx, id, &form).await).await
    }
}
