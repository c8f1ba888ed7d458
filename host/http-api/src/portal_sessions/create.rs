//! Creates a portal session.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::CreatePortalSession;
use tillgate_application::views::PortalSessionView;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::id_field;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// Whose portal is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PortalSessionInput {
    /// The customer.
    #[schema(example = "cus_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    customer_id: String,
    /// Where the customer comes back to.
    #[schema(example = "https://app.example/billing")]
    return_url: String,
}

impl RequestBody for PortalSessionInput {}

problems!(Problems: READ WRITE ONCE PROVIDER, CustomerNotFound);

/// Create a portal session.
///
/// Send the customer to the answer's `url`: a page of the provider's on which they manage their own billing.
#[utoipa::path(
    post,
    path = "/v1/portal-sessions",
    tag = "Portal sessions",
    security(("tenantKey" = [])),
    params(IdempotencyKeyHeader),
    request_body = PortalSessionInput,
    responses((status = 201, description = "The portal session", body = PortalSessionView), Problems),
)]
pub(super) async fn create_portal_session(
    State(api): State<Api>,
    tenant: TenantCaller,
    Json { value, idempotency_key }: Json<PortalSessionInput>,
) -> Result<(StatusCode, axum::Json<PortalSessionView>), Problem> {
    let command = CreatePortalSession {
        tenant_id: tenant.id,
        customer_id: id_field("customer_id", &value.customer_id)?,
        return_url: value.return_url,
    };
    let caller = tenant.caller(idempotency_key);
    let view = tillgate_application::create_portal_session(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(view)))
}
