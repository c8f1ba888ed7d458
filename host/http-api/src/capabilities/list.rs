//! Lists what each provider account can do.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tillgate_application::account::ProviderAccount;
use tillgate_application::ports::{CancelMode, Capability, PluginInfo};
use tillgate_domain::ProviderAccountId;
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{PageQuery, Query};
use crate::list::List;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What a provider account can do.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountCapabilities)]
pub(super) struct AccountCapabilitiesView {
    /// The provider account.
    #[schema(example = "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    id: String,
    /// Its name.
    name: String,
    /// Whether checkouts that name no account go here.
    default: bool,
    /// The provider's plugin.
    plugin: String,
    /// Version of the plugin.
    version: String,
    /// Whether the plugin is loaded: nothing works until it is.
    loaded: bool,
    /// Of `checkout`, `portal`, `subscriptions`, `plan-change`, `pause`, `refunds`, `webhooks` and `backfill`.
    capabilities: Vec<String>,
    /// Of `immediate` and `at_period_end`.
    cancel_modes: Vec<String>,
    /// Seats: `native` (the provider counts them), `amount` (they are multiplied into the price) or `none`.
    quantity: Option<String>,
}

impl AccountCapabilitiesView {
    fn new(account: ProviderAccount, plugin: Option<PluginInfo>) -> Self {
        let loaded = plugin.is_some();
        let (capabilities, cancel_modes, quantity) = plugin.map_or_else(Default::default, |plugin| {
            (
                names(&plugin.capabilities, Capability::as_str),
                names(&plugin.cancel_modes, CancelMode::as_str),
                Some(plugin.quantity),
            )
        });
        Self {
            id: account.id.to_string(),
            name: account.name,
            default: account.is_default,
            plugin: account.plugin,
            version: account.plugin_version,
            loaded,
            capabilities,
            cancel_modes,
            quantity,
        }
    }
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<String> {
    all.iter().map(|&one| name(one).to_owned()).collect()
}

problems!(Problems: READ);

/// List capabilities.
///
/// What works at each of the tenant's provider accounts. What doesn't is refused with `capability_not_supported`.
#[utoipa::path(
    get,
    path = "/v1/capabilities",
    tag = "Capabilities",
    security(("tenantKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "One entry per provider account", body = List<AccountCapabilitiesView>), Problems),
)]
pub(super) async fn list_capabilities(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<List<AccountCapabilitiesView>>, Problem> {
    let page = query.page::<ProviderAccountId>()?;
    let ports = api.app.ports();
    let views = ports
        .store
        .accounts(tenant.id)
        .await?
        .into_iter()
        .map(|account| {
            let plugin = ports.plugins.find(&account.plugin_digest);
            AccountCapabilitiesView::new(account, plugin)
        })
        .collect();
    Ok(Json(List::page_of(views, &page, |view: &AccountCapabilitiesView| {
        view.id.clone()
    })?))
}
