//! Takes a provider's webhook, exactly as it was sent.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tillgate_application::ports::{Ack, WebhookOutcome, WebhookRejection, WebhookRequest};
use tillgate_application::{WebhookAnswer, receive_webhook as receive};
use tillgate_domain::ProviderAccountId;

use crate::body::{self, BodyLimits};
use crate::codes::Code;
use crate::extract::{Path, id};
use crate::openapi::{RawBytes, problem_responses};
use crate::problem::Problem;
use crate::state::Api;

/// Set by proxies: every address a request came through, the last one being what the proxy itself saw.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What only this host may say about its connections and its origin.
const ACK_HEADERS_REFUSED: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::LOCATION,
];

struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
        problem_responses(&[
            Code::WebhookSignatureMissing,
            Code::WebhookSignatureMalformed,
            Code::WebhookTooOld,
            Code::WebhookTooNew,
            Code::WebhookNotRecognized,
            Code::BodyIncomplete,
            Code::WebhookSignatureInvalid,
            Code::ProviderAccountNotFound,
            Code::RequestTimeout,
            Code::BodyTooLarge,
            Code::WebhookRejectedTooOften,
            Code::InternalError,
            Code::SecretNotReadable,
            Code::PluginFault,
            Code::DatabaseUnavailable,
            Code::PluginNotLoaded,
            Code::RequestTimedOut,
        ])
    }
}

/// Receive a webhook.
///
/// For providers alone: the signature is their credential. Any media type is taken, and the body is kept byte for byte.
/// An answer of 2xx means that it is durable; a repetition of what was taken in before is answered alike, and changes
/// nothing. Some providers want an answer of their own, which is then given instead of 204.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{provider_account_id}",
    tag = "Webhooks",
    params(("provider_account_id" = String, Path, description = "The provider account",
        example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    request_body(content = RawBytes, content_type = "*/*", description = "As the provider sends it"),
    responses(
        (status = 204, description = "It is durable"),
        (status = 200, description = "It is durable, in the words the provider wants"),
        Problems,
    ),
)]
pub(super) async fn receive_webhook(
    State(api): State<Api>,
    Path(account): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    answer_of(take(&api, &account, request).await?)
}

/// Answer a webhook check.
///
/// For providers that first ask whether the endpoint is there, or send their webhooks as GET.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{provider_account_id}",
    tag = "Webhooks",
    params(("provider_account_id" = String, Path, description = "The provider account",
        example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses(
        (status = 204, description = "It is durable"),
        (status = 200, description = "What the provider wants to hear"),
        Problems,
    ),
)]
pub(super) async fn answer_webhook_check(
    State(api): State<Api>,
    Path(account): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    answer_of(take(&api, &account, request).await?)
}

/// Takes a webhook in, and tells what it was answered and how long that took.
pub(crate) async fn take(api: &Api, account: &str, request: Request) -> Result<WebhookAnswer, Problem> {
    let began = Instant::now();
    let answer = receive_whole(api, account, request).await;
    let outcome = match &answer {
        Ok(WebhookAnswer::Acknowledged(_)) => WebhookOutcome::Acknowledged,
        Ok(WebhookAnswer::Handshake(_)) => WebhookOutcome::Handshake,
        Ok(WebhookAnswer::Rejected { .. } | WebhookAnswer::RejectedTooOften { .. }) => WebhookOutcome::Rejected,
        Err(_) => WebhookOutcome::Failed,
    };
    api.app.ports().metrics.webhook_answered(outcome, began.elapsed());
    answer
}

/// Hands a request over as it was sent.
async fn receive_whole(api: &Api, account: &str, request: Request) -> Result<WebhookAnswer, Problem> {
    let account_id: ProviderAccountId = id("provider account", account)?;
    let (parts, body) = request.into_parts();
    let limits = BodyLimits {
        max_bytes: api.options.webhook_body_max_bytes,
        timeout: api.options.body_timeout,
    };
    let body = body::read(&parts.headers, body, limits).await?;
    let webhook = WebhookRequest {
        method: parts.method.as_str().to_owned(),
        // The account knows the URL as registered; what was asked for may have been rewritten on the way.
        url: String::new(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_owned()))
            .collect(),
        body,
        remote_ip: remote_ip(&parts, api.options.trust_forwarded_for),
        received_at_ms: api.app.now().as_millis(),
    };
    Ok(receive(&api.app, account_id, webhook).await?)
}

