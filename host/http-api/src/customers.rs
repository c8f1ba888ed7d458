//! Customers: who pays.

mod get;
mod list;
mod put_association;

use get::*;
use list::*;
use put_association::*;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_customers))
        .routes(routes!(get_customer))
        .routes(routes!(put_customer_association))
}
