//! Lists customers.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::ports::CustomerFilter;
use tillgate_application::views::CustomerView;
use tillgate_domain::CustomerId;

use crate::auth::TenantCaller;
use crate::extract::Query;
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which customers are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this organization.
    organization_id: Option<String>,
    /// Of this user.
    user_id: Option<String>,
    /// That the provider knows by this id.
    provider_reference: Option<String>,
}

problems!(Problems: READ);

/// List customers.
#[utoipa::path(
    get,
    path = "/v1/customers",
    tag = "Customers",
    security(("tenantKey" = [])),
    params(CustomerQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<CustomerView>), Problems),
)]
pub(super) async fn list_customers(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<CustomerQuery>,
) -> Result<Json<List<CustomerView>>, Problem> {
    let filter = CustomerFilter {
        organization_id: query.organization_id,
        user_id: query.user_id,
        provider_reference: query.provider_reference,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<CustomerId>().is_ok()
    })?;
    let found = api.app.ports().store.customers(tenant.id, &filter, &page).await?;
    Ok(Json(List::of(found, |customer| customer.id.to_string())))
}