/// What the provider is answered.
pub(crate) fn answer_of(taken: WebhookAnswer) -> Result<Response, Problem> {
    match taken {
        WebhookAnswer::Acknowledged(None) => Ok(StatusCode::NO_CONTENT.into_response()),
        WebhookAnswer::Acknowledged(Some(ack)) | WebhookAnswer::Handshake(ack) => Ok(ack_response(ack)),
        WebhookAnswer::Rejected { ack: Some(ack), .. } => Ok(ack_response(ack)),
        WebhookAnswer::Rejected { reason, message, .. } => Err(Problem::new(code_of(reason), message)),
        WebhookAnswer::RejectedTooOften { retry_after_seconds } => {
            let detail = "too many webhooks of this account failed their proof lately, and so did this one";
            Err(Problem::new(Code::WebhookRejectedTooOften, detail).retry_after(retry_after_seconds))
        }
    }
}

const fn code_of(reason: WebhookRejection) -> Code {
    match reason {
        WebhookRejection::SignatureMissing => Code::WebhookSignatureMissing,
        WebhookRejection::SignatureMalformed => Code::WebhookSignatureMalformed,
        WebhookRejection::NotAWebhook => Code::WebhookNotRecognized,
        WebhookRejection::SignatureInvalid => Code::WebhookSignatureInvalid,
        WebhookRejection::TooOld => Code::WebhookTooOld,
        WebhookRejection::TooNew => Code::WebhookTooNew,
    }
}

/// The plugin's answer, as far as a plugin may answer for this host.
fn ack_response(ack: Ack) -> Response {
    let mut response = Response::new(Body::from(ack.body));
    *response.status_mut() = match StatusCode::from_u16(ack.status) {
        Ok(status) if !status.is_informational() && !status.is_redirection() => status,
        _ => StatusCode::NO_CONTENT,
    };
    for (name, value) in ack.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        if !ACK_HEADERS_REFUSED.contains(&name) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Who sent it. What a proxy says counts only where it is trusted, and then only what the nearest one saw itself.
fn remote_ip(parts: &Parts, trust_forwarded_for: bool) -> Option<IpAddr> {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip());
    let forwarded = if trust_forwarded_for {
        forwarded_for(&parts.headers)
    } else {
        None
    };
    forwarded.or(peer).map(|ip| ip.to_canonical())
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(forwarded: &[&str]) -> Parts {
        let mut request = Request::builder().uri("/");
        for value in forwarded {
            request = request.header(FORWARDED_FOR, *value);
        }
        let mut request = request.body(()).unwrap();
        let peer: SocketAddr = "[::ffff:192.0.2.1]:443".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request.into_parts().0
    }

    #[test]
    fn forwarded_addresses_count_only_from_a_trusted_proxy_and_from_the_right() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(remote_ip(&parts(&["203.0.113.9"]), false), ip("192.0.2.1"));
        assert_eq!(remote_ip(&parts(&["10.0.0.1, 203.0.113.9"]), true), ip("203.0.113.9"));
        assert_eq!(remote_ip(&parts(&["10.0.0.1", "203.0.113.9"]), true), ip("203.0.113.9"));
        assert_eq!(remote_ip(&parts(&["nonsense"]), true), ip("192.0.2.1"));
        assert_eq!(remote_ip(&parts(&[]), true), ip("192.0.2.1"));
    }

    #[test]
    fn a_plugin_cannot_set_what_is_the_hosts() {
        let response = ack_response(Ack {
            status: 301,
            headers: vec![
                ("Content-Type".into(), "text/plain".into()),
                ("Set-Cookie".into(), "a=b".into()),
                ("Content-Length".into(), "99".into()),
                ("bad name".into(), "x".into()),
                ("x-bad-value".into(), "a\r\nb".into()),
            ],
            body: b"ok".to_vec(),
        });
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    }
}
