//! Gives a received webhook.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{WebhookDetails, retrieve_webhook};

use crate::auth::Operator;
use crate::extract::{Path, Query, flag, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// How much is shown.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevealQuery {
    /// Whether the body and every header are shown as they were received. They may name persons.
    #[param(value_type = Option<bool>, default = false)]
    reveal: Option<String>,
}

problems!(Problems: OPERATOR READ, WebhookNotFound);

/// Get a received webhook.
///
/// Of its body the size and the SHA-256 are shown, of headers and query parameters that may prove something the size. The
/// rest is shown when it is asked for, and the log says so.
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks/{id}",
    tag = "Operator: webhooks",
    security(("operatorToken" = [])),
    params(
        ("id" = String, Path, description = "The webhook", example = "whk_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        RevealQuery,
    ),
    responses((status = 200, description = "The webhook", body = WebhookDetails), Problems),
)]
pub(super) async fn get_webhook(
    State(api): State<Api>,
    _: Operator,
    Path(given): Path<String>,
    Query(query): Query<RevealQuery>,
) -> Result<Json<WebhookDetails>, Problem> {
    let reveal = flag("reveal", query.reveal.as_deref())?;
    Ok(Json(retrieve_webhook(&api.app, id("webhook", &given)?, reveal).await?))
}
