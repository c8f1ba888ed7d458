//! Subscriptions: what is paid again and again.

mod cancel;
mod get;
mod list;
mod put_seats;

use cancel::*;
use get::*;
use list::*;
use put_seats::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_subscriptions))
        .routes(routes!(get_subscription))
        .routes(routes!(cancel_subscription))
        .routes(routes!(put_subscription_seats))
}
