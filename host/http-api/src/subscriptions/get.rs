//! Gives a subscription, asking the provider if wanted.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::views::SubscriptionView;
use tillgate_application::{RetrieveSubscription, retrieve_subscription};

use crate::auth::TenantCaller;
use crate::extract::{Path, Query, flag, id};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// How fresh it is to be.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SubscriptionRefresh {
    /// Whether the provider is asked. Otherwise it is given as it is known here.
    #[param(value_type = Option<bool>, default = false)]
    refresh: Option<String>,
}

problems!(Problems: READ PROVIDER, SubscriptionNotFound);

/// Get a subscription.
#[utoipa::path(
    get,
    path = "/v1/subscriptions/{id}",
    tag = "Subscriptions",
    security(("tenantKey" = [])),
    params(
        ("id" = String, Path, description = "Its id", example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3"),
        SubscriptionRefresh,
    ),
    responses((status = 200, description = "The subscription", body = SubscriptionView), Problems),
)]
pub(super) async fn get_subscription(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(given): Path<String>,
    Query(query): Query<SubscriptionRefresh>,
) -> Result<Json<SubscriptionView>, Problem> {
    let wanted = RetrieveSubscription {
        tenant_id: tenant.id,
        subscription_id: id("subscription", &given)?,
        refresh: flag("refresh", query.refresh.as_deref())?,
    };
    Ok(Json(retrieve_subscription(&api.app, wanted).await?))
}
