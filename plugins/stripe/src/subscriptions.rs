//! Subscriptions (<https://docs.stripe.com/api/subscriptions>).

use tillgate_plugin_sdk::subscriptions::{
    CancelMode, CancelRequest, ChangeOutcome, RetrieveRequest, ScheduledChange, SeatsRequest, Subscription as Snapshot,
    UncancelRequest,
};
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Context, Form, Subscriptions};

use crate::changes::{change, charged, complete, complete_outcome, fetch, only_item, refused};
use crate::{Stripe, api};

impl Subscriptions for Stripe {
    async fn retrieve(ctx: &Context, request: RetrieveRequest) -> Result<Snapshot, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        let (subscription, response) = fetch(ctx, id, &["items.data.price"]).await?;
        Ok(subscription.snapshot(response.date()))
    }

    async fn cancel(ctx: &Context, request: CancelRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        let reason = request.reason.as_deref().filter(|reason| !reason.is_empty());
        match request.mode {
            CancelMode::Immediate => cancel_now(ctx, id, reason).await,
            CancelMode::AtPeriodEnd => cancel_later(ctx, id, reason).await,
        }
    }

    async fn uncancel(ctx: &Context, request: UncancelRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        let (mut subscription, mut response) = fetch(ctx, id, &["items.data.price"]).await?;
        if subscription.is_ended() {
            let message = "the subscription has ended; that can't be taken back";
            return Err(GatewayError::new(ErrorKind::Conflict, message));
        }
        // A plan to end at the end of the period and one to end at some time are withdrawn each in its own way, and
        // Stripe refuses to hear of both at once.
        if subscription.ends_with_period() {
            let form = Form::new().field("cancel_at_period_end", "false");
            (subscription, response) = change(ctx, id, &form).await?;
        }
        if subscription.ends_at_some_time() {
            let form = Form::new().field("cancel_at", "");
            (subscription, response) = change(ctx, id, &form).await?;
        }
        Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())))
    }

    async fn update_seats(ctx: &Context, request: SeatsRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        if request.seats == 0 {
            let message = "a subscription has at least one seat; cancel it to have none";
            return Err(refused("seats", message));
        }
        let (subscription, response) = fetch(ctx, id, &["items.data.price"]).await?;
        let item = only_item(&subscription, request.price_reference.as_deref())?;
        if item.quantity == Some(request.seats) {
            return Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())));
        }
        // The item's id is needed: without it Stripe adds a second item.
        let form = Form::new()
            .nested(&["items", "0", "id"], &item.id)
            .nested(&["items", "0", "quantity"], request.seats.to_string());
        let form = charged(form, &subscription, request.proration);
        complete_outcome(ctx, id, change(ctx, id, &form).await).await
    }
}

/// Deletes. What is canceled already can't be deleted again, and Stripe says it is missing; so a refusal is checked
/// against what the subscription is. That makes an interrupted cancellation end well when it is repeated.
async fn cancel_now(ctx: &Context, id: &str, reason: Option<&str>) -> Result<ChangeOutcome, GatewayError> {
    let request = api::delete(ctx, format!("/v1/subscriptions/{id}"));
    let request = match reason {
        Some(reason) => request.query("cancellation_details[comment]", reason),
        None => request,
    };
    match api::send(ctx, request).await {
        Ok(response) => {
            let subscription = complete(ctx, None, api::read(&response)?).await?;
            Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())))
        }
        Err(refusal) if matches!(refusal.kind, ErrorKind::NotFound | ErrorKind::InvalidRequest) => {
            match fetch(ctx, id, &["items.data.price"]).await {
                Ok((subscription, response)) if subscription.is_ended() => {
                    Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())))
                }
                Ok(_) => Err(refusal),
                Err(error) if error.kind == ErrorKind::NotFound => Err(refusal),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

async fn cancel_later(ctx: &Context, id: &str, reason: Option<&str>) -> Result<ChangeOutcome, GatewayError> {
    let form = Form::new().field("cancel_at_period_end", "true");
    let form = match reason {
        Some(reason) => form.nested(&["cancellation_details", "comment"], reason),
        None => form,
    };
    let (subscription, response) = change(ctx, id, &form).await?;
    let snapshot = subscription.snapshot(response.date());
    if subscription.is_ended() {
        return Ok(ChangeOutcome::Applied(snapshot));
    }
    Ok(ChangeOutcome::Scheduled(ScheduledChange {
        effective_at: snapshot.cancel_at.or(snapshot.period_end),
        subscription: Some(snapshot),
    }))
}
