//! What all changes of a subscription have in common: asking for it, changing it, and what comes of that.

use tillgate_plugin_sdk::subscriptions::{ChangeOutcome, Proration, RequiredAction};
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Context, Form, Response};

use crate::api;
use crate::map::{Item, List, Subscription};

/// Most pages of items that are asked for. Stripe allows twenty items a subscription, so one is enough today.
const MOST_PAGES: usize = 4;

/// A subscription with all of its items, and the answer it came in.
pub(crate) type Answered = (Subscription, Response);

/// Asks for a subscription with all of its items.
pub(crate) async fn fetch(ctx: &Context, id: &str, expand: &[&str]) -> Result<Answered, GatewayError> {
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

/// Changes a subscription (<https://docs.stripe.com/api/subscriptions/update>).
pub(crate) async fn change(ctx: &Context, id: &str, form: &Form) -> Result<Answered, GatewayError> {
    let response = api::send(ctx, api::post(ctx, format!("/v1/subscriptions/{id}"), form)).await?;
    // Answered again as it was the first time, under the date of now: since then much may have happened to it
    // (https://docs.stripe.com/api/idempotent_requests).
    if response.header("idempotent-replayed") == Some("true") {
        return fetch(ctx, id, &["items.data.price", "latest_invoice"]).await;
    }
    let subscription = complete(ctx, None, api::read(&response)?).await?;
    Ok((subscription, response))
}

/// The item that is to change: the one with the price, or the only one.
pub(crate) fn only_item<'a>(subscription: &'a Subscription, price: Option<&str>) -> Result<&'a Item, GatewayError> {
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

/// Adds how a change in the middle of a period is charged.
pub(crate) fn charged(form: Form, subscription: &Subscription, proration: Proration) -> Form {
    match proration {
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

/// What a change that may cost something came to.
pub(crate) async fn complete_outcome(
    ctx: &Context,
    id: &str,
    changed: Result<Answered, GatewayError>,
) -> Result<ChangeOutcome, GatewayError> {
    match changed {
        Ok((changed, response)) => outcome(&changed, &response),
        Err(error) if wants_customer(&error) => action_required(ctx, id, error).await,
        Err(error) => Err(error),
    }
}

fn outcome(changed: &Subscription, response: &Response) -> Result<ChangeOutcome, GatewayError> {
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

pub(crate) fn refused(parameter: &str, message: &str) -> GatewayError {
    GatewayError::new(ErrorKind::InvalidRequest, message).with_parameter(Some(parameter.to_owned()))
}
