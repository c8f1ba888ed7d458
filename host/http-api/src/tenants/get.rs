//! Gives a tenant.

use axum::Json;
use axum::extract::State;
use tillgate_application::{ApplicationError, TenantView};
use tillgate_domain::TenantId;

use crate::auth::Operator;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ, TenantNotFound);

/// Get a tenant.
#[utoipa::path(
    get,
    path = "/v1/admin/tenants/{id}",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(("id" = String, Path, description = "Its id", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The tenant", body = TenantView), Problems),
)]
pub(super) async fn get_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<TenantView>, Problem> {
    let id: TenantId = id("tenant", &given)?;
    let found = api.app.ports().store.tenant(id).await?;
    let tenant = found.ok_or_else(|| ApplicationError::not_found("tenant", id))?;
    Ok(Json((&tenant).into()))
}
