//! Pausing: nothing is collected until the subscription is resumed
//! (<https://docs.stripe.com/billing/subscriptions/pause-payment>).

use tillgate_plugin_sdk::pause::{ChangeOutcome, PauseRequest, RequiredAction, ResumeRequest};
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Context, Form, Pause};

use crate::changes::{change, complete, fetch};
use crate::map::Subscription;
use crate::{Stripe, api};

impl Pause for Stripe {
    async fn pause(ctx: &Context, request: PauseRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        // Invoices made meanwhile are void: what wasn't to be had isn't charged later.
        let form = Form::new().nested(&["pause_collection", "behavior"], "void");
        let (subscription, response) = change(ctx, id, &form).await?;
        Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())))
    }

    async fn resume(ctx: &Context, request: ResumeRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        let (mut subscription, mut response) = fetch(ctx, id, &["items.data.price"]).await?;
        if subscription.collection_is_paused() {
            let form = Form::new().field("pause_collection", "");
            (subscription, response) = change(ctx, id, &form).await?;
        }
        if subscription.is_paused_itself() {
            // A trial that ended without a way to pay pauses the subscription itself
            // (https://docs.stripe.com/api/subscriptions/resume). It goes on once what that costs is paid.
            let form = Form::new().nested(&["expand", "0"], "latest_invoice");
            response = api::send(ctx, api::post(ctx, format!("/v1/subscriptions/{id}/resume"), &form)).await?;
            subscription = complete(ctx, None, api::read::<Subscription>(&response)?).await?;
        }
        let snapshot = subscription.snapshot(response.date());
        if !subscription.is_paused_itself() {
            return Ok(ChangeOutcome::Applied(snapshot));
        }
        match subscription.invoice_page() {
            Some((_, Some(url))) => Ok(ChangeOutcome::ActionRequired(RequiredAction {
                url: url.to_owned(),
                subscription: Some(snapshot),
            })),
            _ => {
                let message = "the subscription stays paused until its invoice is paid";
                let error = GatewayError::new(ErrorKind::Declined, message);
                Err(error.with_http_status(response.status()))
            }
        }
    }
}
