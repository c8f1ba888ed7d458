//! Event endpoints: where a tenant wants its events.

mod change;
mod create;
mod delete;
mod deliveries;
mod get;
mod list;
mod resend;
mod rotate_secret;

use change::*;
use create::*;
use delete::*;
use deliveries::*;
use get::*;
use list::*;
use resend::*;
use rotate_secret::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_event_endpoint, list_event_endpoints))
        .routes(routes!(
            get_event_endpoint,
            change_event_endpoint,
            delete_event_endpoint
        ))
        .routes(routes!(rotate_event_endpoint_secret))
        .routes(routes!(list_deliveries))
        .routes(routes!(resend_events))
}
