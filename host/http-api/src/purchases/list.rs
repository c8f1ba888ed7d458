//! Lists purchases.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::ports::PurchaseFilter;
use tillgate_application::views::PurchaseView;
use tillgate_domain::PurchaseId;

use crate::auth::TenantCaller;
use crate::extract::{Query, optional_id, optional_word};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which purchases are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PurchaseQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this customer.
    customer_id: Option<String>,
    /// Of this subscription.
    subscription_id: Option<String>,
    /// In this status: `pending`, `active`, `completed` or `failed`.
    status: Option<String>,
    /// That the provider knows by this id, or that was paid by its transaction with this id.
    provider_reference: Option<String>,
}

problems!(Problems: READ);

/// List purchases.
#[utoipa::path(
    get,
    path = "/v1/purchases",
    tag = "Purchases",
    security(("tenantKey" = [])),
    params(PurchaseQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<PurchaseView>), Problems),
)]
pub(super) async fn list_purchases(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PurchaseQuery>,
) -> Result<Json<List<PurchaseView>>, Problem> {
    let filter = PurchaseFilter {
        customer_id: optional_id("customer_id", query.customer_id.as_deref())?,
        subscription_id: optional_id("subscription_id", query.subscription_id.as_deref())?,
        status: optional_word("status", query.status.as_deref())?,
        provider_reference: query.provider_reference,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<PurchaseId>().is_ok()
    })?;
    let found = api.app.ports().store.purchases(tenant.id, &filter, &page).await?;
    Ok(Json(List::of(found, |purchase| purchase.id.to_string())))
}
