//! Lists payments.

use axum::Json;
use axum::extract::State;
use tillgate_application::views::PaymentView;
use tillgate_domain::PaymentId;

use crate::auth::TenantCaller;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ);

/// List payments.
#[utoipa::path(
    get,
    path = "/v1/payments",
    tag = "Payments",
    security(("tenantKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<PaymentView>), Problems),
)]
pub(super) async fn list_payments(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<PaymentView>>, Problem> {
    let page = query.page::<PaymentId>()?;
    let found = api.app.ports().store.payments(tenant.id, &page).await?;
    Ok(Json(List::of(found, |payment| payment.id.to_string())))
}
