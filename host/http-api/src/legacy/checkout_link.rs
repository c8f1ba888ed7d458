//! Creates a checkout session from the old options, and answers its link or none.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tillgate_application::CreateLegacyCheckoutLink;
use tillgate_domain as domain;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::json::{Json, RequestBody};
use crate::openapi::{IdempotencyKeyHeader, problems};
use crate::problem::Problem;
use crate::state::Api;

/// What is paid for, in the old words.
#[derive(Clone, Copy, Deserialize, ToSchema)]
pub(super) enum LegacyCheckoutType {
    /// Something paid again and again.
    #[serde(rename = "subscription")]
    Subscription,
    /// Something paid once.
    #[serde(rename = "one-time", alias = "one_time")]
    OneTime,
}

/// The old options. Others are left aside, as they were; an empty text says as little as none.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LegacyCheckoutOptions {
    /// What is paid for.
    r#type: LegacyCheckoutType,
    /// The tenant's product, or the provider's id of the price it has.
    #[schema(example = "price_42")]
    product_id: String,
    /// A customer that is known already, by our id or by the provider's.
    customer_id: Option<String>,
    /// Otherwise an address to fill in.
    email: Option<String>,
    /// The organization it is for. It has to be known: PUT it first.
    organization_id: Option<String>,
    /// The user it is for. They have to be known: PUT them first.
    user_id: Option<String>,
    /// How many seats; 1 where nothing is said.
    seats: Option<u64>,
    /// Length of a trial in days; subscriptions only.
    trial_period_days: Option<u32>,
    /// Where the customer comes back to, after paying as without.
    redirect_url: Option<String>,
}

impl RequestBody for LegacyCheckoutOptions {}

/// The link, or none.
#[derive(Serialize, ToSchema)]
pub(super) struct LegacyCheckoutLink {
    /// Where to send the customer; null where there is no link.
    #[schema(required, example = "https://pay.example/c/42")]
    url: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "product_not_found")]
    code: Option<&'static str>,
}

problems!(Problems: READ WRITE);

/// Create a checkout link (old options).
///
/// For code that is still to be moved to `POST /v1/checkout-sessions`, which says why something failed. Whatever the
/// reason, a link that can't be had is `null` here, with the reason's code beside it.
#[utoipa::path(
    post,
    path = "/v1/legacy/checkout-link",
    tag = "Legacy",
    security(("tenantKey" = [])),
    params(IdempotencyKeyHeader),
    request_body = LegacyCheckoutOptions,
    responses((status = 200, description = "The link, or none", body = LegacyCheckoutLink), Problems),
)]
pub(super) async fn create_legacy_checkout_link(
    State(api): State<Api>,
    tenant: TenantCaller,
    Json { value, idempotency_key }: Json<LegacyCheckoutOptions>,
) -> axum::Json<LegacyCheckoutLink> {
    let command = CreateLegacyCheckoutLink {
        tenant_id: tenant.id,
        checkout_type: match value.r#type {
            LegacyCheckoutType::Subscription => domain::CheckoutType::Subscription,
            LegacyCheckoutType::OneTime => domain::CheckoutType::OneTime,
        },
        product_id: value.product_id,
        customer_id: value.customer_id,
        email: value.email,
        organization_id: value.organization_id,
        user_id: value.user_id,
        seats: value.seats,
        trial_period_days: value.trial_period_days,
        redirect_url: value.redirect_url,
    };
    let caller = tenant.caller(idempotency_key);
    let link = tillgate_application::create_legacy_checkout_link(&api.app, &caller, command).await;
    axum::Json(match link.map_err(Problem::from) {
        Ok(url) => LegacyCheckoutLink { url, code: None },
        Err(problem) => {
            let code = problem.code().info().code;
            tracing::warn!(code, cause = problem.cause(), "no checkout link");
            LegacyCheckoutLink {
                url: None,
                code: Some(code),
            }
        }
    })
}
