//! Puts a received webhook back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tillgate_application::{ReplayPreview, ReplayWebhook, WebhookView, preview_replay};
use utoipa::ToSchema;

use crate::auth::Operator;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// How it is tried again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookReplay {
    /// Another installed version of the account's plugin; the one the account is pinned to where none is named.
    #[schema(example = "0.2.0")]
    plugin_version: Option<String>,
    /// Whether only to tell what it would do.
    #[serde(default)]
    dry_run: bool,
}

impl RequestBody for WebhookReplay {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: OPERATOR READ WRITE, WebhookNotFound, WebhookNotReplayable, ProviderAccountNotFound, PluginNotFound,
    SecretNotReadable);

/// Replay a webhook.
///
/// Whatever its status, it is pending again and processed at once, from the request as it was received. What it had as an
/// effect before it doesn't have again: only what the plugin understands more of it now.
///
/// With `dry_run` nothing is changed, and the answer says how the two versions understand it, what would change and which
/// events would be published. The provider may be asked for that.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/{id}/replay",
    tag = "Operator: webhooks",
    security(("operatorToken" = [])),
    params(("id" = String, Path, description = "The webhook", example = "whk_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    request_body = WebhookReplay,
    responses(
        (status = 202, description = "It is processed as soon as may be", body = WebhookView),
        (status = 200, description = "What it would do", body = ReplayPreview),
        Problems,
    ),
)]
pub(super) async fn replay_webhook(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Json { value, .. }: Json<WebhookReplay>,
) -> Result<Response, Problem> {
    let command = ReplayWebhook {
        id: id("webhook", &given)?,
        plugin_version: value.plugin_version,
    };
    if value.dry_run {
        let preview = preview_replay(&api.app, &command).await?;
        return Ok(axum::Json(preview).into_response());
    }
    let webhook = tillgate_application::replay_webhook(&api.app, command).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(webhook)).into_response())
}
