//! Gives a purchase.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::views::PurchaseView;
use tillgate_domain::PurchaseId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, PurchaseNotFound);

/// Get a purchase.
#[utoipa::path(
    get,
    path = "/v1/purchases/{id}",
    tag = "Purchases",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "pur_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The purchase", body = PurchaseView), Problems),
)]
pub(super) async fn get_purchase(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<PurchaseView>, Problem> {
    let id: PurchaseId = id("purchase", &given)?;
    let found = api.app.ports().store.purchase(tenant.id, id).await?;
    let purchase = found.ok_or_else(|| ApplicationError::not_found("purchase", id))?;
    Ok(Json((&purchase).into()))
}
