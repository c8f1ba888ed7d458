//! Webhooks: what providers report, and what the operator sees of it.

mod get;
mod list;
mod receive;
mod replay;
mod replay_many;

use get::*;
use list::*;
use receive::*;
pub(crate) use receive::{answer_of, take};
use replay::*;
use replay_many::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(receive_webhook, answer_webhook_check))
        .routes(routes!(list_webhooks))
        .routes(routes!(replay_webhooks))
        .routes(routes!(get_webhook))
        .routes(routes!(replay_webhook))
}
