//! Creates an event endpoint.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::{CreateEventEndpoint, EventEndpointWithSecret};
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// What an event endpoint is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventEndpointInput {
    /// Where events are posted: https, with a public address.
    #[schema(example = "https://app.example/billing-events", max_length = 2048)]
    url: String,
    /// What it is, for people.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// The events it wants: names, or beginnings followed by `.*`. All where nothing is said.
    #[serde(default)]
    #[schema(example = json!(["subscription.*", "payment.failed"]), max_items = 64)]
    event_types: Vec<String>,
}

impl RequestBody for EventEndpointInput {}

problems!(Problems: READ WRITE ONCE);

/// Create an event endpoint.
///
/// Events that happen from now on are posted there, signed as
/// [Standard Webhooks](https://www.standardwebhooks.com) says, at least once each, under the event's id as `webhook-id`.
/// Those of one subscription come in order. What isn't answered with a 2xx within 15 seconds is sent again after 5 s,
/// 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h. An endpoint that answers 410, or at which nothing has arrived for
/// five days, is disabled, and `event_endpoint.disabled` says so. The secret is shown in this answer alone.
#[utoipa::path(
    post,
    path = "/v1/event-endpoints",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(IdempotencyKeyHeader),
    request_body = EventEndpointInput,
    responses((status = 201, description = "The endpoint, with its secret", body = EventEndpointWithSecret), Problems),
)]
pub(super) async fn create_event_endpoint(
    State(api): State<Api>,
    tenant: TenantCaller,
    Json { value, idempotency_key }: Json<EventEndpointInput>,
) -> Result<(StatusCode, axum::Json<EventEndpointWithSecret>), Problem> {
    let command = CreateEventEndpoint {
        tenant_id: tenant.id,
        url: value.url,
        description: value.description,
        event_types: value.event_types,
    };
    let caller = tenant.caller(idempotency_key);
    let created = tillgate_application::create_event_endpoint(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(created)))
}
