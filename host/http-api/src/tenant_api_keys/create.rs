//! Creates an API key.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::{CreateApiKey, CreatedApiKey};
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// What an API key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyInput {
    /// Its name.
    #[schema(example = "backend", max_length = 200)]
    name: String,
}

impl RequestBody for ApiKeyInput {}

problems!(Problems: OPERATOR READ WRITE ONCE, TenantNotFound);

/// Create an API key.
///
/// The key is shown in this answer alone. Repeated with the same Idempotency-Key, the answer is the same.
#[utoipa::path(
    post,
    path = "/v1/admin/tenants/{id}/api-keys",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = ApiKeyInput,
    responses((status = 201, description = "The key. It is shown once", body = CreatedApiKey), Problems),
)]
pub(super) async fn create_api_key(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<ApiKeyInput>,
) -> Result<(StatusCode, axum::Json<CreatedApiKey>), Problem> {
    let command = CreateApiKey {
        tenant_id: id("tenant", &given)?,
        name: value.name,
    };
    let caller = Operator::caller(idempotency_key);
    let created = tillgate_application::create_api_key(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(created)))
}
