//! Cancels a subscription.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::CancelSubscription;
use tillgate_application::ports;
use tillgate_application::views::ChangeView;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// When a cancellation takes effect.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CancelMode {
    /// Now.
    Immediate,
    /// When the paid period ends.
    #[default]
    AtPeriodEnd,
}

/// How it is to be canceled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelInput {
    /// When; at the end of the paid period where nothing is said.
    #[serde(default)]
    #[schema(default = "at_period_end")]
    mode: CancelMode,
    /// Why, for the provider's records. At most 500 characters.
    #[schema(max_length = 500, example = "too expensive")]
    reason: Option<String>,
}

impl RequestBody for CancelInput {
    const MAY_BE_EMPTY: bool = true;
}

problems!(Problems: READ WRITE ONCE PROVIDER, SubscriptionNotFound, InvalidSubscriptionStatus, OperationInProgress);

/// Cancel a subscription.
///
/// The answer's `outcome` says whether it is done (`applied`), will happen by itself (`scheduled`), or needs the
/// customer (`action_required`, at `action_url`).
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/cancel",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = CancelInput,
    responses((status = 200, description = "What came of it", body = ChangeView), Problems),
)]
pub(super) async fn cancel_subscription(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<CancelInput>,
) -> Result<axum::Json<ChangeView>, Problem> {
    let command = CancelSubscription {
        tenant_id: tenant.id,
        subscription_id: id("subscription", &given)?,
        mode: match value.mode {
            CancelMode::Immediate => ports::CancelMode::Immediate,
            CancelMode::AtPeriodEnd => ports::CancelMode::AtPeriodEnd,
        },
        reason: value.reason,
    };
    let caller = tenant.caller(idempotency_key);
    let view = tillgate_application::cancel_subscription(&api.app, &caller, command).await?;
    Ok(axum::Json(view))
}
