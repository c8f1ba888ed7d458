//! What a plugin does, told: its steps and its exchanges, in numbers and as spans.

use std::time::{Duration, Instant};

use tillgate_application::account::ConnectedAccount;
use tillgate_application::bounds::PLUGIN_DIGEST_SHOWN;
use tillgate_application::ports::{
    CallOutcome, ExchangeOutcome, ExchangeRequest, Metrics, PluginFault, PluginInfo, Reached,
};
use tracing::Span;
use tracing::field::Empty;

use crate::exchange::RequestRefused;

/// A step that gave an answer.
const ANSWERED: &str = "answered";

/// Headers in which providers say what they call a request; their support asks for it.
const REQUEST_ID_HEADERS: [&str; 4] = ["request-id", "x-request-id", "paypal-debug-id", "x-correlation-id"];

/// Longest request id that is told, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Enough of a digest to tell plugins apart.
fn short(digest: &str) -> &str {
    digest.get(..PLUGIN_DIGEST_SHOWN).unwrap_or(digest)
}

/// Runs a step, and tells how it went.
pub(crate) fn step<T>(
    metrics: &dyn Metrics,
    plugin: &PluginInfo,
    operation: &str,
    run: impl FnOnce() -> Result<T, Box<PluginFault>>,
) -> Result<T, Box<PluginFault>> {
    let span = tracing::info_span!(
        "plugin_step",
        plugin.name = plugin.name,
        plugin.version = plugin.version,
        plugin.digest = short(&plugin.digest),
        capability = operation,
        outcome = Empty,
    );
    let began = Instant::now();
    let answer = span.in_scope(run);
    let took = began.elapsed();
    let outcome = answer.as_ref().map_or_else(|fault| fault.kind.as_str(), |_| ANSWERED);
    metrics.plugin_step(&plugin.name, operation, outcome, took);
    if answer.is_err() {
        metrics.plugin_fault(&plugin.name, operation, outcome);
    }
    span.record("outcome", outcome);
    answer
}

/// The span of a request to a provider. Neither its path nor what it carries is told: both name customers.
pub(crate) fn exchange_span(
    plugin: &PluginInfo,
    operation: &str,
    request: &ExchangeRequest,
    account: Option<&ConnectedAccount>,
) -> Span {
    let span = tracing::info_span!(
        "provider_exchange",
        otel.kind = "client",
        plugin.name = plugin.name,
        plugin.digest = short(&plugin.digest),
        capability = operation,
        endpoint = request.endpoint,
        http.method = ?request.method,
        tenant.id = Empty,
        account.id = Empty,
        outcome = Empty,
        http.status = Empty,
        provider.request_id = Empty,
    );
    if let Some(account) = account {
        span.record("tenant.id", tracing::field::display(account.account.tenant_id));
        span.record("account.id", tracing::field::display(account.account.id));
    }
    span
}

/// Tells what came of a request to a provider.
pub(crate) fn exchanged(
    metrics: &dyn Metrics,
    plugin: &PluginInfo,
    operation: &str,
    span: &Span,
    answer: &Result<ExchangeOutcome, RequestRefused>,
    took: Duration,
) {
    let outcome = match answer {
        Ok(ExchangeOutcome::Response { status, headers, .. }) => {
            span.record("http.status", *status);
            if let Some(id) = request_id(headers) {
                span.record("provider.request_id", id);
            }
            CallOutcome::of_status(*status)
        }
        Ok(ExchangeOutcome::Failed { reached, .. }) => match reached {
            Reached::NotSent => CallOutcome::NotSent,
            Reached::MaybeSent => CallOutcome::MaybeSent,
            Reached::Sent => CallOutcome::Unreadable,
        },
        Err(_) => CallOutcome::Refused,
    };
    span.record("outcome", outcome.as_str());
    metrics.provider_call(&plugin.name, operation, outcome, took);
    span.in_scope(|| tracing::debug!(outcome = outcome.as_str(), "provider answered, or didn't"));
}

/// What the provider calls the request, if that is a word.
fn request_id(headers: &[(String, Vec<u8>)]) -> Option<&str> {
    let (_, value) = headers
        .iter()
        .find(|(name, _)| REQUEST_ID_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)))?;
    let text = std::str::from_utf8(value).ok()?;
    let is_word = (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_word.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::request_id;

    #[test]
    fn a_request_id_is_a_word_or_is_not_told() {
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.as_bytes().to_owned())];
        assert_eq!(request_id(&header("Request-Id", "req_1")), Some("req_1"));
        assert_eq!(request_id(&header("x-request-id", "a-b.c")), Some("a-b.c"));
        for (name, value) in [
            ("request-id", ""),
            ("request-id", "ada@acme.example"),
            ("set-cookie", "req_1"),
        ] {
            assert_eq!(request_id(&header(name, value)), None, "{name}: {value}");
        }
        assert_eq!(request_id(&header("request-id", &"x".repeat(129))), None);
    }
}
