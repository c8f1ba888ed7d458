//! Lists event endpoints.

use axum::Json;
use axum::extract::State;
use tillgate_application::EventEndpointView;
use tillgate_domain::EventEndpointId;

use crate::auth::TenantCaller;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ);

/// List event endpoints.
#[utoipa::path(
    get,
    path = "/v1/event-endpoints",
    tag = "Event endpoints",
    security(("tenantKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<EventEndpointView>), Problems),
)]
pub(super) async fn list_event_endpoints(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<EventEndpointView>>, Problem> {
    let page = query.page::<EventEndpointId>()?;
    let found = api.app.ports().store.event_endpoints(tenant.id, &page).await?;
    Ok(Json(List::of(found, |endpoint| endpoint.id.to_string())))
}
