//! Installs a plugin.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::view::PluginView;
use crate::auth::Operator;
use crate::body::{self, BodyLimits};
use crate::bounds::{PLUGIN_BODY_MAX_BYTES, PLUGIN_BODY_TIMEOUT};
use crate::extract::NoQuery;
use crate::json::expect_media_type;
use crate::openapi::{RawBytes, problems};
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: OPERATOR READ WRITE, PluginRejected, PluginNotStored);

/// Install a plugin.
///
/// The body is the component itself, 32 MiB at most. It is checked, compiled, kept and loaded; accounts use it once they
/// are pinned to it. The same component again is no change.
#[utoipa::path(
    post,
    path = "/v1/admin/plugins",
    tag = "Operator: plugins",
    security(("operatorToken" = [])),
    request_body(content = RawBytes, content_type = "application/wasm", description = "The component"),
    responses((status = 201, description = "The plugin", body = PluginView), Problems),
)]
pub(super) async fn install_plugin(
    State(api): State<Api>,
    _: Operator,
    _: NoQuery,
    request: Request,
) -> Result<(StatusCode, Json<PluginView>), Problem> {
    let (parts, body) = request.into_parts();
    expect_media_type(&parts.headers, "application/wasm")?;
    let limits = BodyLimits {
        max_bytes: PLUGIN_BODY_MAX_BYTES,
        timeout: PLUGIN_BODY_TIMEOUT,
    };
    let component = body::read(&parts.headers, body, limits).await?;
    let plugin = api.app.ports().plugins.install(component).await?;
    Ok((StatusCode::CREATED, Json(plugin.into())))
}
