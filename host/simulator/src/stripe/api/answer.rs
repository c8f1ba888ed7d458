//! Answers: as they should be, or as a fault wants them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::Received;
use super::idempotency::Claimed;
use crate::stripe::Shared;
use crate::stripe::clock::imf_fixdate;
use crate::stripe::connection::Switch;
use crate::stripe::control::faults::{Failure, NextFault, OddFailure};
use crate::stripe::error::{ApiError, ApiResult};

/// An answer before its headers.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) should_retry: Option<bool>,
    pub(super) retry_after: Option<u32>,
    pub(super) replayed: bool,
}

impl Answer {
    pub(super) fn of(result: ApiResult<Value>, request_id: &str, now: i64) -> Self {
        let (status, body, should_retry) = match result {
            Ok(body) => (200, body, None),
            Err(error) => (error.status, error.body(request_id, now), error.should_retry),
        };
        Self {
            status,
            body,
            should_retry,
            retry_after: None,
            replayed: false,
        }
    }
}

/// Answers as a fault wants it.
pub(super) async fn fail(
    shared: &Arc<Shared>,
    received: &Received,
    fault: &NextFault,
    claimed: Option<Claimed>,
    switch: Option<Switch>,
) -> Response<Body> {
    let status = match fault.status {
        Failure::Status(status) => status,
        Failure::Odd(odd) => {
            drop(claimed);
            return fail_oddly(shared, odd, switch).await;
        }
    };
    let error = match status {
        429 => ApiError::rate_limited(),
        401 => ApiError::new(401, "invalid_request_error", "Invalid API Key provided: sk_test_****"),
        500..=599 => ApiError::server_side(status),
        _ => ApiError::new(status, "invalid_request_error", "This failure was asked for."),
    };
    let answer = shared.read(|state| {
        let mut answer = Answer::of(Err(error), &received.id, state.now);
        answer.should_retry = fault.should_retry;
        answer.retry_after = fault.retry_after;
        if let Some(claimed) = claimed {
            // Only a failure of the endpoint itself is remembered; a 429 or a
            // 503 comes from in front of it.
            if status == 500 {
                claimed.save(state, &answer);
            } else {
                claimed.release(state);
            }
        }
        answer
    });
    respond(shared, received, &answer)
}

async fn fail_oddly(shared: &Arc<Shared>, odd: OddFailure, switch: Option<Switch>) -> Response<Body> {
    let (status, kind, body) = match odd {
        OddFailure::Html => (
            StatusCode::BAD_GATEWAY,
            "text/html",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        ),
        OddFailure::Empty => (StatusCode::OK, "application/json", ""),
        OddFailure::Hang => {
            let mut ending = shared.ending.subscribe();
            // An error means that the simulator is gone, which ends this too.
            let _ = ending.wait_for(|ending| *ending).await;
            (StatusCode::GATEWAY_TIMEOUT, "text/plain", "")
        }
        OddFailure::Close => {
            match switch {
                Some(switch) => switch.cut(),
                None => {
                    tracing::warn!("without its own server the simulator cannot cut connections");
                }
            }
            (StatusCode::GATEWAY_TIMEOUT, "text/plain", "")
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn respond(shared: &Shared, received: &Received, answer: &Answer) -> Response<Body> {
    let now = shared.read(|state| state.now);
    let body = serde_json::to_string_pretty(&answer.body).unwrap_or_default();
    let mut response = Response::new(Body::from(body + "\n"));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    set("content-type", "application/json");
    set("request-id", &received.id);
    set("stripe-version", &received.version);
    set("date", &imf_fixdate(now));
    set("cache-control", "no-cache, no-store");
    if let Some(key) = &received.key {
        set("idempotency-key", key);
    }
    if answer.replayed {
        set("idempotent-replayed", "true");
    }
    if let Some(should_retry) = answer.should_retry {
        set("stripe-should-retry", if should_retry { "true" } else { "false" });
    }
    if let Some(seconds) = answer.retry_after {
        set("retry-after", &seconds.to_string());
    }
    if answer.status == 401 {
        set("www-authenticate", "Bearer realm=\"Stripe\"");
    }
    response
}
