//! `/v1/customers`.

use super::pagination::Page;
use super::routes::{Call, Handled, Reply, deleted};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::customer::Customer;
use crate::stripe::params::Params;
use crate::stripe::state::State;

const PARAMS: [&str; 14] = [
    "email",
    "name",
    "phone",
    "description",
    "metadata",
    "address",
    "shipping",
    "balance",
    "preferred_locales",
    "tax_exempt",
    "invoice_settings",
    "payment_method",
    "source",
    "tax",
];

pub(super) fn create(state: &mut State, call: &Call<'_>) -> Handled {
    let mut customer = Customer::default();
    read(&call.params, &mut customer)?;
    Ok(Reply::Object(state.add_customer(customer)))
}

pub(super) fn update(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let Some(mut customer) = state.customers.get(id).cloned() else {
        return Err(ApiError::no_such("customer", id));
    };
    read(&call.params, &mut customer)?;
    let before = state.before(id);
    state.customers.insert(id, customer);
    state.emit_changed("customer.updated", id, &before);
    Ok(Reply::Object(id.to_owned()))
}

fn read(params: &Params<'_>, customer: &mut Customer) -> ApiResult<()> {
    params.only(&PARAMS)?;
    let texts = [
        ("email", &mut customer.email),
        ("name", &mut customer.name),
        ("phone", &mut customer.phone),
        ("description", &mut customer.description),
    ];
    for (name, text) in texts {
        if params.has(name) {
            *text = params.filled(name)?.map(str::to_owned);
        }
    }
    if let Some(email) = &customer.email {
        check_email(params, "email", email)?;
    }
    customer.balance = params.integer("balance")?.unwrap_or(customer.balance);
    params.merge_metadata("metadata", &mut customer.metadata)
}

/// Stripe's check is shallow as well: something, an at sign, something.
pub(super) fn check_email(params: &Params<'_>, name: &str, email: &str) -> ApiResult<()> {
    let is_plausible = email
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.ends_with('.'))
        && !email.contains(char::is_whitespace);
    if is_plausible {
        return Ok(());
    }
    Err(ApiError::invalid(params.name(name), format!("Invalid email address: {email}")).code("email_invalid"))
}

/// Deleting ends the customer's subscriptions, as at Stripe.
pub(super) fn delete(state: &mut State, id: &str) -> Handled {
    if !state.customers.contains(id) {
        return Err(ApiError::no_such("customer", id));
    }
    let running: Vec<String> = state
        .subscriptions
        .newest_first()
        .filter(|(_, found)| found.customer == id && !found.status.is_over())
        .map(|(id, _)| id.clone())
        .collect();
    for subscription in running {
        state.cancel_subscription(&subscription, "cancellation_requested");
    }
    state.emit("customer.deleted", id);
    state.customers.remove(id);
    Ok(deleted(id, "customer"))
}

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["email"])?;
    let email = call.params.filled("email")?;
    let all = state
        .customers
        .newest_first()
        .map(|(_, customer)| customer)
        .filter(|customer| email.is_none() || customer.email.as_deref() == email)
        .map(Customer::render);
    Ok(Reply::Json(page.cut(all, "/v1/customers")))
}
