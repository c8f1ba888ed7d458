//! Puts many received webhooks back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tillgate_application::bounds::{PREVIEWED_AT_ONCE_MAX, REPLAYED_AT_ONCE_MAX};
use tillgate_application::{ReplayPreview, ReplayWebhooks, preview_replays};
use utoipa::ToSchema;

use super::list::{StatusName, Wanted};
use crate::auth::Operator;
use crate::extract::optional_id;
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which webhooks. All given conditions hold, and there has to be one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookFilter {
    /// Of this tenant.
    tenant_id: Option<String>,
    /// For this provider account.
    provider_account_id: Option<String>,
    /// In this status.
    #[schema(inline, value_type = Option<StatusName>)]
    status: Option<String>,
    /// With an event that the provider calls this.
    #[schema(example = "invoice.paid")]
    provider_type: Option<String>,
    /// Received at this time or later.
    #[schema(example = "2030-01-31T12:00:00Z")]
    received_after: Option<String>,
    /// Received before this time.
    #[schema(example = "2030-02-01T12:00:00Z")]
    received_before: Option<String>,
}

/// What is tried again, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhooksReplay {
    /// Which.
    filter: WebhookFilter,
    /// Another installed version of the plugin; the filter has to name the account then.
    #[schema(example = "0.2.0")]
    plugin_version: Option<String>,
    /// Whether only to tell what it would do.
    #[serde(default)]
    dry_run: bool,
    /// How many at most; as many as may be where nothing is said: 1000, in a dry run 100.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only those after this one: the `next` of the call before.
    after: Option<String>,
}

impl RequestBody for WebhooksReplay {}

/// What became of them.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhooksReplayed {
    /// How many were put back.
    replayed: u32,
    /// How many weren't: those that are conflicting, and those that were worked on just then.
    skipped: u32,
    /// Whether there are more.
    has_more: bool,
    /// Give this as `after` to go on; null when it is done.
    next: Option<String>,
}

/// What their replay would do.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhooksReplayPreview {
    /// Those where there is something to tell.
    data: Vec<ReplayPreview>,
    /// How many were looked at.
    looked_at: usize,
    /// Whether there are more.
    has_more: bool,
    /// Give this as `after` to go on; null when it is done.
    next: Option<String>,
}

problems!(Problems: OPERATOR READ WRITE, WebhookNotFound, WebhookNotReplayable, ProviderAccountNotFound, PluginNotFound,
    SecretNotReadable);

/// Replay webhooks.
///
/// Those the filter names, at most 1000 a call; `next` says where to go on. See the replay of a single one. With `dry_run`
/// nothing is changed, and 100 are looked at.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/replay",
    tag = "Operator: webhooks",
    security(("operatorToken" = [])),
    request_body = WebhooksReplay,
    responses(
        (status = 202, description = "They are processed as soon as may be", body = WebhooksReplayed),
        (status = 200, description = "What it would do", body = WebhooksReplayPreview),
        Problems,
    ),
)]
pub(super) async fn replay_webhooks(
    State(api): State<Api>,
    _: Operator,
    Json { value, .. }: Json<WebhooksReplay>,
) -> Result<Response, Problem> {
    let filter = Wanted {
        tenant_id: value.filter.tenant_id.as_deref(),
        provider_account_id: value.filter.provider_account_id.as_deref(),
        status: value.filter.status.as_deref(),
        provider_type: value.filter.provider_type.as_deref(),
        received_after: value.filter.received_after.as_deref(),
        received_before: value.filter.received_before.as_deref(),
    };
    let most = if value.dry_run {
        PREVIEWED_AT_ONCE_MAX
    } else {
        REPLAYED_AT_ONCE_MAX
    };
    let command = ReplayWebhooks {
        filter: filter.filter()?,
        plugin_version: value.plugin_version,
        limit: value.limit.unwrap_or(most),
        after: optional_id("after", value.after.as_deref())?,
    };
    if value.dry_run {
        let previews = preview_replays(&api.app, &command).await?;
        let looked_at = previews.previews.len();
        let answer = WebhooksReplayPreview {
            data: previews
                .previews
                .into_iter()
                .filter(ReplayPreview::tells_something)
                .collect(),
            looked_at,
            has_more: previews.next.is_some(),
            next: previews.next.map(|id| id.to_string()),
        };
        return Ok(axum::Json(answer).into_response());
    }
    let done = tillgate_application::replay_webhooks(&api.app, command).await?;
    let answer = WebhooksReplayed {
        replayed: done.replayed,
        skipped: done.skipped,
        has_more: done.next.is_some(),
        next: done.next.map(|id| id.to_string()),
    };
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

const _: () = assert!(
    REPLAYED_AT_ONCE_MAX == 1000 && PREVIEWED_AT_ONCE_MAX == 100,
    "the documented maxima of limit"
);
