//! Lists received webhooks.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::WebhookView;
use tillgate_application::inbox::InboxFilter;
use tillgate_domain::InboxId;

use crate::auth::Operator;
use crate::extract::{Query, optional_id, optional_word, time};
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// How a webhook stands.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what an InboxStatus is read from")]
pub(super) enum StatusName {
    Pending,
    Processed,
    Dead,
    Conflicting,
}

/// Which webhooks are wanted, as texts.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    pub(super) tenant_id: Option<&'a str>,
    pub(super) provider_account_id: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) provider_type: Option<&'a str>,
    pub(super) received_after: Option<&'a str>,
    pub(super) received_before: Option<&'a str>,
}

impl Wanted<'_> {
    pub(super) fn filter(&self) -> Result<InboxFilter, Problem> {
        let at = |field: &str, text: Option<&str>| text.map(|text| time(field, text)).transpose();
        Ok(InboxFilter {
            tenant_id: optional_id("tenant_id", self.tenant_id)?,
            account_id: optional_id("provider_account_id", self.provider_account_id)?,
            status: optional_word("status", self.status)?,
            provider_type: self.provider_type.map(str::to_owned),
            received_after: at("received_after", self.received_after)?,
            received_before: at("received_before", self.received_before)?,
        })
    }
}

/// Which webhooks are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WebhookQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    after: Option<String>,
    /// Of this tenant.
    tenant_id: Option<String>,
    /// For this provider account.
    provider_account_id: Option<String>,
    /// In this status.
    #[param(inline, value_type = Option<StatusName>)]
    status: Option<String>,
    /// With an event that the provider calls this.
    #[param(example = "invoice.paid")]
    provider_type: Option<String>,
    /// Received at this time or later.
    #[param(example = "2030-01-31T12:00:00Z")]
    received_after: Option<String>,
    /// Received before this time.
    #[param(example = "2030-02-01T12:00:00Z")]
    received_before: Option<String>,
}

problems!(Problems: OPERATOR READ);

/// List received webhooks.
///
/// Those of all tenants that proved genuine, for as long as they are kept. What is in them is shown one by one.
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks",
    tag = "Operator: webhooks",
    security(("operatorToken" = [])),
    params(WebhookQuery),
    responses((status = 200, description = "One page of them, oldest first", body = List<WebhookView>), Problems),
)]
pub(super) async fn list_webhooks(
    State(api): State<Api>,
    _: Operator,
    Query(query): Query<WebhookQuery>,
) -> Result<Json<List<WebhookView>>, Problem> {
    let wanted = Wanted {
        tenant_id: query.tenant_id.as_deref(),
        provider_account_id: query.provider_account_id.as_deref(),
        status: query.status.as_deref(),
        provider_type: query.provider_type.as_deref(),
        received_after: query.received_after.as_deref(),
        received_before: query.received_before.as_deref(),
    };
    let filter = wanted.filter()?;
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<InboxId>().is_ok()
    })?;
    let found = api.app.ports().store.inbox_entries(&filter, &page).await?;
    Ok(Json(List::of(found, |webhook| webhook.id.to_string())))
}
