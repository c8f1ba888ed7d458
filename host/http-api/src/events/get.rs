//! Gets an event.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::ports::StoreError;
use tillgate_application::views::EventView;
use tillgate_domain::EventId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, EventNotFound);

/// Get an event.
#[utoipa::path(
    get,
    path = "/v1/events/{id}",
    tag = "Events",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "evt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The event", body = EventView), Problems),
)]
pub(super) async fn get_event(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<EventView>, Problem> {
    let event_id: EventId = id("event", &given)?;
    let found = api.app.ports().store.event(tenant.id, event_id).await?;
    let event = found.ok_or_else(|| ApplicationError::not_found("event", event_id))?;
    Ok(Json(view(&event.payload)?))
}

/// An event as it was published.
pub(super) fn view(payload: &str) -> Result<EventView, Problem> {
    let view = serde_json::from_str(payload);
    view.map_err(|error| StoreError::Corrupt(format!("a published event: {error}")).into())
}
