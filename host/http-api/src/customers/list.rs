//! Lists customers.

use axum::Json;
use axum::extract::State;
use tillgate_application::views::CustomerView;
use tillgate_domain::CustomerId;

use crate::auth::TenantCaller;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ);

/// List customers.
#[utoipa::path(
    get,
    path = "/v1/customers",
    tag = "Customers",
    security(("tenantKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<CustomerView>), Problems),
)]
pub(super) async fn list_customers(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<CustomerView>>, Problem> {
    let page = query.page::<CustomerId>()?;
    let found = api.app.ports().store.customers(tenant.id, &page).await?;
    Ok(Json(List::of(found, |customer| customer.id.to_string())))
}
