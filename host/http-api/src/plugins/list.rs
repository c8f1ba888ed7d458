//! Lists plugins.

use axum::Json;
use axum::extract::State;

use super::view::PluginView;
use crate::auth::Operator;
use crate::extract::{PageQuery, Query};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ);

/// List plugins.
///
/// By name, the newest version first. Here `after` is a digest.
#[utoipa::path(
    get,
    path = "/v1/admin/plugins",
    tag = "Operator: plugins",
    security(("operatorToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them", body = List<PluginView>), Problems),
)]
pub(super) async fn list_plugins(
    State(api): State<Api>,
    _: Operator,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<PluginView>>, Problem> {
    let page = page(query.limit.as_deref(), query.after, |_| true)?;
    let views = api.app.ports().plugins.list().into_iter().map(Into::into).collect();
    Ok(Json(List::page_of(views, &page, |view: &PluginView| {
        view.digest.clone()
    })?))
}
