//! Puts an organization.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{OrganizationView, PutOrganization};
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::Path;
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What an organization is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationInput {
    /// Its name.
    #[schema(example = "Initech")]
    name: Option<String>,
}

impl RequestBody for OrganizationInput {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE);

/// Put an organization.
///
/// Creates it, or replaces what is known of it. The id is the tenant's own: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[utoipa::path(
    put,
    path = "/v1/organizations/{id}",
    tag = "Organizations",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "org_42")),
    request_body = OrganizationInput,
    responses((status = 200, description = "The organization", body = OrganizationView), Problems),
)]
pub(super) async fn put_organization(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    body: Json<OrganizationInput>,
) -> Result<axum::Json<OrganizationView>, Problem> {
    let put = PutOrganization {
        tenant_id: tenant.id,
        id,
        name: body.value.name,
    };
    Ok(axum::Json(tillgate_application::put_organization(&api.app, put).await?))
}
