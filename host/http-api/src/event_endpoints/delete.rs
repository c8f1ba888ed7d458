//! Deletes an event endpoint.

use axum::extract::State;
use axum::http::StatusCode;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, EventEndpointNotFound, ConcurrentChange);

/// Delete an event endpoint.
///
/// Nothing more is sent to it.
#[utoipa::path(
    delete,
    path = "/v1/event-endpoints/{id}",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 204, description = "It is deleted"), Problems),
)]
pub(super) async fn delete_event_endpoint(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    let endpoint_id = id("event endpoint", &given)?;
    tillgate_application::delete_event_endpoint(&api.app, tenant.id, endpoint_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
