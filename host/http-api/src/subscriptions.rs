//! Subscriptions: what is paid again and again.

mod cancel;
mod change_plan;
mod get;
mod list;
mod pause;
mod proration;
mod put_seats;
mod resume;
mod uncancel;

use cancel::*;
use change_plan::*;
use get::*;
use list::*;
use pause::*;
use put_seats::*;
use resume::*;
use uncancel::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_subscriptions))
        .routes(routes!(get_subscription))
        .routes(routes!(cancel_subscription))
        .routes(routes!(uncancel_subscription))
        .routes(routes!(put_subscription_seats))
        .routes(routes!(change_subscription_plan))
        .routes(routes!(pause_subscription))
        .routes(routes!(resume_subscription))
}
