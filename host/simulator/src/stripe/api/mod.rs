//! `/v1/…`: receiving a request, its faults, its idempotency, its answer.

mod answer;
mod catalog;
mod checkout_sessions;
mod customers;
mod expand;
pub(super) mod idempotency;
mod invoices;
pub(super) mod log;
mod pagination;
mod payments;
mod portal;
mod routes;
mod subscriptions;
mod webhook_endpoints;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Extracted};
use axum::http::Response;
use axum::http::request::Parts;

use super::Shared;
use super::connection::Switch;
use super::control::faults::NextFault;
use super::error::{ApiError, ApiResult};
use super::form::{self, Node};
use super::state::{Origin, State};
use answer::{Answer, fail, respond};
use idempotency::{Claim, Claimed, KeyOf};

/// The largest request body, in bytes; Stripe's own requests stay far below.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What Stripe says to a JSON body.
const NOT_A_FORM: &str = "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.";

/// A received request, as far as everything after its reception needs it.
#[derive(Debug)]
struct Received {
    id: String,
    method: String,
    path: String,
    version: String,
    key: Option<String>,
    account: Option<String>,
    /// The secret key, only for scoping idempotency keys and for checking it.
    secret: Option<String>,
    params: Node,
}

/// What is to happen to a request after it was looked at.
enum Plan {
    AnswerNow(Answer),
    Execute {
        claim: Option<KeyOf>,
        /// The answer of the key's first request, which stands for executing.
        saved: Option<Answer>,
        fault: Option<NextFault>,
        latency: Duration,
    },
}

pub(super) async fn handle(
    Extracted(shared): Extracted<Arc<Shared>>,
    switch: Option<axum::Extension<ConnectInfo<Switch>>>,
    request: Request,
) -> Response<Body> {
    let switch = switch.map(|axum::Extension(ConnectInfo(switch))| switch);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.ok();
    let (received, plan) = shared.act(|state| receive(state, &parts, body.as_deref()));
    let (claim, saved, fault, latency) = match plan {
        Plan::AnswerNow(answer) => return respond(&shared, &received, &answer),
        Plan::Execute {
            claim,
            saved,
            fault,
            latency,
        } => (claim, saved, fault, latency),
    };
    // Frees the key if the caller goes away while this waits.
    let claimed = claim.map(|key| Claimed::new(&shared, key));
    if !latency.is_zero() {
        let mut ending = shared.ending.subscribe();
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            _ = ending.wait_for(|ending| *ending) => {}
        }
    }
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.apply_before_failing) {
        return fail(&shared, &received, fault, claimed, switch).await;
    }
    let answer = saved.unwrap_or_else(|| execute(&shared, &received, claimed));
    match fault {
        Some(fault) => fail(&shared, &received, &fault, None, switch).await,
        None => respond(&shared, &received, &answer),
    }
}

/// Everything that can be said before the request is carried out. Without a
/// body it was too large.
fn receive(state: &mut State, parts: &Parts, body: Option<&[u8]>) -> (Received, Plan) {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let query = parts.uri.query().unwrap_or_default();
    let form = String::from_utf8_lossy(body.unwrap_or_default());
    let form_is_empty = form.is_empty();
    let both = match (query.is_empty(), form.is_empty()) {
        (true, _) => form.into_owned(),
        (false, true) => query.to_owned(),
        (false, false) => format!("{query}&{form}"),
    };
    let authorization = header("authorization");
    let secret = authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    let is_form = header("content-type").is_none_or(|kind| !kind.starts_with("application/json"));
    let parsed = if body.is_none() {
        Err((413, "Request body too large."))
    } else if is_form || form_is_empty {
        form::parse(&both).map_err(|malformed| (400, malformed.0))
    } else {
        Err((400, NOT_A_FORM))
    };
    let parsed = parsed.map_err(|(status, why)| ApiError::new(status, "invalid_request_error", why));
    let received = Received {
        id: state.request_ids.id("req_"),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        version: header("stripe-version").unwrap_or_else(|| super::API_VERSION.to_owned()),
        key: header("idempotency-key").filter(|_| parts.method == "POST"),
        account: header("stripe-account").or_else(|| header("stripe-context")),
        secret: secret.map(str::to_owned),
        params: parsed.clone().unwrap_or(Node::Branch(Vec::new())),
    };
    log::note(state, &received, parts);
    let admitted = parsed.and_then(|_| authenticate(state, received.secret.as_deref()));
    let plan = match admitted {
        Ok(()) => plan(state, &received),
        Err(error) => Plan::AnswerNow(Answer::of(Err(error), &received.id, state.now)),
    };
    (received, plan)
}

fn authenticate(state: &State, secret: Option<&str>) -> ApiResult<()> {
    let Some(secret) = secret.map(str::trim).filter(|secret| !secret.is_empty()) else {
        return Err(ApiError::new(
            401,
            "invalid_request_error",
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
        ));
    };
    let is_known = match &state.options.api_key {
        Some(key) => key == secret,
        None => secret.starts_with("sk_") || secret.starts_with("rk_"),
    };
    if is_known {
        return Ok(());
    }
    let shown = log::last_four(secret);
    Err(ApiError::new(
        401,
        "invalid_request_error",
        format!("Invalid API Key provided: {shown}"),
    ))
}

fn plan(state: &mut State, received: &Received) -> Plan {
    let (mut claim, mut saved) = (None, None);
    if let Some(key) = &received.key {
        let key = KeyOf::new(received, key);
        match state.idempotency.claim(&key, received, state.now) {
            Claim::New => claim = Some(key),
            Claim::Saved(answer) => {
                saved = Some(Answer {
                    replayed: true,
                    ..answer
                });
            }
            Claim::Refused(error) => {
                return Plan::AnswerNow(Answer::of(Err(error), &received.id, state.now));
            }
        }
    }
    let fault = state.faults.take(&received.method, &received.path);
    Plan::Execute {
        claim,
        saved,
        fault,
        latency: state.faults.latency(),
    }
}

/// Carries the request out, saving the answer under its key.
fn execute(shared: &Arc<Shared>, received: &Received, claimed: Option<Claimed>) -> Answer {
    shared.act(|state| {
        state.origin = Origin {
            request_id: Some(received.id.clone()),
            idempotency_key: received.key.clone(),
        };
        let result = routes::route(state, received);
        state.origin = Origin::default();
        let is_saved = !result.as_ref().is_err_and(ApiError::leaves_the_key_free);
        let answer = Answer::of(result, &received.id, state.now);
        if let Some(claimed) = claimed {
            if is_saved {
                claimed.save(state, &answer);
            } else {
                claimed.release(state);
            }
        }
        answer
    })
}
