//! Plugins: the providers this host speaks to.

mod get;
mod install;
mod list;
mod view;

use get::*;
use install::*;
use list::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(install_plugin, list_plugins))
        .routes(routes!(get_plugin))
}
