//! Gives an event endpoint a new secret.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::EventEndpointWithSecret;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// How the secret is changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRotation {
    /// For how long the secret before signs as well, in seconds: up to 30 days, and a day where nothing is said.
    #[schema(minimum = 0, maximum = 2_592_000, default = 86_400)]
    overlap_seconds: Option<i64>,
}

impl RequestBody for SecretRotation {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE ONCE, EventEndpointNotFound);

/// Rotate an event endpoint's secret.
///
/// Until the overlap ends, every request carries a signature of each secret, so that receivers can change over at any
/// time. The new secret is shown in this answer alone.
#[utoipa::path(
    post,
    path = "/v1/event-endpoints/{id}/rotate-secret",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = SecretRotation,
    responses(
        (status = 200, description = "The endpoint, with its new secret", body = EventEndpointWithSecret),
        Problems,
    ),
)]
pub(super) async fn rotate_event_endpoint_secret(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<SecretRotation>,
) -> Result<axum::Json<EventEndpointWithSecret>, Problem> {
    let endpoint_id = id("event endpoint", &given)?;
    let overlap_ms = value.overlap_seconds.map(|seconds| seconds.saturating_mul(1_000));
    let caller = tenant.caller(idempotency_key);
    let rotated =
        tillgate_application::rotate_event_endpoint_secret(&api.app, &caller, tenant.id, endpoint_id, overlap_ms)
            .await?;
    Ok(axum::Json(rotated))
}
