//! Subscriptions (<https://docs.stripe.com/api/subscriptions>).

use tillgate_plugin_sdk::subscriptions::{
    CancelMode, CancelRequest, ChangeOutcome, Proration, RequiredAction, RetrieveRequest, ScheduledChange,
    SeatsRequest, Subscription as Snapshot,
};
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Context, Form, Response, Subscriptions};

use crate::map::{Item, List, Subscription};
use crate::{Stripe, api};

/// Most pages of items that are asked for. Stripe allows twenty items a subscription, so one is enough today.
const MOST_PAGES: usize = 4;

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

    async fn update_seats(ctx: &Context, request: SeatsRequest) -> Result<ChangeOutcome, GatewayError> {
        let id = api::id(&request.reference, "reference")?;
        if request.seats == 0 {
            let message = "a subscription has at least one seat; cancel it to have none";
            return Err(refused("seats", message));
        }
        let (subscription, response) = fetch(ctx, id, &["items.data.price"]).await?;
        let item = seat_item(&subscription, request.price_reference.as_deref())?;
        if item.quantity == Some(request.seats) {
            return Ok(ChangeOutcome::Applied(subscription.snapshot(response.date())));
        }
        let form = seats_form(&subscription, item, &request);
        match api::send(ctx, api::post(ctx, format!("/v1/subscriptions/{id}"), &form)).await {
            Ok(response) => {
                let changed = complete(ctx, None, api::read(&response)?).await?;
                seats_outcome(&changed, &response)
            }
            Err(error) if wants_customer(&error) => action_required(ctx, id, error).await,
            Err(error) => Err(error),
        }
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
    let response = api::send(ctx, api::post(ctx, format!("/v1/subscriptions/{id}"), &form)).await?;
    let subscription = complete(ctx, None, api::read(&response)?).await?;
    let snapshot = subscription.snapshot(response.date());
    if subscription.is_ended() {
        return Ok(ChangeOutcome::Applied(snapshot));
    }
    Ok(ChangeOutcome::Scheduled(ScheduledChange {
        effective_at: snapshot.cancel_at.or(snapshot.period_end),
        subscription: Some(snapshot),
    }))
}

/// Asks for a subscription with all of its items.
async fn fetch(ctx: &Context, id: &str, expand: &[&str]) -> Result<(Subscription, Response), GatewayError> {
    let mut request = api::get(ctx, format!("/v1/subscriptions/{id}"));
    for (index, path) in expand.iter().enumerate() {
        request = request.query(&format!("expand[{index}]"), *path);
    }
    let response = api::send(ctx, request).await?;
    let subscription = complete(ctx, None, api::read(&response)?).await?;
    Ok((subscription, response))
}

/// Asks for the items that didn't fit the first page (<https://docs.stripe.com/api/subscription_items/list>).
pub(crate) async fn complete(
    ctx: &Context,
    account: Option<&str>,
    mut subscription: Subscription,
) -> Result<Subscription, GatewayError> {
    for _ in 0..MOST_PAGES {
        let last = subscription.items().last().map(|item| item.id.clone());
        let Some(last) = last.filter(|_| subscription.has_more_items()) else {
            break;
        };
        let request = api::get_for(ctx, account, "/v1/subscription_items")
            .query("subscription", subscription.id.clone())
            .query("limit", "100")
            .query("starting_after", last);
        let page: List<Item> = api::read(&api::send(ctx, request).await?)?;
        if let Some(items) = &mut subscription.items {
            items.has_more = page.has_more;
            items.data.extend(page.data);
        }
    }
    Ok(subscription)
}

/// The item whose quantity is the seats: the one with the price, or the only one.
fn seat_item<'a>(subscription: &'a Subscription, price: Option<&str>) -> Result<&'a Item, GatewayError> {
    let items = subscription.items();
    let found = match price {
        Some(price) => items.iter().find(|item| item.price_reference() == price),
        None if items.len() == 1 => items.first(),
        None => None,
    };
    found.ok_or_else(|| {
        let prices: Vec<_> = items.iter().map(Item::price_reference).collect();
        let prices = prices.join(", ");
        refused(
            "price-reference",
            &match price {
                Some(price) => format!("the subscription has no item with the price {price}, but with: {prices}"),
                None if items.is_empty() => "the subscription has no items".to_owned(),
                None => {
                    format!("the subscription has several items; name the price, one of: {prices}")
                }
            },
        )
    })
}

/// The change. The item's id is needed: without it Stripe adds a second item.
fn seats_form(subscription: &Subscription, item: &Item, request: &SeatsRequest) -> Form {
    let form = Form::new()
        .nested(&["items", "0", "id"], &item.id)
        .nested(&["items", "0", "quantity"], request.seats.to_string());
    match request.proration {
        Proration::ProviderDefault => form,
        Proration::NextInvoice => form.field("proration_behavior", "create_prorations"),
        Proration::None => form.field("proration_behavior", "none"),
        Proration::InvoiceNow => {
            let form = form.field("proration_behavior", "always_invoice");
            let form = form.nested(&["expand", "0"], "latest_invoice");
            // What is paid now counts from when it is paid; until then the change is pending
            // (https://docs.stripe.com/billing/subscriptions/pending-updates). Sent invoices know no such thing.
            let pending = subscription.is_charged_automatically();
            form.optional("payment_behavior", pending.then_some("pending_if_incomplete"))
        }
    }
}

fn seats_outcome(changed: &Subscription, response: &Response) -> Result<ChangeOutcome, GatewayError> {
    let snapshot = changed.snapshot(response.date());
    match changed.awaited_payment() {
        None => Ok(ChangeOutcome::Applied(snapshot)),
        Some((_, Some(url))) => Ok(ChangeOutcome::ActionRequired(RequiredAction {
            url: url.to_owned(),
            subscription: Some(snapshot),
        })),
        Some((invoice, None)) => {
            let message = format!("the change waits until the invoice {invoice} is paid");
            let error = GatewayError::new(ErrorKind::Declined, message);
            Err(error.with_http_status(response.status()))
        }
    }
}

/// Whether Stripe refused a change because the customer has to confirm a payment first
/// (<https://docs.stripe.com/error-codes>).
fn wants_customer(error: &GatewayError) -> bool {
    let code = error.provider_code.as_deref().unwrap_or_default();
    code == "authentication_required" || code.ends_with("payment_intent_requires_action")
}

/// Finds the page on which the customer confirms; the refusal where there is none.
async fn action_required(ctx: &Context, id: &str, refusal: GatewayError) -> Result<ChangeOutcome, GatewayError> {
    let Ok((subscription, response)) = fetch(ctx, id, &["latest_invoice"]).await else {
        return Err(refusal);
    };
    match subscription.invoice_page() {
        Some((_, Some(url))) => Ok(ChangeOutcome::ActionRequired(RequiredAction {
            url: url.to_owned(),
            subscription: Some(subscription.snapshot(response.date())),
        })),
        _ => Err(refusal),
    }
}

fn refused(parameter: &str, message: &str) -> GatewayError {
    GatewayError::new(ErrorKind::InvalidRequest, message).with_parameter(Some(parameter.to_owned()))
}
