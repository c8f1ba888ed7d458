//! Lists tenants.

use axum::Json;
use axum::extract::State;
use tillgate_application::TenantView;
use tillgate_domain::TenantId;

use crate::auth::Operator;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ);

/// List tenants.
#[utoipa::path(
    get,
    path = "/v1/admin/tenants",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<TenantView>), Problems),
)]
pub(super) async fn list_tenants(
    State(api): State<Api>,
    _: Operator,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<TenantView>>, Problem> {
    let page = query.page::<TenantId>()?;
    let found = api.app.ports().store.tenants(&page).await?;
    Ok(Json(List::of(found, |tenant| tenant.id.to_string())))
}
