//! The routes of `/_simulator/…`. Answers are JSON; a refused request is
//! `{"error": "…"}` with status 400 or 404.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::FaultsRequest;
use crate::stripe::Shared;
use crate::stripe::api::log::LoggedRequest;
use crate::stripe::model::checkout::CheckoutSession;
use crate::stripe::model::payment::Dispute;
use crate::stripe::state::State;
use crate::stripe::webhooks::Sender;

type Simulated = Extracted<Arc<Shared>>;

/// A refused control request.
pub(crate) struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }

    fn unknown(kind: &str, id: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("no {kind} {id}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({"error": self.1}))).into_response()
    }
}

type Controlled = Result<axum::Json<Value>, Refusal>;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_simulator/state", get(show_state))
        .route("/_simulator/clock", get(show_state).post(move_clock))
        .route("/_simulator/faults", get(show_faults).post(set_faults))
        .route("/_simulator/customers/{id}/next_payment", post(set_next_payment))
        .route("/_simulator/disputes", post(open_dispute))
        .route("/_simulator/checkout_sessions/{id}/settle", post(settle))
        .route("/_simulator/webhook_endpoints/{id}/roll_secret", post(roll_secret))
        .route("/_simulator/webhook_endpoints/{id}/end_roll", post(end_roll))
        .route("/_simulator/events/{id}/resend", post(resend))
        .route("/_simulator/requests", get(show_requests))
        .route("/_simulator/deliveries", get(show_deliveries))
        .route("/_simulator/deliveries/flush", post(flush))
        .route("/_simulator/reset", post(reset))
}

/// Reads a JSON body whatever its content type says; an empty one is `{}`.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::bad(error.to_string()))
}

async fn show_state(Extracted(shared): Simulated) -> axum::Json<Value> {
    axum::Json(shared.act(|state| state.summary()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    advance_seconds: Option<i64>,
    now: Option<i64>,
}

async fn move_clock(Extracted(shared): Simulated, body: Bytes) -> Controlled {
    let request: ClockRequest = read(&body)?;
    let moved = shared.act(|state| {
        let seconds = match (request.advance_seconds, request.now) {
            (Some(seconds), None) => seconds,
            (None, Some(now)) => now.saturating_sub(state.now),
            _ => return Err("give either advance_seconds or now".to_owned()),
        };
        let before = state.events.len();
        state.advance(seconds)?;
        Ok(json!({"now": state.now, "events_emitted": state.events.len().saturating_sub(before)}))
    });
    moved.map(axum::Json).map_err(Refusal::bad)
}

async fn show_faults(Extracted(shared): Simulated) -> axum::Json<Value> {
    axum::Json(shared.act(|state| state.faults.to_json()))
}

async fn set_faults(Extracted(shared): Simulated, body: Bytes) -> Controlled {
    let request: FaultsRequest = read(&body)?;
    shared
        .act(|state| state.faults.set(request).map(|()| state.faults.to_json()))
        .map(axum::Json)
        .map_err(Refusal::bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextPayment {
    outcome: CardOutcome,
    /// How many payments in a row; 1 unless given.
    count: Option<usize>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum CardOutcome {
    Succeed,
    Decline,
}

async fn set_next_payment(Extracted(shared): Simulated, Path(id): Path<String>, body: Bytes) -> Controlled {
    /// The most payments that can be planned for one customer.
    const MAX_PLANNED: usize = 1_000;
    let request: NextPayment = read(&body)?;
    let count = request.count.unwrap_or(1).min(MAX_PLANNED);
    shared.act(|state| {
        let customer = state
            .customers
            .get_mut(&id)
            .ok_or_else(|| Refusal::unknown("customer", &id))?;
        let succeeds = request.outcome == CardOutcome::Succeed;
        customer.next_payments.extend(std::iter::repeat_n(succeeds, count));
        customer.next_payments.truncate(MAX_PLANNED);
        Ok(axum::Json(json!({"customer": id, "planned": customer.next_payments})))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeRequest {
    charge: String,
    reason: Option<String>,
}

async fn open_dispute(Extracted(shared): Simulated, body: Bytes) -> Controlled {
    let request: DisputeRequest = read(&body)?;
    let reason = request.reason.as_deref().unwrap_or("fraudulent");
    shared.act(|state| {
        if !state.charges.contains(&request.charge) {
            return Err(Refusal::unknown("charge", &request.charge));
        }
        let id = state
            .dispute_charge(&request.charge, reason)
            .map_err(|error| Refusal::bad(error.message))?;
        let dispute = state.disputes.get(&id).map(Dispute::render);
        Ok(axum::Json(dispute.unwrap_or_default()))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleRequest {
    outcome: Settlement,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Settlement {
    Succeeded,
    Failed,
}

async fn settle(Extracted(shared): Simulated, Path(id): Path<String>, body: Bytes) -> Controlled {
    let request: SettleRequest = read(&body)?;
    shared.act(|state| {
        if !state.sessions.contains(&id) {
            return Err(Refusal::unknown("checkout session", &id));
        }
        if !state.settle_session(&id, Some(request.outcome == Settlement::Succeeded)) {
            return Err(Refusal::bad("no bank debit of this session is under way"));
        }
        let session = state.sessions.get(&id).map(CheckoutSession::render);
        Ok(axum::Json(session.unwrap_or_default()))
    })
}

/// Adds a new secret; the former one signs as well until the roll ends.
async fn roll_secret(Extracted(shared): Simulated, Path(id): Path<String>) -> Controlled {
    shared.act(|state| {
        let secret = state.random.id("whsec_");
        let endpoint = state
            .endpoints
            .get_mut(&id)
            .ok_or_else(|| Refusal::unknown("webhook endpoint", &id))?;
        endpoint.secrets.truncate(1);
        endpoint.secrets.insert(0, secret.clone());
        Ok(axum::Json(
            json!({"webhook_endpoint": id, "secret": secret, "signing_secrets": 2}),
        ))
    })
}

async fn end_roll(Extracted(shared): Simulated, Path(id): Path<String>) -> Controlled {
    shared.act(|state| {
        let endpoint = state
            .endpoints
            .get_mut(&id)
            .ok_or_else(|| Refusal::unknown("webhook endpoint", &id))?;
        endpoint.secrets.truncate(1);
        Ok(axum::Json(json!({"webhook_endpoint": id, "signing_secrets": 1})))
    })
}

async fn resend(Extracted(shared): Simulated, Path(id): Path<String>) -> Controlled {
    shared.act(|state| {
        if state.resend(&id) {
            Ok(axum::Json(
                json!({"event": id, "deliveries_pending": state.deliveries.pending()}),
            ))
        } else {
            Err(Refusal::unknown("event", &id))
        }
    })
}

async fn show_requests(Extracted(shared): Simulated) -> axum::Json<Value> {
    axum::Json(shared.act(|state| {
        let requests: Vec<Value> = state.requests.iter().map(LoggedRequest::to_json).collect();
        json!({"requests": requests})
    }))
}

async fn show_deliveries(Extracted(shared): Simulated) -> axum::Json<Value> {
    axum::Json(shared.act(|state| state.delivery_log()))
}

async fn flush(Extracted(shared): Simulated) -> axum::Json<Value> {
    shared.read(State::catch_up);
    let attempted = Sender::flush(&shared).await;
    axum::Json(shared.read(|state| {
        let mut counts = state.deliveries.counts();
        counts["attempted"] = json!(attempted);
        counts
    }))
}

async fn reset(Extracted(shared): Simulated) -> axum::Json<Value> {
    axum::Json(shared.act(|state| {
        state.reset();
        state.summary()
    }))
}
