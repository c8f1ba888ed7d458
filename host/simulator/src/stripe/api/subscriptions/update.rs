//! `POST /v1/subscriptions/{id}`.

use super::create::{MAX_ITEMS, check_cycles, quantity, recurring_price};
use super::note_cancellation;
use crate::stripe::api::routes::{Call, Handled, Reply};
use crate::stripe::billing::due::Due;
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::invoice::InvoiceLine;
use crate::stripe::model::subscription::{PauseCollection, Subscription, SubscriptionItem, SubscriptionStatus};
use crate::stripe::params::{Metadata, Params};
use crate::stripe::state::State;

pub(crate) fn update(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let params = &call.params;
    params.only(&[
        "cancel_at_period_end",
        "cancel_at",
        "items",
        "metadata",
        "pause_collection",
        "proration_behavior",
        "proration_date",
        "payment_behavior",
        "cancellation_details",
        "description",
        "default_payment_method",
        "trial_end",
        "billing_cycle_anchor",
        "collection_method",
        "payment_settings",
        "automatic_tax",
        "off_session",
    ])?;
    let Some(old) = state.subscriptions.get(id).cloned() else {
        return Err(ApiError::no_such("subscription", id));
    };
    let touches_more = [
        "items",
        "cancel_at",
        "cancel_at_period_end",
        "pause_collection",
        "trial_end",
    ];
    if old.status.is_over() && touches_more.iter().any(|name| params.has(name)) {
        return Err(ApiError::new(
            400,
            "invalid_request_error",
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    let behavior = params
        .one_of("proration_behavior", &["always_invoice", "create_prorations", "none"])?
        .unwrap_or("create_prorations");
    let mut new = old.clone();
    params.merge_metadata("metadata", &mut new.metadata)?;
    if params.has("description") {
        new.description = params.filled("description")?.map(str::to_owned);
    }
    if params.has("default_payment_method") {
        new.default_payment_method = params.filled("default_payment_method")?.map(str::to_owned);
    }
    change_items(state, params, &mut new)?;
    plan_end(state, params, &mut new)?;
    pause_collection(params, &mut new)?;
    let ends_trial = end_trial(state, params, &mut new)?;
    let before = state.before(id);
    note_cancellation(state, params, id)?;
    if let Some(noted) = state.subscriptions.get(id) {
        new.cancellation_comment.clone_from(&noted.cancellation_comment);
        new.cancellation_feedback.clone_from(&noted.cancellation_feedback);
    }
    if behavior != "none" {
        let lines = prorations(state, &old, &new);
        new.pending_lines.extend(lines);
    }
    set_timers(state, &old, &new);
    state.subscriptions.insert(id, new);
    state.emit_changed("customer.subscription.updated", id, &before);
    if behavior == "always_invoice" {
        state.invoice_prorations(id);
    }
    if ends_trial {
        let now = state.now;
        state.end_period(id, now);
    }
    Ok(Reply::Object(id.to_owned()))
}

/// Items with an `id` change; those without are added, as Stripe does it.
fn change_items(state: &mut State, params: &Params<'_>, new: &mut Subscription) -> ApiResult<()> {
    for given in params.hashes("items")? {
        given.only(&[
            "id",
            "price",
            "quantity",
            "metadata",
            "deleted",
            "clear_usage",
            "tax_rates",
        ])?;
        let Some(item_id) = given.filled("id")? else {
            let item = added_item(state, &given, new)?;
            new.items.push(item);
            continue;
        };
        let Some(at) = new.items.iter().position(|item| item.id == item_id) else {
            return Err(ApiError::no_such_param("subscription_item", item_id, &given.name("id")));
        };
        if given.boolean("deleted")? == Some(true) {
            new.items.remove(at);
            continue;
        }
        let item = &mut new.items[at];
        let known = if given.has("price") {
            item.price = recurring_price(state, &given)?;
            // With another price and no quantity there is one of it from then on
            // (<https://docs.stripe.com/api/subscription_items/update>).
            1
        } else {
            item.quantity
        };
        item.quantity = quantity(&given)?.unwrap_or(known);
        given.merge_metadata("metadata", &mut item.metadata)?;
    }
    if new.items.is_empty() {
        return Err(ApiError::invalid(
            "items",
            "A subscription must have at least one active plan.",
        ));
    }
    if new.items.len() > MAX_ITEMS {
        return Err(ApiError::invalid(
            "items",
            format!("A subscription can have at most {MAX_ITEMS} items."),
        ));
    }
    check_cycles(state, new.items.iter().map(|item| item.price.as_str()))
}

fn added_item(state: &mut State, given: &Params<'_>, new: &Subscription) -> ApiResult<SubscriptionItem> {
    let price = recurring_price(state, given)?;
    if new.items.iter().any(|item| item.price == price) {
        return Err(ApiError::invalid(
            given.name("price"),
            format!("Cannot add multiple subscription items with the same plan: {price}"),
        ));
    }
    let metadata: Metadata = given.metadata("metadata")?;
    Ok(SubscriptionItem {
        id: state.random.id("si_"),
        created: state.now,
        price,
        quantity: quantity(given)?.unwrap_or(1),
        metadata,
    })
}

fn plan_end(state: &State, params: &Params<'_>, new: &mut Subscription) -> ApiResult<()> {
    let at_period_end = params.boolean("cancel_at_period_end")?;
    if at_period_end == Some(true) && params.filled("cancel_at")?.is_some() {
        return Err(ApiError::invalid(
            "cancel_at",
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
        ));
    }
    let planned = match (at_period_end, params.filled("cancel_at")?) {
        (Some(true), _) => Some(new.period.1),
        (_, Some("min_period_end" | "max_period_end")) => Some(new.period.1),
        (_, Some(_)) => params.integer("cancel_at")?,
        (Some(false), None) => None,
        (None, None) if params.has("cancel_at") => None,
        (None, None) => return Ok(()),
    };
    if planned.is_some_and(|at| at <= state.now) {
        return Err(ApiError::invalid("cancel_at", "`cancel_at` must be in the future."));
    }
    let is_news = planned != new.cancel_at;
    new.cancel_at_period_end = at_period_end == Some(true);
    new.cancel_at = planned;
    if planned.is_none() {
        new.canceled_at = None;
        new.cancellation_reason = None;
    } else if is_news {
        new.canceled_at = Some(state.now);
        new.cancellation_reason = Some("cancellation_requested");
    }
    Ok(())
}

fn pause_collection(params: &Params<'_>, new: &mut Subscription) -> ApiResult<()> {
    if !params.has("pause_collection") {
        return Ok(());
    }
    let Some(pause) = params.hash("pause_collection")? else {
        new.pause_collection = None;
        return Ok(());
    };
    pause.only(&["behavior", "resumes_at"])?;
    pause.required("behavior")?;
    let behavior = pause.one_of("behavior", &["keep_as_draft", "mark_uncollectible", "void"])?;
    new.pause_collection = Some(PauseCollection {
        behavior: behavior.unwrap_or("void").to_owned(),
        resumes_at: pause.integer("resumes_at")?,
    });
    Ok(())
}

/// `trial_end=now` ends a trial; a later time moves its end. `true`: it ends.
fn end_trial(state: &State, params: &Params<'_>, new: &mut Subscription) -> ApiResult<bool> {
    let end = match params.filled("trial_end")? {
        None => return Ok(false),
        Some("now") => state.now,
        Some(_) => params.integer("trial_end")?.unwrap_or(state.now),
    };
    if end < state.now {
        return Err(ApiError::invalid(
            "trial_end",
            "Invalid timestamp: must be in the future.",
        ));
    }
    let is_now = end == state.now;
    if is_now && new.status != SubscriptionStatus::Trialing {
        return Ok(false);
    }
    new.trial = Some((new.trial.map_or(state.now, |(start, _)| start), end));
    new.anchor = end;
    new.period.1 = end;
    if !is_now {
        new.status = SubscriptionStatus::Trialing;
    }
    Ok(is_now)
}

/// Credit and charge for each item that costs something else from now on.
fn prorations(state: &mut State, old: &Subscription, new: &Subscription) -> Vec<InvoiceLine> {
    let mut lines = Vec::new();
    let same =
        |a: &SubscriptionItem, b: &SubscriptionItem| a.id == b.id && a.price == b.price && a.quantity == b.quantity;
    for item in &old.items {
        if !new.items.iter().any(|other| same(item, other)) {
            lines.extend(state.proration(old, item, -1));
        }
    }
    for item in &new.items {
        if !old.items.iter().any(|other| same(item, other)) {
            lines.extend(state.proration(old, item, 1));
        }
    }
    lines
}

fn set_timers(state: &mut State, old: &Subscription, new: &Subscription) {
    if let Some(at) = new.cancel_at.filter(|_| new.cancel_at != old.cancel_at) {
        state.timers.set(at, Due::CancelAt(new.id.clone()));
    }
    if new.period.1 != old.period.1 {
        state.timers.set(new.period.1, Due::EndPeriod(new.id.clone()));
    }
    if let Some(at) = new.pause_collection.as_ref().and_then(|pause| pause.resumes_at) {
        state.timers.set(at, Due::ResumeCollection(new.id.clone()));
    }
}
