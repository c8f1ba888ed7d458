//! Stripe's refusals.
//!
//! The body is `{"error": {type, code, decline_code, param, message}}` (<https://docs.stripe.com/api/errors>); what
//! may be retried is told by `Stripe-Should-Retry`, else by the status
//! (<https://docs.stripe.com/error-low-level>).

use tillgate_plugin_sdk::types::{Effect, ErrorKind, GatewayError, RetryAdvice, Timestamp};
use tillgate_plugin_sdk::{Json, Response, kind_of_status, retry_of_unknown};

use crate::map::{Readable, Refusal};

/// The error that an answer without success is.
pub(crate) fn of(response: &Response, now: Timestamp) -> GatewayError {
    let request_id = response.header("request-id").map(str::to_owned);
    let document = Json::read(response.body()).unwrap_or(Json::Null);
    let error = match Refusal::read(document.get("error")) {
        Ok(refusal) => understood(response, refusal),
        // A proxy in between answers overload and faults with pages of its own; there the status says enough.
        Err(_) if response.status() == 429 || response.status() >= 500 => {
            let message = format!("Stripe answered {} without saying why", response.status());
            response.failure(now, message)
        }
        Err(_) => response.unreadable("it refuses without an error that could be read"),
    };
    let retry = advice(response, &error, now);
    error.with_request_id(request_id).with_retry(retry)
}

fn understood(response: &Response, refusal: Refusal) -> GatewayError {
    let kind = kind(response, &refusal);
    let message = refusal.message.unwrap_or_else(|| {
        let word = refusal.code.as_deref().or(refusal.kind.as_deref());
        format!(
            "Stripe answered {}: {}",
            response.status(),
            word.unwrap_or("no reason given")
        )
    });
    GatewayError::new(kind, message)
        .with_http_status(response.status())
        .with_provider_code(refusal.code.or(refusal.kind))
        .with_decline_code(refusal.decline_code)
        .with_parameter(refusal.param)
}

fn kind(response: &Response, refusal: &Refusal) -> ErrorKind {
    match (refusal.kind.as_deref(), refusal.code.as_deref()) {
        (_, Some("rate_limit")) => ErrorKind::RateLimited,
        (_, Some("lock_timeout" | "idempotency_key_in_use")) => ErrorKind::Conflict,
        (_, Some("resource_missing")) => ErrorKind::NotFound,
        (Some("idempotency_error"), _) => ErrorKind::Conflict,
        (Some("card_error"), _) => ErrorKind::Declined,
        // 424: something outside that Stripe depends on failed, so nobody knows how far it got.
        _ if response.status() == 424 => kind_of_status(500, response.effect()),
        _ => kind_of_status(response.status(), response.effect()),
    }
}

/// When to try again. Stripe's own word comes first; then the rule of its libraries (conflicts and server faults),
/// and too many requests, which its libraries leave to the caller.
fn advice(response: &Response, error: &GatewayError, now: Timestamp) -> RetryAdvice {
    let same_key_other_request = error.provider_code.as_deref() == Some("idempotency_error");
    let by_itself = match error.kind {
        ErrorKind::Conflict if same_key_other_request => RetryAdvice::Never,
        ErrorKind::Conflict => match response.status() {
            409 | 429 => RetryAdvice::Allowed,
            _ => RetryAdvice::Never,
        },
        ErrorKind::UnknownOutcome => retry_of_unknown(response.effect()),
        ErrorKind::RateLimited | ErrorKind::Unavailable => RetryAdvice::Allowed,
        _ => RetryAdvice::Never,
    };
    // Stripe keeps the first answer to an idempotency key, a server fault as well, and gives it again for a day
    // (https://docs.stripe.com/api/idempotent_requests).
    if response.header("idempotent-replayed") == Some("true") {
        return RetryAdvice::Never;
    }
    let told = response.header("stripe-should-retry");
    let advice = match told {
        Some("true") if response.effect() != Effect::Write => RetryAdvice::Allowed,
        Some("false") => RetryAdvice::Never,
        _ => by_itself,
    };
    match (advice, response.retry_after(now)) {
        (RetryAdvice::Allowed, Some(wait)) => RetryAdvice::After(wait),
        _ => advice,
    }
}
