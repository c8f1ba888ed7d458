//! Lists checkout sessions.

use axum::Json;
use axum::extract::State;
use tillgate_application::views::CheckoutSessionView;
use tillgate_domain::CheckoutSessionId;

use crate::auth::TenantCaller;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ);

/// List checkout sessions.
#[utoipa::path(
    get,
    path = "/v1/checkout-sessions",
    tag = "Checkout sessions",
    security(("tenantKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<CheckoutSessionView>), Problems),
)]
pub(super) async fn list_checkout_sessions(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<CheckoutSessionView>>, Problem> {
    let page = query.page::<CheckoutSessionId>()?;
    let found = api.app.ports().store.checkout_sessions(tenant.id, &page).await?;
    Ok(Json(List::of(found, |checkout_session| {
        checkout_session.id.to_string()
    })))
}
