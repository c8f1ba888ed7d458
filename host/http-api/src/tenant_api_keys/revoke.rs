//! Revokes an API key.

use axum::extract::State;
use axum::http::StatusCode;

use crate::auth::Operator;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ, ApiKeyNotFound);

/// Revoke an API key.
///
/// It stops working at once on this host, and within seconds on others. Once more is no change.
#[utoipa::path(
    delete,
    path = "/v1/admin/tenants/{id}/api-keys/{key_id}",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        ("key_id" = String, Path, description = "The key", example = "key_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
    ),
    responses((status = 204, description = "It is revoked"), Problems),
)]
pub(super) async fn revoke_api_key(
    State(api): State<Api>,
    _: Operator,
    Path((tenant, key)): Path<(String, String)>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    tillgate_application::revoke_api_key(&api.app, id("tenant", &tenant)?, id("API key", &key)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
