//! Takes a webhook, and answers it as the old handler did: 204, or 400 whatever the reason.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use tillgate_application::WebhookAnswer;

use crate::codes::Code;
use crate::extract::Path;
use crate::openapi::{RawBytes, problem_responses};
use crate::problem::Problem;
use crate::state::Api;
use crate::webhooks::{answer_of, take};

struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
        problem_responses(&[Code::WebhookNotProcessed, Code::InternalError, Code::RequestTimedOut])
    }
}

/// Receive a webhook (old answers).
///
/// As `POST /v1/webhooks/{provider_account_id}`, for endpoints that were registered when there were two answers: 204 when
/// it is durable, and 400 for everything else, which makes the provider send it again. `detail` begins with the code
/// that the other route would have answered.
#[utoipa::path(
    post,
    path = "/v1/legacy/stripe-webhook/{provider_account_id}",
    tag = "Legacy",
    params(("provider_account_id" = String, Path, description = "The provider account",
        example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")),
    request_body(content = RawBytes, content_type = "*/*", description = "As the provider sends it"),
    responses((status = 204, description = "It is durable"), Problems),
)]
pub(super) async fn receive_legacy_webhook(
    State(api): State<Api>,
    Path(account): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let answer = async {
        match take(&api, &account, request).await? {
            WebhookAnswer::Acknowledged(_) | WebhookAnswer::Handshake(_) => Ok(StatusCode::NO_CONTENT),
            refused => answer_of(refused).map(|_| StatusCode::BAD_REQUEST),
        }
    };
    answer
        .await
        .map_err(|problem: Problem| problem.retold_as(Code::WebhookNotProcessed))
}
