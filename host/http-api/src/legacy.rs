//! What code written for the functions tenants had before is answered, until it speaks the API itself (docs/legacy.md).

mod checkout_link;
mod webhook;

use checkout_link::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webhook::*;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_legacy_checkout_link))
        .routes(routes!(receive_legacy_webhook))
}
