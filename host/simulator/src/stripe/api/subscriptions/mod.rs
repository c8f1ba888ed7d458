//! `/v1/subscriptions`.

pub(super) mod create;
pub(super) mod update;

use super::pagination::Page;
use super::routes::{Call, Handled, Reply};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::subscription::SubscriptionStatus;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// What `cancellation_details[feedback]` may say.
const FEEDBACK: [&str; 8] = [
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
];

const STATUSES: [&str; 10] = [
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    let page = Page::of(params, &["customer", "price", "status", "collection_method"])?;
    let customer = params.filled("customer")?;
    let price = params.filled("price")?;
    // Without a status Stripe leaves out what is canceled.
    let status = params.one_of("status", &STATUSES)?;
    let shown = |found: SubscriptionStatus| match status {
        None => found != SubscriptionStatus::Canceled,
        Some("all") => true,
        Some("ended") => found.is_over(),
        Some(status) => found.name() == status,
    };
    let all = state
        .subscriptions
        .newest_first()
        .map(|(_, found)| found)
        .filter(|found| customer.is_none_or(|id| found.customer == id))
        .filter(|found| price.is_none_or(|id| found.items.iter().any(|item| item.price == id)))
        .filter(|found| shown(found.status))
        .map(|found| found.render(&state.prices, call.dialect));
    Ok(Reply::Json(page.cut(all, "/v1/subscriptions")))
}

pub(super) fn cancel(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params.only(&["prorate", "invoice_now", "cancellation_details"])?;
    call.params.boolean("prorate")?;
    call.params.boolean("invoice_now")?;
    let is_over = state.subscriptions.get(id).is_none_or(|found| found.status.is_over());
    if is_over {
        return Err(ApiError::no_such("subscription", id));
    }
    note_cancellation(state, &call.params, id)?;
    state.cancel_subscription(id, "cancellation_requested");
    Ok(Reply::Object(id.to_owned()))
}

/// Keeps `cancellation_details[comment]` and `[feedback]`.
fn note_cancellation(state: &mut State, params: &Params<'_>, id: &str) -> ApiResult<()> {
    let Some(details) = params.hash("cancellation_details")? else {
        return Ok(());
    };
    details.only(&["comment", "feedback"])?;
    let comment = details.filled("comment")?;
    let feedback = details.one_of("feedback", &FEEDBACK)?;
    if let Some(subscription) = state.subscriptions.get_mut(id) {
        if details.has("comment") {
            subscription.cancellation_comment = comment.map(str::to_owned);
        }
        if details.has("feedback") {
            subscription.cancellation_feedback = feedback.map(str::to_owned);
        }
    }
    Ok(())
}

pub(super) fn pause(state: &mut State, id: &str) -> Handled {
    let Some(found) = state.subscriptions.get(id) else {
        return Err(ApiError::no_such("subscription", id));
    };
    if !matches!(found.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing) {
        return Err(ApiError::invalid(
            "id",
            "Only active or trialing subscriptions can be paused.",
        ));
    }
    let now = state.now;
    let before = state.before(id);
    if let Some(subscription) = state.subscriptions.get_mut(id) {
        subscription.status = SubscriptionStatus::Paused;
        subscription.paused_at = Some(now);
    }
    state.emit_changed("customer.subscription.paused", id, &before);
    Ok(Reply::Object(id.to_owned()))
}

/// Resumes with a new billing cycle from now on, which is Stripe's default.
pub(super) fn resume(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params
        .only(&["billing_cycle_anchor", "proration_behavior", "proration_date"])?;
    let Some(found) = state.subscriptions.get(id) else {
        return Err(ApiError::no_such("subscription", id));
    };
    if found.status != SubscriptionStatus::Paused {
        return Err(ApiError::invalid("id", "Only paused subscriptions can be resumed."));
    }
    let now = state.now;
    let before = state.before(id);
    if let Some(subscription) = state.subscriptions.get_mut(id) {
        subscription.status = SubscriptionStatus::Active;
        subscription.paused_at = None;
        subscription.anchor = now;
        subscription.period = (now, now);
    }
    state.emit_changed("customer.subscription.resumed", id, &before);
    // The resumed period is billed as any other that begins now.
    state.end_period(id, now);
    Ok(Reply::Object(id.to_owned()))
}
