//! Lists an event endpoint's deliveries.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::event_endpoint::DeliveryStatus;
use tillgate_application::ports::DeliveryFilter;
use tillgate_application::{ApplicationError, DeliveryView};
use tillgate_domain::{DeliveryId, EventEndpointId};

use crate::auth::TenantCaller;
use crate::extract::{Path, Query, id, optional_id};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which deliveries are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// `pending`, `delivered` or `failed`.
    status: Option<String>,
    /// Of this event.
    event_id: Option<String>,
}

problems!(Problems: READ, EventEndpointNotFound);

/// List deliveries.
///
/// Each event that was to be sent to the endpoint, how it stands, and what its newest tries were answered.
#[utoipa::path(
    get,
    path = "/v1/event-endpoints/{id}/deliveries",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "The endpoint", example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        DeliveryQuery,
    ),
    responses((status = 200, description = "One page of them, oldest first", body = List<DeliveryView>), Problems),
)]
pub(super) async fn list_deliveries(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let endpoint_id: EventEndpointId = id("event endpoint", &given)?;
    let status = query.status.as_deref().map(|word| {
        [
            DeliveryStatus::Pending,
            DeliveryStatus::Delivered,
            DeliveryStatus::Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| Problem::invalid("status", "must be pending, delivered or failed"))
    });
    let filter = DeliveryFilter {
        status: status.transpose()?,
        event_id: optional_id("event_id", query.event_id.as_deref())?,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<DeliveryId>().is_ok()
    })?;
    let store = &api.app.ports().store;
    if store.event_endpoint(tenant.id, endpoint_id).await?.is_none() {
        return Err(ApplicationError::not_found("event endpoint", endpoint_id).into());
    }
    let found = store.deliveries(tenant.id, endpoint_id, &filter, &page).await?;
    Ok(Json(List::of(found, |delivery| delivery.id.to_string())))
}
