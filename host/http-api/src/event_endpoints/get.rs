//! Gets an event endpoint.

use axum::Json;
use axum::extract::State;
use tillgate_application::{ApplicationError, EventEndpointView};
use tillgate_domain::EventEndpointId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, EventEndpointNotFound);

/// Get an event endpoint.
#[utoipa::path(
    get,
    path = "/v1/event-endpoints/{id}",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The endpoint", body = EventEndpointView), Problems),
)]
pub(super) async fn get_event_endpoint(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<EventEndpointView>, Problem> {
    let endpoint_id: EventEndpointId = id("event endpoint", &given)?;
    let found = api.app.ports().store.event_endpoint(tenant.id, endpoint_id).await?;
    let endpoint = found.ok_or_else(|| ApplicationError::not_found("event endpoint", endpoint_id))?;
    Ok(Json(EventEndpointView::from(&endpoint)))
}
