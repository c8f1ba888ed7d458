//! Gives a plugin.

use axum::Json;
use axum::extract::State;
use tillgate_application::ApplicationError;

use super::view::PluginView;
use crate::auth::Operator;
use crate::extract::{NoQuery, Path};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ, PluginNotFound);

/// Get a plugin.
#[utoipa::path(
    get,
    path = "/v1/admin/plugins/{digest}",
    tag = "Operator: plugins",
    security(("operatorToken" = [])),
    params(("digest" = String, Path, description = "SHA-256 of the component, in hex")),
    responses((status = 200, description = "The plugin", body = PluginView), Problems),
)]
pub(super) async fn get_plugin(
    State(api): State<Api>,
    _: Operator,
    Path(digest): Path<String>,
    _: NoQuery,
) -> Result<Json<PluginView>, Problem> {
    let found = api.app.ports().plugins.find(&digest);
    let shown: String = digest.chars().take(64).collect();
    let plugin = found.ok_or_else(|| ApplicationError::not_found("plugin", shown))?;
    Ok(Json(plugin.into()))
}
