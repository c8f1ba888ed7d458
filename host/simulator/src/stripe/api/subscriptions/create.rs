//! `POST /v1/subscriptions`.

use crate::stripe::api::routes::{Call, Handled, Reply};
use crate::stripe::billing::payments::Outcome;
use crate::stripe::billing::subscriptions::{FirstPayment, NewSubscription};
use crate::stripe::clock::DAY;
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::payment::Method;
use crate::stripe::params::{Metadata, Params};
use crate::stripe::state::State;

/// The most items of a subscription.
pub(super) const MAX_ITEMS: usize = 20;
/// The longest trial.
const MAX_TRIAL_SECONDS: i64 = 730 * DAY;

/// Every customer is taken to have a working card, unless the control API
/// says that the next payment fails.
pub(crate) fn create(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "customer",
        "items",
        "metadata",
        "trial_period_days",
        "trial_end",
        "payment_behavior",
        "cancel_at_period_end",
        "cancel_at",
        "description",
        "default_payment_method",
        "collection_method",
        "proration_behavior",
        "billing_mode",
        "currency",
        "payment_settings",
        "off_session",
        "trial_settings",
        "automatic_tax",
    ])?;
    let customer = params.required("customer")?;
    if !state.customers.contains(customer) {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let given = params.hashes("items")?;
    if given.is_empty() {
        return Err(ApiError::missing("items"));
    }
    if given.len() > MAX_ITEMS {
        return Err(ApiError::invalid(
            "items",
            format!("A subscription can have at most {MAX_ITEMS} items."),
        ));
    }
    let mut items: Vec<(String, i64, Metadata)> = Vec::new();
    for item in &given {
        item.only(&["price", "quantity", "metadata", "tax_rates"])?;
        let price = recurring_price(state, item)?;
        items.push((price, quantity(item)?.unwrap_or(1), item.metadata("metadata")?));
    }
    check_cycles(state, items.iter().map(|(price, ..)| price.as_str()))?;
    let behavior = params.one_of(
        "payment_behavior",
        &[
            "allow_incomplete",
            "default_incomplete",
            "error_if_incomplete",
            "pending_if_incomplete",
        ],
    )?;
    let new = NewSubscription {
        customer: customer.to_owned(),
        items,
        trial_end: trial_end(state, params)?,
        cancel_at_period_end: params.boolean("cancel_at_period_end")?.unwrap_or(false),
        cancel_at: cancel_at(state, params)?,
        description: params.filled("description")?.map(str::to_owned),
        default_payment_method: params.filled("default_payment_method")?.map(str::to_owned),
        metadata: params.metadata("metadata")?,
        first_payment: FirstPayment::Later,
        one_time: Vec::new(),
    };
    let first_payment = first_payment(state, &new, behavior)?;
    Ok(Reply::Object(
        state.start_subscription(NewSubscription { first_payment, ..new }),
    ))
}

fn first_payment(state: &mut State, new: &NewSubscription, behavior: Option<&str>) -> ApiResult<FirstPayment> {
    if behavior == Some("default_incomplete") || new.trial_end.is_some() {
        return Ok(FirstPayment::Later);
    }
    let outcome = state.next_card_outcome(&new.customer);
    if outcome == Outcome::Declined && behavior == Some("error_if_incomplete") {
        let error = ApiError::new(402, "card_error", "Your card was declined.").code("card_declined");
        return Err(ApiError {
            decline_code: Some("generic_decline"),
            ..error
        });
    }
    Ok(FirstPayment::Attempt(Method::Card, outcome))
}

fn cancel_at(state: &State, params: &Params<'_>) -> ApiResult<Option<i64>> {
    match params.integer("cancel_at")? {
        Some(at) if at <= state.now => Err(ApiError::invalid("cancel_at", "`cancel_at` must be in the future.")),
        other => Ok(other),
    }
}

fn trial_end(state: &State, params: &Params<'_>) -> ApiResult<Option<i64>> {
    let days = params.count("trial_period_days")?.filter(|days| *days > 0);
    let end = match params.filled("trial_end")? {
        Some("now") => None,
        _ => params.integer("trial_end")?,
    };
    let end = end.or(days.map(|days| state.now.saturating_add(days.saturating_mul(DAY))));
    match end {
        Some(end) if end <= state.now || end > state.now + MAX_TRIAL_SECONDS => Err(ApiError::invalid(
            "trial_end",
            "Invalid timestamp: must be an integer Unix timestamp in the future, at most two years away.",
        )),
        other => Ok(other),
    }
}

pub(super) fn quantity(item: &Params<'_>) -> ApiResult<Option<i64>> {
    /// The largest quantity of one item.
    const MAX_QUANTITY: i64 = 999_999;
    match item.count("quantity")? {
        Some(quantity) if quantity > MAX_QUANTITY => {
            Err(ApiError::invalid(item.name("quantity"), "Invalid integer: too large")
                .code("parameter_invalid_integer"))
        }
        other => Ok(other),
    }
}

pub(super) fn recurring_price(state: &State, item: &Params<'_>) -> ApiResult<String> {
    let id = item.required("price")?;
    let Some(price) = state.prices.get(id) else {
        return Err(ApiError::no_such_param("price", id, &item.name("price")));
    };
    if price.recurring.is_none() {
        return Err(ApiError::invalid(
            item.name("price"),
            format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`. Price: {id}"
            ),
        ));
    }
    Ok(id.to_owned())
}

/// All items of a subscription share one cycle and one currency.
pub(super) fn check_cycles<'a>(state: &State, prices: impl Iterator<Item = &'a str>) -> ApiResult<()> {
    let mut found = prices.filter_map(|id| state.prices.get(id));
    let Some(first) = found.next() else {
        return Ok(());
    };
    for other in found {
        if other.currency != first.currency {
            return Err(ApiError::invalid(
                "items",
                "All prices on a subscription must have the same currency.",
            ));
        }
        if other.recurring != first.recurring {
            return Err(ApiError::invalid(
                "items",
                "All prices on a subscription must have the same `recurring.interval` and `recurring.interval_count`. If you meant to update an existing subscription item instead of creating a new one, make sure to include the subscription item ID in your request.",
            ));
        }
    }
    Ok(())
}
