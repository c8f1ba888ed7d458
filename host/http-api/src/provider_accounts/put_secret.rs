//! Replaces a provider account's secret.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::{PutSecret, put_secret};
use utoipa::ToSchema;

use super::create::SecretInput;
use crate::auth::Operator;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// The new secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSecret {
    /// It is sealed, and never shown again.
    #[schema(value_type = String, format = Password)]
    secret: SecretInput,
    /// How long the old one goes on proving webhooks; a day where nothing is said, 30 days at most.
    #[schema(minimum = 0, maximum = 2_592_000, example = 86_400)]
    overlap_seconds: Option<u32>,
}

impl RequestBody for NewSecret {}

problems!(Problems: OPERATOR READ WRITE, TenantNotFound, ProviderAccountNotFound);

/// Put a secret.
///
/// The new one is used at once. The old one stays active for a while, so that what the provider signed with it before
/// is still believed.
#[utoipa::path(
    put,
    path = "/v1/admin/tenants/{id}/provider-accounts/{account_id}/secrets/{name}",
    tag = "Operator: provider accounts",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        ("account_id" = String, Path, description = "The account", example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        ("name" = String, Path, description = "The secret's name", example = "webhook_secret"),
    ),
    request_body = NewSecret,
    responses((status = 204, description = "It is used from now on"), Problems),
)]
pub(super) async fn put_provider_account_secret(
    State(api): State<Api>,
    _: Operator,
    Path((tenant, account, name)): Path<(String, String, String)>,
    Json { value, .. }: Json<NewSecret>,
) -> Result<StatusCode, Problem> {
    let command = PutSecret {
        tenant_id: id("tenant", &tenant)?,
        account_id: id("provider account", &account)?,
        name,
        secret: value.secret.0,
        overlap_ms: value.overlap_seconds.map(|seconds| i64::from(seconds) * 1000),
    };
    put_secret(&api.app, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
