//! Gives a customer.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;
use tillgate_application::views::CustomerView;
use tillgate_domain::CustomerId;

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, CustomerNotFound);

/// Get a customer.
#[utoipa::path(
    get,
    path = "/v1/customers/{id}",
    tag = "Customers",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "cus_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    responses((status = 200, description = "The customer", body = CustomerView), Problems),
)]
pub(super) async fn get_customer(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    _: NoQuery,
) -> Result<Json<CustomerView>, Problem> {
    let id: CustomerId = id("customer", &given)?;
    let found = api.app.ports().store.customer(tenant.id, id).await?;
    let customer = found.ok_or_else(|| ApplicationError::not_found("customer", id))?;
    Ok(Json((&customer).into()))
}
