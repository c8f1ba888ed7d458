//! Lists subscriptions.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use serde::Deserialize;
use tillgate_application::ListSubscriptions;
use tillgate_application::ports::SubscriptionFilter;
use tillgate_application::views::SubscriptionView;
use tillgate_domain::{SubscriptionId, SubscriptionStatus};

use crate::auth::TenantCaller;
use crate::extract::{Query, optional_id, time};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// How a subscription stands.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what status() reads")]
enum StatusName {
    Incomplete,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
    Expired,
}

/// Which subscriptions are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SubscriptionQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this customer.
    customer_id: Option<String>,
    /// Of customers of this organization.
    organization_id: Option<String>,
    /// In this status.
    #[param(inline, value_type = Option<StatusName>)]
    status: Option<String>,
    /// Not ended, and whose current period or scheduled cancellation ends before this time.
    #[param(example = "2030-01-31T12:00:00Z")]
    expiring_before: Option<String>,
}

problems!(Problems: READ);

/// List subscriptions.
///
/// Those of one `customer_id` are answered from memory where that is certain to have every change made through this host,
/// and the changes of other hosts as soon as they are heard, which takes milliseconds. `Cache-Control: no-cache` asks the
/// database.
#[utoipa::path(
    get,
    path = "/v1/subscriptions",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(SubscriptionQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<SubscriptionView>), Problems),
)]
pub(super) async fn list_subscriptions(
    State(api): State<Api>,
    tenant: TenantCaller,
    headers: HeaderMap,
    Query(query): Query<SubscriptionQuery>,
) -> Result<Json<List<SubscriptionView>>, Problem> {
    let filter = SubscriptionFilter {
        customer_id: optional_id("customer_id", query.customer_id.as_deref())?,
        organization_id: query.organization_id,
        status: query.status.as_deref().map(status).transpose()?,
        expiring_before: query
            .expiring_before
            .as_deref()
            .map(|text| time("expiring_before", text))
            .transpose()?,
    };
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<SubscriptionId>().is_ok()
    })?;
    let query = ListSubscriptions {
        tenant_id: tenant.id,
        filter,
        page,
        no_cache: says_no_cache(&headers),
    };
    let found = tillgate_application::list_subscriptions(&api.app, query).await?;
    Ok(Json(List::of(found, |subscription| subscription.id.to_string())))
}

/// Whether the caller wants what the database says (<https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.1.4>).
fn says_no_cache(headers: &HeaderMap) -> bool {
    let mut values = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.any(|value| {
        let mut directives = value.split(',').map(str::trim);
        directives
            .any(|directive| directive.eq_ignore_ascii_case("no-cache") || directive.eq_ignore_ascii_case("no-store"))
    })
}

fn status(text: &str) -> Result<SubscriptionStatus, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid(
            "status",
            "must be incomplete, trialing, active, past_due, unpaid, paused, canceled or expired",
        )
    })
}
