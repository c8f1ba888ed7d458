//! Pins a provider account to another version of its plugin.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{PinPlugin, ProviderAccountView, pin_plugin};
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderAccountChange {
    /// Version of the same plugin.
    #[schema(example = "0.2.0")]
    version: String,
}

impl RequestBody for ProviderAccountChange {}

problems!(Problems: OPERATOR READ WRITE, TenantNotFound, ProviderAccountNotFound, PluginNotFound);

/// Pin a provider account to another plugin version.
///
/// Operations that began with the old version end with it. To go back, pin the old one again.
#[utoipa::path(
    patch,
    path = "/v1/admin/tenants/{id}/provider-accounts/{account_id}",
    tag = "Operator: provider accounts",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        ("account_id" = String, Path, description = "The account", example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
    ),
    request_body = ProviderAccountChange,
    responses((status = 200, description = "The provider account", body = ProviderAccountView), Problems),
)]
pub(super) async fn pin_provider_account(
    State(api): State<Api>,
    _: Operator,
    Path((tenant, account)): Path<(String, String)>,
    Json { value, .. }: Json<ProviderAccountChange>,
) -> Result<axum::Json<ProviderAccountView>, Problem> {
    let command = PinPlugin {
        tenant_id: id("tenant", &tenant)?,
        account_id: id("provider account", &account)?,
        version: value.version,
    };
    Ok(axum::Json(pin_plugin(&api.app, command).await?))
}
