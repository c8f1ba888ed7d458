//! Connects a tenant to a provider.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use tillgate_application::ports::Secret;
use tillgate_application::{CreateProviderAccount, ProviderAccountView};
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// A setting's value, as the text it is kept as.
struct Setting(String);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            serde_json::Value::Bool(flag) => Ok(Self(flag.to_string())),
            _ => Err(D::Error::custom("must be a string, a number, true or false")),
        }
    }
}

/// What a setting can be given as.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what Setting reads")]
enum SettingValue {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// A secret, taken in without ever having a printing form.
pub(super) struct SecretInput(pub(super) Secret);

impl<'de> Deserialize<'de> for SecretInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own message would repeat a value of another type.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(Secret::new(text))),
            _ => Err(D::Error::custom("must be a string")),
        }
    }
}

/// What a provider account is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderAccountInput {
    /// Name of the plugin.
    #[schema(example = "acme")]
    plugin: String,
    /// Version of the plugin; the newest where nothing is said.
    #[schema(example = "0.1.0")]
    version: Option<String>,
    /// Its name, unique for the tenant.
    #[schema(example = "main", max_length = 200)]
    name: String,
    /// Whether checkouts that name no account go here. A tenant's first account is the default in any case.
    #[serde(default)]
    default: bool,
    /// Settings by name, as the plugin's manifest has them.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, SettingValue>, example = json!({}))]
    settings: BTreeMap<String, Setting>,
    /// Other origins for the plugin's endpoints, by endpoint name: only those that egress.origin_overrides lists.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    #[schema(example = json!({ "api": "http://127.0.0.1:12111" }))]
    endpoint_overrides: Option<BTreeMap<String, String>>,
    /// Secrets by name, as the plugin's manifest has them. They are sealed, and never shown again.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    #[schema(example = json!({ "api_key": "…", "webhook_secret": "…" }))]
    secrets: BTreeMap<String, SecretInput>,
}

impl RequestBody for ProviderAccountInput {}

problems!(Problems: OPERATOR READ WRITE ONCE, TenantNotFound, PluginNotFound, AlreadyExists);

/// Connect a tenant to a provider.
///
/// Register the answer's `webhook_url` with the provider.
#[utoipa::path(
    post,
    path = "/v1/admin/tenants/{id}/provider-accounts",
    tag = "Operator: provider accounts",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = ProviderAccountInput,
    responses((status = 201, description = "The provider account", body = ProviderAccountView), Problems),
)]
pub(super) async fn create_provider_account(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<ProviderAccountInput>,
) -> Result<(StatusCode, axum::Json<ProviderAccountView>), Problem> {
    let command = CreateProviderAccount {
        tenant_id: id("tenant", &given)?,
        name: value.name,
        plugin: value.plugin,
        version: value.version,
        default: value.default,
        settings: value
            .settings
            .into_iter()
            .map(|(name, value)| (name, value.0))
            .collect(),
        endpoint_overrides: value.endpoint_overrides.unwrap_or_default().into_iter().collect(),
        secrets: value.secrets.into_iter().map(|(name, value)| (name, value.0)).collect(),
    };
    let caller = Operator::caller(idempotency_key);
    let view = tillgate_application::create_provider_account(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(view)))
}
