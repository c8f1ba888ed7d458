//! Sends events to an endpoint again.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{Resend, Resent};
use tillgate_domain::EventId;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id, id_field, time};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// Which events are to be sent again: one, or all that the endpoint wants after one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendInput {
    /// This one, whether the endpoint wants it or not.
    #[schema(example = "evt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    event_id: Option<String>,
    /// Those after this one; from the first that is kept where neither is said.
    after: Option<String>,
    /// Recorded before this time.
    #[schema(example = "2030-01-31T12:00:00Z")]
    before: Option<String>,
}

impl RequestBody for ResendInput {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE ONCE, EventEndpointNotFound, EventNotFound);

/// Send events again.
///
/// Each goes under the id it always had. At most 500 for one request; `next` says where to go on. What is on its way
/// already stays so.
#[utoipa::path(
    post,
    path = "/v1/event-endpoints/{id}/resend",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "The endpoint", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = ResendInput,
    responses((status = 200, description = "They are on their way", body = Resent), Problems),
)]
pub(super) async fn resend_events(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<ResendInput>,
) -> Result<axum::Json<Resent>, Problem> {
    let endpoint_id = id("event endpoint", &given)?;
    let which = match (&value.event_id, &value.after, &value.before) {
        (Some(one), None, None) => Resend::Event(id_field("event_id", one)?),
        (Some(_), _, _) => return Err(Problem::invalid("event_id", "can't be given with after or before")),
        (None, after, before) => Resend::Since {
            after: match after {
                None => None,
                Some(after) => Some(id_field::<EventId>("after", after)?),
            },
            before: before.as_deref().map(|text| time("before", text)).transpose()?,
        },
    };
    let caller = tenant.caller(idempotency_key);
    let resent = tillgate_application::resend_events(&api.app, &caller, tenant.id, endpoint_id, which).await?;
    Ok(axum::Json(resent))
}
