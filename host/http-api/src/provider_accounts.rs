//! Provider accounts: tenants' connections to providers.

mod create;
mod get;
mod list;
mod pin;
mod put_secret;

use create::*;
use get::*;
use list::*;
use pin::*;
use put_secret::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_provider_account, list_provider_accounts))
        .routes(routes!(get_provider_account, pin_provider_account))
        .routes(routes!(put_provider_account_secret))
}
