//! Puts a user.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{PutUser, UserView};
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::Path;
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What a user is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserInput {
    /// Their address.
    #[schema(example = "ada@initech.example")]
    email: Option<String>,
    /// Their name.
    #[schema(example = "Ada")]
    name: Option<String>,
}

impl RequestBody for UserInput {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE);

/// Put a user.
///
/// Creates them, or replaces what is known of them. The id is the tenant's own: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[utoipa::path(
    put,
    path = "/v1/users/{id}",
    tag = "Users",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "user_42")),
    request_body = UserInput,
    responses((status = 200, description = "The user", body = UserView), Problems),
)]
pub(super) async fn put_user(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    body: Json<UserInput>,
) -> Result<axum::Json<UserView>, Problem> {
    let put = PutUser {
        tenant_id: tenant.id,
        id,
        email: body.value.email,
        name: body.value.name,
    };
    Ok(axum::Json(tillgate_application::put_user(&api.app, put).await?))
}
