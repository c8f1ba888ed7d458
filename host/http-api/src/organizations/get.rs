//! Gives an organization.

use axum::Json;
use axum::extract::State;
use tillgate_application::{OrganizationView, organization};

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, OrganizationNotFound);

/// Get an organization.
#[utoipa::path(
    get,
    path = "/v1/organizations/{id}",
    tag = "Organizations",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "org_42")),
    responses((status = 200, description = "The organization", body = OrganizationView), Problems),
)]
pub(super) async fn get_organization(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<OrganizationView>, Problem> {
    Ok(Json(organization(&api.app, tenant.id, &id).await?))
}
