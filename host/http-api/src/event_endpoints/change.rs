//! Changes an event endpoint.

use axum::extract::State;
use serde::{Deserialize, Deserializer};
use tillgate_application::{EventEndpointChanges, EventEndpointView};
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What is to change; what isn't named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventEndpointChange {
    /// Where events are posted.
    #[schema(example = "https://app.example/billing-events", max_length = 2048)]
    url: Option<String>,
    /// What it is, for people; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200)]
    description: Option<Option<String>>,
    /// The events it wants; an empty list for all.
    #[schema(max_items = 64)]
    event_types: Option<Vec<String>>,
    /// Whether events are sent to it. Enabled again, it counts as one that never failed.
    enabled: Option<bool>,
}

impl RequestBody for EventEndpointChange {
    const MAY_BE_EMPTY: bool = true;
}

/// Tells null from nothing said.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

problems!(Problems: READ WRITE, EventEndpointNotFound);

/// Change an event endpoint.
///
/// What was published while it was disabled isn't sent by itself; ask for it with `resend`.
#[utoipa::path(
    patch,
    path = "/v1/event-endpoints/{id}",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    request_body = EventEndpointChange,
    responses((status = 200, description = "The endpoint", body = EventEndpointView), Problems),
)]
pub(super) async fn change_event_endpoint(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, .. }: Json<EventEndpointChange>,
) -> Result<axum::Json<EventEndpointView>, Problem> {
    let changes = EventEndpointChanges {
        url: value.url,
        description: value.description,
        event_types: value.event_types,
        enabled: value.enabled,
    };
    let endpoint_id = id("event endpoint", &given)?;
    let changed = tillgate_application::change_event_endpoint(&api.app, tenant.id, endpoint_id, changes).await?;
    Ok(axum::Json(changed))
}
