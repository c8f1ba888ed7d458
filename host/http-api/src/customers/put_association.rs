//! Says to whom a customer belongs.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::AssociateCustomer;
use tillgate_application::views::CustomerView;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// To whom a customer is to belong. Both are said, so that none is taken away by leaving it out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssociationInput {
    /// The tenant's organization it pays for.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, example = "org_42")]
    organization_id: Option<String>,
    /// The tenant's user it is.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, example = "user_7")]
    user_id: Option<String>,
}

impl RequestBody for AssociationInput {}

problems!(Problems: READ WRITE, CustomerNotFound, OrganizationNotFound, UserNotFound);

/// Associate a customer.
///
/// Says anew to which organization and user of the tenant a customer belongs: for those who came by another way than a
/// checkout of ours. An unknown organization or user is an error; put it first.
#[utoipa::path(
    put,
    path = "/v1/customers/{id}/association",
    tag = "Customers",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "Its id", example = "cus_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    request_body = AssociationInput,
    responses((status = 200, description = "The customer", body = CustomerView), Problems),
)]
pub(super) async fn put_customer_association(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    body: Json<AssociationInput>,
) -> Result<axum::Json<CustomerView>, Problem> {
    let command = AssociateCustomer {
        tenant_id: tenant.id,
        customer_id: id("customer", &given)?,
        organization_id: body.value.organization_id,
        user_id: body.value.user_id,
    };
    Ok(axum::Json(
        tillgate_application::associate_customer(&api.app, command).await?,
    ))
}
