//! Changes what a subscription is for.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::views::ChangeView;
use tillgate_application::{ChangePlan, change_plan};
use utoipa::ToSchema;

use super::proration::Proration;
use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// What it is to be for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanInput {
    /// The tenant's product; it needs a price at the subscription's provider account.
    #[schema(example = "team-plus")]
    product_id: String,
    /// How the change is charged; as the provider does by itself where nothing is said.
    #[serde(default)]
    #[schema(default = "provider_default")]
    proration: Proration,
}

impl RequestBody for PlanInput {}

problems!(
    Problems: READ WRITE ONCE PROVIDER,
    SubscriptionNotFound,
    InvalidSubscriptionStatus,
    OperationInProgress,
    ProductNotFound,
    ProductWithoutPrice
);

/// Change a subscription's plan.
///
/// From then on it is for another of the tenant's products. The seats stay.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/change-plan",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = PlanInput,
    responses((status = 200, description = "What came of it", body = ChangeView), Problems),
)]
pub(super) async fn change_subscription_plan(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<PlanInput>,
) -> Result<axum::Json<ChangeView>, Problem> {
    let command = ChangePlan {
        tenant_id: tenant.id,
        subscription_id: id("subscription", &given)?,
        product_id: value.product_id,
        proration: value.proration.into(),
    };
    let caller = tenant.caller(idempotency_key);
    Ok(axum::Json(change_plan(&api.app, &caller, command).await?))
}
