//! Lists a tenant's API keys.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tillgate_application::ApplicationError;
use tillgate_application::account::ApiKey;
use tillgate_application::views::rfc3339;
use tillgate_domain::{ApiKeyId, TenantId};
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::extract::{PageQuery, Path, Query, id};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// An API key. The key itself is known to its owner alone.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct ApiKeyView {
    /// Its id.
    #[schema(example = "key_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    id: String,
    /// Its name.
    name: String,
    /// Its first characters, to recognize it by.
    #[schema(example = "tg_test_1f9a")]
    hint: String,
    /// When it was made.
    created_at: String,
    /// When it was revoked.
    revoked_at: Option<String>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            hint: key.hint,
            created_at: rfc3339(key.created_at),
            revoked_at: key.revoked_at.map(rfc3339),
        }
    }
}

problems!(Problems: OPERATOR READ, TenantNotFound);

/// List API keys.
#[utoipa::path(
    get,
    path = "/v1/admin/tenants/{id}/api-keys",
    tag = "Operator: tenants",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        PageQuery,
    ),
    responses((status = 200, description = "One page of them, oldest first", body = List<ApiKeyView>), Problems),
)]
pub(super) async fn list_api_keys(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<ApiKeyView>>, Problem> {
    let tenant_id: TenantId = id("tenant", &given)?;
    let page = query.page::<ApiKeyId>()?;
    let store = &api.app.ports().store;
    if store.tenant(tenant_id).await?.is_none() {
        return Err(ApplicationError::not_found("tenant", tenant_id).into());
    }
    let mut keys = store.api_keys(tenant_id).await?;
    keys.sort_unstable_by_key(|key| key.id);
    let views = keys.into_iter().map(Into::into).collect();
    Ok(Json(List::page_of(views, &page, |view: &ApiKeyView| view.id.clone())?))
}
