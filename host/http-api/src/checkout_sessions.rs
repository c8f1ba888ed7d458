//! Checkout sessions: pages on which customers pay.

mod create;
mod get;
mod list;

use create::*;
use get::*;
use list::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_checkout_session, list_checkout_sessions))
        .routes(routes!(get_checkout_session))
}
