//! Gives a refund.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::views::RefundView;
use tillgate_domain::RefundId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, RefundNotFound);

/// Get a refund.
#[utoipa::path(
    get,
    path = "/v1/refunds/{id}",
    tag = "Refunds",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "ref_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The refund", body = RefundView), Problems),
)]
pub(super) async fn get_refund(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<RefundView>, Problem> {
    let id: RefundId = id("refund", &given)?;
    let found = api.app.ports().store.refund(tenant.id, id).await?;
    let refund = found.ok_or_else(|| ApplicationError::not_found("refund", id))?;
    Ok(Json((&refund).into()))
}
