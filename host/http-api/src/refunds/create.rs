//! Gives a payment back.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::views::RefundView;
use tillgate_application::{ApplicationError, CreateRefund, ports};
use tillgate_domain::Money;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::id_field;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// Why money is given back.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundReason {
    /// It was paid twice.
    Duplicate,
    /// Somebody else paid with it.
    Fraudulent,
    /// The customer asked for it.
    RequestedByCustomer,
}

/// How much is to be given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundAmount {
    /// Minor units: 1500 "usd" is 15 dollars.
    #[schema(minimum = 1, example = 1500)]
    amount: i64,
    /// The payment's currency, ISO 4217 in lower case.
    #[schema(example = "usd")]
    currency: String,
}

/// What is to be given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundInput {
    /// The payment.
    #[schema(example = "pay_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    payment_id: String,
    /// How much of it; all that is left where nothing is said.
    amount: Option<RefundAmount>,
    /// Why.
    reason: Option<RefundReason>,
}

impl RequestBody for RefundInput {}

problems!(Problems: READ WRITE ONCE PROVIDER, PaymentNotFound, InvalidPaymentStatus);

/// Refund a payment.
///
/// In full or in part, as often as something is left of it. How much that is the provider knows: it refuses more with
/// `provider_rejected_request`. A refund may take days: its `status` says how far it is.
#[utoipa::path(
    post,
    path = "/v1/refunds",
    tag = "Refunds",
    security(("tenantKey" = [])),
    params(IdempotencyKeyHeader),
    request_body = RefundInput,
    responses((status = 201, description = "The refund", body = RefundView), Problems),
)]
pub(super) async fn create_refund(
    State(api): State<Api>,
    tenant: TenantCaller,
    Json { value, idempotency_key }: Json<RefundInput>,
) -> Result<(StatusCode, axum::Json<RefundView>), Problem> {
    let command = CreateRefund {
        tenant_id: tenant.id,
        payment_id: id_field("payment_id", &value.payment_id)?,
        amount: value.amount.as_ref().map(money).transpose()?,
        reason: value.reason.map(|reason| match reason {
            RefundReason::Duplicate => ports::RefundReason::Duplicate,
            RefundReason::Fraudulent => ports::RefundReason::Fraudulent,
            RefundReason::RequestedByCustomer => ports::RefundReason::RequestedByCustomer,
        }),
    };
    let caller = tenant.caller(idempotency_key);
    let refund = tillgate_application::create_refund(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(refund)))
}

fn money(given: &RefundAmount) -> Result<Money, ApplicationError> {
    let currency = given.currency.parse();
    let currency = currency.map_err(|_| ApplicationError::invalid("amount.currency", "must be an ISO 4217 code"))?;
    Ok(Money::new(given.amount, currency))
}
