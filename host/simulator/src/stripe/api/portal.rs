//! `/v1/billing_portal/sessions`.

use super::routes::{Call, Handled, Reply};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::checkout::PortalSession;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// Deep links into the portal.
const FLOWS: [&str; 5] = [
    "payment_method_update",
    "subscription_cancel",
    "subscription_pause",
    "subscription_update",
    "subscription_update_confirm",
];

pub(super) fn create(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "customer",
        "return_url",
        "configuration",
        "flow_data",
        "locale",
        "on_behalf_of",
    ])?;
    let customer = params.required("customer")?;
    if !state.customers.contains(customer) {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let return_url = params.url("return_url")?.map(str::to_owned);
    let flow = flow(state, params)?;
    let id = state.random.id("bps_");
    let configuration = match params.filled("configuration")? {
        Some(configuration) => configuration.to_owned(),
        None => state.random.id("bpc_"),
    };
    let session = PortalSession {
        id: id.clone(),
        created: state.now,
        customer: customer.to_owned(),
        return_url,
        configuration,
        flow,
        locale: params.filled("locale")?.map(str::to_owned),
        url: format!("{}/p/session/{id}", state.base_url),
    };
    state.portal_sessions.insert(&id, session);
    state.emit("billing_portal.session.created", &id);
    Ok(Reply::Object(id))
}

fn flow(state: &State, params: &Params<'_>) -> ApiResult<Option<(String, Option<String>)>> {
    let Some(data) = params.hash("flow_data")? else {
        return Ok(None);
    };
    data.required("type")?;
    let kind = data.one_of("type", &FLOWS)?.unwrap_or_default();
    let Some(details) = data.hash(kind)? else {
        return Ok(Some((kind.to_owned(), None)));
    };
    let subscription = details.required("subscription")?;
    if !state.subscriptions.contains(subscription) {
        return Err(ApiError::no_such_param(
            "subscription",
            subscription,
            &details.name("subscription"),
        ));
    }
    Ok(Some((kind.to_owned(), Some(subscription.to_owned()))))
}
