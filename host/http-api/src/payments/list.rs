//! Lists payments.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::ports::PaymentFilter;
use tillgate_application::views::PaymentView;
use tillgate_domain::PaymentId;

use crate::auth::TenantCaller;
use crate::extract::{Query, optional_id, optional_word};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which payments are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PaymentQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this customer.
    customer_id: Option<String>,
    /// Of this subscription.
    subscription_id: Option<String>,
    /// In this status: `pending`, `succeeded` or `failed`.
    status: Option<String>,
    /// That the provider knows by this id, for example an invoice's or a charge's.
    provider_reference: Option<String>,
}

problems!(Problems: READ);

/// List payments.
#[utoipa::path(
    get,
    path = "/v1/payments",
    tag = "Payments",
    security(("tenantKey" = [])),
    params(PaymentQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<PaymentView>), Problems),
)]
pub(super) async fn list_payments(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PaymentQuery>,
) -> Result<Json<List<PaymentView>>, Problem> {
    let filter = PaymentFilter {
        customer_id: optional_id("customer_id", query.customer_id.as_deref())?,
        subscription_id: optional_id("subscription_id", query.subscription_id.as_deref())?,
        state: optional_word("status", query.status.as_deref())?,
        provider_reference: query.provider_reference,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<PaymentId>().is_ok()
    })?;
    let found = api.app.ports().store.payments(tenant.id, &filter, &page).await?;
    Ok(Json(List::of(found, |payment| payment.id.to_string())))
}
