//! Takes back the cancellation of a subscription.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::UncancelSubscription;
use tillgate_application::views::ChangeView;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// Nothing more is to be said: the body may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UncancelInput {}

impl RequestBody for UncancelInput {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE ONCE PROVIDER, SubscriptionNotFound, InvalidSubscriptionStatus, OperationInProgress);

/// Uncancel a subscription.
///
/// Takes back a cancellation that is scheduled, so that it goes on. Where none is, nothing changes.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/uncancel",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = UncancelInput,
    responses((status = 200, description = "What came of it", body = ChangeView), Problems),
)]
pub(super) async fn uncancel_subscription(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json {
        value: UncancelInput {},
        idempotency_key,
    }: Json<UncancelInput>,
) -> Result<axum::Json<ChangeView>, Problem> {
    let command = UncancelSubscription {
        tenant_id: tenant.id,
        subscription_id: id("subscription", &given)?,
    };
    let caller = tenant.caller(idempotency_key);
    let view = tillgate_application::uncancel_subscription(&api.app, &caller, command).await?;
    Ok(axum::Json(view))
}
