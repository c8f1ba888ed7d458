//! What every request has around it: an id, a span, a time limit, and an answer though the handler panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::bounds::REQUEST_ID_MAX;
use crate::codes::Code;
use crate::problem::Problem;
use crate::state::Api;

/// The header with the request's id, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers hold billing data and are for one caller.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer opened in a browser does nothing. Pages say otherwise for themselves.
const INERT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Wraps every request, matched or not.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let request_id = request_id(&api, request.headers());
    let (method, matched) = (
        request.method().clone(),
        request.extensions().get::<MatchedPath>().cloned(),
    );
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    // Neither the path itself nor the query: they may hold what isn't for logs.
    let span = tracing::info_span!(
        "http_request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        request_id,
        http.method = %method,
        http.route = route,
        http.status = tracing::field::Empty,
        duration_ms = tracing::field::Empty,
        tenant.id = tracing::field::Empty,
    );
    let began = Instant::now();
    let mut response = guarded(&api, request, next).instrument(span.clone()).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        problem.render(&mut response, &request_id);
    }
    add_headers(response.headers_mut(), &request_id);
    span.record("http.status", response.status().as_u16());
    let took = began.elapsed();
    span.record("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let metrics = &api.app.ports().metrics;
    metrics.http_request(method.as_str(), route, response.status().as_u16(), took);
    span.in_scope(|| log(&response, problem.as_ref()));
    response
}

/// The handler, with an end to its time and its panics.
async fn guarded(api: &Api, request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(api.options.request_timeout, handled).await {
        Ok(Ok(response)) => response,
        // The panic hook has told the log where it was.
        Ok(Err(_)) => Problem::new(Code::InternalError, "a fault in this host ended the request").into_response(),
        Err(_) => {
            let seconds = api.options.request_timeout.as_secs_f32();
            Problem::new(Code::RequestTimedOut, format!("no answer after {seconds} seconds")).into_response()
        }
    }
}

fn log(response: &Response, problem: Option<&Problem>) {
    match problem {
        Some(problem) if response.status().is_server_error() => {
            tracing::warn!(code = problem.code().info().code, cause = problem.cause(), "failed");
        }
        Some(problem) => tracing::info!(code = problem.code().info().code, "refused"),
        None => tracing::debug!("answered"),
    }
}

fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(INERT);
}

/// The caller's id if it is a sane one, so that a request can be followed through several hosts; else a new one.
fn request_id(api: &Api, headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=REQUEST_ID_MAX).contains(&id.len()))
        .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b)));
    given.map_or_else(
        || format!("req_{:032x}", api.app.ports().ids.next(api.app.now())),
        str::to_owned,
    )
}
