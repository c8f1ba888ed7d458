//! Gives a provider account.

use axum::Json;
use axum::extract::State;
use tillgate_application::{ProviderAccountView, provider_account};

use crate::auth::Operator;
use crate::extract::{NoQuery, Path, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ, ProviderAccountNotFound);

/// Get a provider account.
///
/// Of its secrets only the names are shown.
#[utoipa::path(
    get,
    path = "/v1/admin/tenants/{id}/provider-accounts/{account_id}",
    tag = "Operator: provider accounts",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        ("account_id" = String, Path, description = "The account", example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
    ),
    responses((status = 200, description = "The provider account", body = ProviderAccountView), Problems),
)]
pub(super) async fn get_provider_account(
    State(api): State<Api>,
    _: Operator,
    Path((tenant, account)): Path<(String, String)>,
    _: NoQuery,
) -> Result<Json<ProviderAccountView>, Problem> {
    let (tenant, account) = (id("tenant", &tenant)?, id("provider account", &account)?);
    Ok(Json(provider_account(&api.app, tenant, account).await?))
}
