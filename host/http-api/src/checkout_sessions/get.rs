//! Gives a checkout session.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::views::CheckoutSessionView;
use tillgate_domain::CheckoutSessionId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, CheckoutSessionNotFound);

/// Get a checkout session.
#[utoipa::path(
    get,
    path = "/v1/checkout-sessions/{id}",
    tag = "Checkout sessions",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "cks_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The checkout session", body = CheckoutSessionView), Problems),
)]
pub(super) async fn get_checkout_session(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<CheckoutSessionView>, Problem> {
    let id: CheckoutSessionId = id("checkout session", &given)?;
    let found = api.app.ports().store.checkout_session(tenant.id, id).await?;
    let checkout_session = found.ok_or_else(|| ApplicationError::not_found("checkout session", id))?;
    Ok(Json((&checkout_session).into()))
}
