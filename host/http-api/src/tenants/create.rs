//! Creates a tenant.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::{CreateTenant, TenantView};
use tillgate_domain as domain;
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// Whether real money moves.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Real customers and real money.
    Live,
    /// The provider's test environment.
    Test,
}

/// What a tenant is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantInput {
    /// Its name.
    #[schema(example = "Acme", max_length = 200)]
    name: String,
    /// Whether its money is real.
    mode: Mode,
}

impl RequestBody for TenantInput {}

problems!(Problems: OPERATOR READ WRITE ONCE);

/// Create a tenant.
#[utoipa::path(
    post,
    path = "/v1/admin/tenants",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(IdempotencyKeyHeader),
    request_body = TenantInput,
    responses((status = 201, description = "The tenant", body = TenantView), Problems),
)]
pub(super) async fn create_tenant(
    State(api): State<Api>,
    _: Operator,
    Json { value, idempotency_key }: Json<TenantInput>,
) -> Result<(StatusCode, axum::Json<TenantView>), Problem> {
    let command = CreateTenant {
        name: value.name,
        mode: match value.mode {
            Mode::Live => domain::Mode::Live,
            Mode::Test => domain::Mode::Test,
        },
    };
    let caller = Operator::caller(idempotency_key);
    let view = tillgate_application::create_tenant(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(view)))
}
