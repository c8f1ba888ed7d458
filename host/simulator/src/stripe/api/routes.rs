//! Which method and path means what.

use serde_json::{Value, json};

use super::{
    Received, catalog, checkout_sessions, customers, expand, invoices, payments, portal, subscriptions,
    webhook_endpoints,
};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::Dialect;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// One request on its way to its handler.
pub(super) struct Call<'a> {
    pub(super) params: Params<'a>,
    pub(super) dialect: Dialect,
    pub(super) version: &'a str,
}

/// What a handler answers: an object by its id, or something made for it.
pub(super) enum Reply {
    Object(String),
    Json(Value),
}

pub(super) type Handled = ApiResult<Reply>;

pub(super) fn route(state: &mut State, received: &Received) -> ApiResult<Value> {
    let call = Call {
        params: Params::root(&received.params),
        dialect: Dialect::of(&received.version),
        version: &received.version,
    };
    let segments: Vec<&str> = received.path.trim_matches('/').split('/').collect();
    let reply = match segments.split_first() {
        Some((&"v1", rest)) => dispatch(state, &call, received.method.as_str(), rest),
        Some((&"v2", ["core", "events", id])) if received.method == "GET" => state
            .events
            .get(id)
            .map(|event| Reply::Json(event.render_thin()))
            .ok_or_else(|| Some(ApiError::no_such("event", id))),
        _ => Err(None),
    };
    let reply =
        reply.map_err(|error| error.unwrap_or_else(|| ApiError::unrecognized_url(&received.method, &received.path)))?;
    let mut answer = match reply {
        Reply::Object(id) => state.render(&id, call.dialect).unwrap_or_default(),
        Reply::Json(answer) => answer,
    };
    expand::expand(state, &call.params, call.dialect, &mut answer)?;
    Ok(answer)
}

/// `Err(None)` means that there is no such method and path.
fn dispatch(state: &mut State, call: &Call<'_>, method: &str, path: &[&str]) -> Result<Reply, Option<ApiError>> {
    let handled = match (method, path) {
        ("POST", ["products"]) => catalog::create_product(state, call),
        ("GET", ["products"]) => catalog::list_products(state, call),
        ("POST", ["products", id]) => catalog::update_product(state, call, id),
        ("POST", ["prices"]) => catalog::create_price(state, call),
        ("GET", ["prices"]) => catalog::list_prices(state, call),
        ("POST", ["prices", id]) => catalog::update_price(state, call, id),
        ("POST", ["customers"]) => customers::create(state, call),
        ("GET", ["customers"]) => customers::list(state, call),
        ("POST", ["customers", id]) => customers::update(state, call, id),
        ("DELETE", ["customers", id]) => customers::delete(state, id),
        ("POST", ["checkout", "sessions"]) => checkout_sessions::create(state, call),
        ("GET", ["checkout", "sessions"]) => checkout_sessions::list(state, call),
        ("POST", ["checkout", "sessions", id]) => checkout_sessions::update(state, call, id),
        ("POST", ["checkout", "sessions", id, "expire"]) => checkout_sessions::expire(state, call, id),
        ("GET", ["checkout", "sessions", id, "line_items"]) => checkout_sessions::line_items(state, call, id),
        ("POST", ["billing_portal", "sessions"]) => portal::create(state, call),
        ("POST", ["subscriptions"]) => subscriptions::create::create(state, call),
        ("GET", ["subscriptions"]) => subscriptions::list(state, call),
        ("POST", ["subscriptions", id]) => subscriptions::update::update(state, call, id),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(state, call, id),
        ("POST", ["subscriptions", id, "pause"]) => subscriptions::pause(state, id),
        ("POST", ["subscriptions", id, "resume"]) => subscriptions::resume(state, call, id),
        ("GET", ["invoices"]) => invoices::list(state, call),
        ("POST", ["invoices", id, "pay"]) => invoices::pay(state, call, id),
        ("GET", ["invoice_payments"]) => invoices::list_payments(state, call),
        ("GET", ["payment_intents"]) => payments::list_intents(state, call),
        ("GET", ["charges"]) => payments::list_charges(state, call),
        ("POST", ["refunds"]) => payments::create_refund(state, call),
        ("GET", ["refunds"]) => payments::list_refunds(state, call),
        ("GET", ["disputes"]) => payments::list_disputes(state, call),
        ("POST", ["webhook_endpoints"]) => webhook_endpoints::create(state, call),
        ("GET", ["webhook_endpoints"]) => webhook_endpoints::list(state, call),
        ("POST", ["webhook_endpoints", id]) => webhook_endpoints::update(state, call, id),
        ("DELETE", ["webhook_endpoints", id]) => webhook_endpoints::delete(state, id),
        ("GET", ["events"]) => webhook_endpoints::list_events(state, call),
        ("GET", ["events", id]) => webhook_endpoints::retrieve_event(state, call, id),
        ("GET", path) => return retrieve(state, call, path),
        _ => return Err(None),
    };
    handled.map_err(Some)
}

/// `GET` of one object, which is the same for all kinds.
fn retrieve(state: &State, call: &Call<'_>, path: &[&str]) -> Result<Reply, Option<ApiError>> {
    let (kind, prefix, id) = match path {
        ["products", id] => ("product", "prod_", id),
        ["prices", id] => ("price", "price_", id),
        ["customers", id] => ("customer", "cus_", id),
        ["checkout", "sessions", id] => ("checkout.session", "cs_", id),
        ["subscriptions", id] => ("subscription", "sub_", id),
        ["invoices", id] => ("invoice", "in_", id),
        ["payment_intents", id] => ("payment_intent", "pi_", id),
        ["charges", id] => ("charge", "ch_", id),
        ["refunds", id] => ("refund", "re_", id),
        ["disputes", id] => ("dispute", "dp_", id),
        ["webhook_endpoints", id] => ("webhook endpoint", "we_", id),
        _ => return Err(None),
    };
    call.params.only(&[]).map_err(Some)?;
    // A product's id may be the integrator's own, so its prefix proves nothing.
    let is_kind = id.starts_with(prefix) && state.render(id, call.dialect).is_some();
    if is_kind {
        return Ok(Reply::Object((*id).to_owned()));
    }
    Err(Some(ApiError::no_such(kind, id)))
}

/// What deleting answers.
pub(super) fn deleted(id: &str, object: &str) -> Reply {
    Reply::Json(json!({"id": id, "object": object, "deleted": true}))
}
