//! Creates a checkout session.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tillgate_application::CreateCheckoutSession;
use tillgate_application::views::CheckoutSessionView;
use tillgate_domain as domain;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::optional_id;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// What is paid for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckoutType {
    /// Something paid again and again.
    Subscription,
    /// Something paid once.
    OneTime,
}

/// What a checkout session is to be for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckoutSessionInput {
    /// What is paid for.
    r#type: CheckoutType,
    /// The tenant's product. It needs a price at the provider account.
    #[schema(example = "product_42")]
    product_id: String,
    /// A customer that is known already. Not together with `customer_email`.
    customer_id: Option<String>,
    /// Otherwise an address to fill in.
    #[schema(example = "ada@initech.example")]
    customer_email: Option<String>,
    /// The organization it is for. It has to be known: PUT it first.
    #[schema(example = "org_42")]
    organization_id: Option<String>,
    /// The user it is for. They have to be known: PUT them first.
    #[schema(example = "user_42")]
    user_id: Option<String>,
    /// How many seats; 1 where nothing is said.
    #[schema(minimum = 1, maximum = 2_147_483_647_u64, example = 5)]
    seats: Option<u64>,
    /// Length of a trial in days; subscriptions only.
    #[schema(minimum = 1, example = 14)]
    trial_period_days: Option<u32>,
    /// Where the customer comes back to after paying.
    #[schema(example = "https://app.example/billing/done")]
    success_url: String,
    /// Where the customer comes back to without.
    #[schema(example = "https://app.example/billing")]
    cancel_url: String,
    /// Kept with the session, and by the provider. At most 40 entries; keys up to 40 characters, values up to 500.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>, example = json!({ "plan": "team" }))]
    metadata: Option<BTreeMap<String, String>>,
    /// Where it is paid; the tenant's default where nothing is said.
    provider_account_id: Option<String>,
}

impl RequestBody for CheckoutSessionInput {}

problems!(
    Problems: READ WRITE ONCE PROVIDER,
    OrganizationNotFound,
    UserNotFound,
    ProductNotFound,
    CustomerNotFound,
    NoProviderAccount,
    ProductWithoutPrice,
    InvalidSeats,
    InvalidTrial
);

/// Create a checkout session.
///
/// Send the customer to the answer's `url`. What comes of it arrives as webhooks of the provider: a customer, and a
/// subscription or a purchase.
#[utoipa::path(
    post,
    path = "/v1/checkout-sessions",
    tag = "Checkout sessions",
    security(("tenantKey" = [])),
    params(IdempotencyKeyHeader),
    request_body = CheckoutSessionInput,
    responses((status = 201, description = "The checkout session", body = CheckoutSessionView), Problems),
)]
pub(super) async fn create_checkout_session(
    State(api): State<Api>,
    tenant: TenantCaller,
    Json { value, idempotency_key }: Json<CheckoutSessionInput>,
) -> Result<(StatusCode, axum::Json<CheckoutSessionView>), Problem> {
    let command = CreateCheckoutSession {
        tenant_id: tenant.id,
        checkout_type: match value.r#type {
            CheckoutType::Subscription => domain::CheckoutType::Subscription,
            CheckoutType::OneTime => domain::CheckoutType::OneTime,
        },
        product_id: value.product_id,
        customer_id: optional_id("customer_id", value.customer_id.as_deref())?,
        customer_email: value.customer_email,
        organization_id: value.organization_id,
        user_id: value.user_id,
        seats: value.seats,
        trial_period_days: value.trial_period_days,
        success_url: value.success_url,
        cancel_url: value.cancel_url,
        metadata: value.metadata.unwrap_or_default().into_iter().collect(),
        provider_account_id: optional_id("provider_account_id", value.provider_account_id.as_deref())?,
    };
    let caller = tenant.caller(idempotency_key);
    let view = tillgate_application::create_checkout_session(&api.app, &caller, command).await?;
    Ok((StatusCode::CREATED, axum::Json(view)))
}
