//! Lists refunds.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::ports::RefundFilter;
use tillgate_application::views::RefundView;
use tillgate_domain::RefundId;

use crate::auth::TenantCaller;
use crate::extract::{Query, optional_id};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which refunds are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RefundQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this payment.
    payment_id: Option<String>,
}

problems!(Problems: READ);

/// List refunds.
#[utoipa::path(
    get,
    path = "/v1/refunds",
    tag = "Refunds",
    security(("tenantKey" = [])),
    params(RefundQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<RefundView>), Problems),
)]
pub(super) async fn list_refunds(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<RefundQuery>,
) -> Result<Json<List<RefundView>>, Problem> {
    let filter = RefundFilter {
        payment_id: optional_id("payment_id", query.payment_id.as_deref())?,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<RefundId>().is_ok()
    })?;
    let found = api.app.ports().store.refunds(tenant.id, &filter, &page).await?;
    Ok(Json(List::of(found, |refund| refund.id.to_string())))
}
