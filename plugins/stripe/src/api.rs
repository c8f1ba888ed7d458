//! Requests to Stripe's API.

use tillgate_plugin_sdk::types::{ErrorKind, GatewayError};
use tillgate_plugin_sdk::{Context, Form, Json, RequestBuilder, Response};

use crate::error;
use crate::map::Readable;

/// The API version every call pins, so that answers keep the shape `map` knows
/// (<https://docs.stripe.com/api/versioning>). Webhooks come in their endpoint's version instead.
pub(crate) const VERSION: &str = "2026-10-28.endive";

/// A read.
pub(crate) fn get(ctx: &Context, path: impl Into<String>) -> RequestBuilder<'_> {
    complete(ctx, ctx.get(path))
}

/// A read for the account an event came from. Where the operator has configured an account, that one counts.
pub(crate) fn get_for<'a>(ctx: &'a Context, account: Option<&str>, path: impl Into<String>) -> RequestBuilder<'a> {
    let request = get(ctx, path);
    match account.filter(|account| ctx.account_reference().is_none() && is_id(account)) {
        Some(account) => request.header("stripe-account", account),
        None => request,
    }
}

/// A write. Stripe performs it once for one key (<https://docs.stripe.com/api/idempotent_requests>).
pub(crate) fn post<'a>(ctx: &'a Context, path: impl Into<String>, form: &Form) -> RequestBuilder<'a> {
    let key = ctx.next_idempotency_key();
    let request = ctx.post(path).form(form).header("idempotency-key", key);
    complete(ctx, request.idempotent())
}

/// A deletion. Stripe takes no key for it, but deleting twice does no more than deleting once.
pub(crate) fn delete(ctx: &Context, path: impl Into<String>) -> RequestBuilder<'_> {
    complete(ctx, ctx.delete(path).idempotent())
}

/// Sends a request; anything but success is an error.
pub(crate) async fn send(ctx: &Context, request: RequestBuilder<'_>) -> Result<Response, GatewayError> {
    succeeded(ctx, request.send().await?)
}

/// An answer, if it is a success.
pub(crate) fn succeeded(ctx: &Context, response: Response) -> Result<Response, GatewayError> {
    if response.is_success() {
        Ok(response)
    } else {
        Err(error::of(&response, ctx.now()))
    }
}

/// Reads an answer.
pub(crate) fn read<T: Readable>(response: &Response) -> Result<T, GatewayError> {
    let document = Json::read(response.body());
    let document = document.map_err(|error| unreadable(response, &error.to_string()))?;
    T::read(&document).map_err(|wrong| unreadable(response, &wrong.to_string()))
}

/// The error of an answer that can't be understood, with what Stripe's support needs to find it.
pub(crate) fn unreadable(response: &Response, why: &str) -> GatewayError {
    let request_id = response.header("request-id").map(str::to_owned);
    response.unreadable(why).with_request_id(request_id)
}

/// Refuses an id that could change the path it becomes part of.
pub(crate) fn id<'a>(reference: &'a str, parameter: &str) -> Result<&'a str, GatewayError> {
    if is_id(reference) {
        return Ok(reference);
    }
    let message = format!("{reference:?} can't be an id at Stripe");
    let error = GatewayError::new(ErrorKind::InvalidRequest, message);
    Err(error.with_parameter(Some(parameter.to_owned())))
}

/// Whether this can be an id at Stripe.
pub(crate) fn is_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=255).contains(&text.len()) && text.bytes().all(word)
}

fn complete<'a>(ctx: &Context, request: RequestBuilder<'a>) -> RequestBuilder<'a> {
    let request = request.header("stripe-version", VERSION).credential("api_key");
    match ctx.account_reference() {
        // Connect: https://docs.stripe.com/connect/authentication
        Some(account) => request.header("stripe-account", account),
        None => request,
    }
}
