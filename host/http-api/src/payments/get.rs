//! Gives a payment.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::views::PaymentView;
use tillgate_domain::PaymentId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, PaymentNotFound);

/// Get a payment.
#[utoipa::path(
    get,
    path = "/v1/payments/{id}",
    tag = "Payments",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "pay_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The payment", body = PaymentView), Problems),
)]
pub(super) async fn get_payment(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<PaymentView>, Problem> {
    let id: PaymentId = id("payment", &given)?;
    let found = api.app.ports().store.payment(tenant.id, id).await?;
    let payment = found.ok_or_else(|| ApplicationError::not_found("payment", id))?;
    Ok(Json((&payment).into()))
}
