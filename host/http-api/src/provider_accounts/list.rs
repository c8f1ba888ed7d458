//! Lists a tenant's provider accounts.

use axum::Json;
use axum::extract::State;
use tillgate_application::ProviderAccountView;
use tillgate_domain::ProviderAccountId;

use crate::auth::Operator;
use crate::extract::{PageQuery, Path, Query, id};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ, TenantNotFound);

/// List provider accounts.
#[utoipa::path(
    get,
    path = "/v1/admin/tenants/{id}/provider-accounts",
    tag = "Operator: provider accounts",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The tenant", example = "tnt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        PageQuery,
    ),
    responses((status = 200, description = "One page of them", body = List<ProviderAccountView>), Problems),
)]
pub(super) async fn list_provider_accounts(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<ProviderAccountView>>, Problem> {
    let page = query.page::<ProviderAccountId>()?;
    let mut views = tillgate_application::list_provider_accounts(&api.app, id("tenant", &given)?).await?;
    views.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(Json(List::page_of(views, &page, |view| view.id.clone())?))
}
