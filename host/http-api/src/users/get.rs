//! Gives a user.

use axum::Json;
use axum::extract::State;
use tillgate_application::{UserView, user};

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, UserNotFound);

/// Get a user.
#[utoipa::path(
    get,
    path = "/v1/users/{id}",
    tag = "Users",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "user_42")),
    responses((status = 200, description = "The user", body = UserView), Problems),
)]
pub(super) async fn get_user(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(user(&api.app, tenant.id, &id).await?))
}
