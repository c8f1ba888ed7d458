//! Changes a subscription's number of seats.

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::views::ChangeView;
use tillgate_application::{UpdateSeats, update_seats};
use utoipa::ToSchema;

use super::proration::Proration;
use crate::auth::TenantCaller;
use crate::extract::{Path, id};
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// How many seats are wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeatsInput {
    /// How many.
    #[schema(minimum = 1, maximum = 2_147_483_647_u64, example = 12)]
    seats: u64,
    /// How the change is charged; as the provider does by itself where nothing is said.
    #[serde(default)]
    #[schema(default = "provider_default")]
    proration: Proration,
}

impl RequestBody for SeatsInput {}

problems!(
    Problems: READ WRITE ONCE PROVIDER,
    SubscriptionNotFound,
    InvalidSubscriptionStatus,
    OperationInProgress,
    InvalidSeats
);

/// Change a subscription's seats.
#[utoipa::path(
    put,
    path = "/v1/subscriptions/{id}/seats",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        IdempotencyKeyHeader,
    ),
    request_body = SeatsInput,
    responses((status = 200, description = "What came of it", body = ChangeView), Problems),
)]
pub(super) async fn put_subscription_seats(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Json { value, idempotency_key }: Json<SeatsInput>,
) -> Result<axum::Json<ChangeView>, Problem> {
    let command = UpdateSeats {
        tenant_id: tenant.id,
        subscription_id: id("subscription", &given)?,
        seats: value.seats,
        proration: value.proration.into(),
    };
    let caller = tenant.caller(idempotency_key);
    Ok(axum::Json(update_seats(&api.app, &caller, command).await?))
}
