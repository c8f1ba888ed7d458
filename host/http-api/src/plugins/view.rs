//! What the operator sees of a plugin.

use std::collections::BTreeMap;

use serde::Serialize;
use tillgate_application::ports::{Capability, PluginInfo};
use utoipa::ToSchema;

/// A plugin: a provider this host speaks to.
#[derive(Serialize, ToSchema)]
#[schema(as = Plugin)]
pub(super) struct PluginView {
    /// SHA-256 of the component, in hex.
    pub(super) digest: String,
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Its name for people.
    title: String,
    /// What it is, for people.
    description: String,
    /// The contract it is built against, e.g. `0.1`.
    contract: String,
    /// Of `checkout`, `portal`, `subscriptions`, `plan-change`, `pause`, `refunds`, `webhooks` and `backfill`.
    capabilities: Vec<String>,
    /// Of `immediate` and `at_period_end`.
    cancel_modes: Vec<String>,
    /// Seats: `native`, `amount` or `none`.
    quantity: String,
    /// How far the provider repeats nothing under the same idempotency key: `full`, `partial` or `none`.
    idempotency: String,
    /// Where it may send, by endpoint name.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    endpoints: BTreeMap<String, String>,
    /// The secrets an account needs.
    secrets: Vec<PluginInputView>,
    /// The settings an account takes.
    settings: Vec<PluginInputView>,
    /// Size of the component in bytes.
    size_bytes: u64,
}

/// Something a plugin takes from an account.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginInput)]
struct PluginInputView {
    /// Its name.
    name: String,
    /// What it is, for people.
    description: String,
    /// Whether an account needs it.
    required: bool,
}

impl From<PluginInfo> for PluginView {
    fn from(plugin: PluginInfo) -> Self {
        let input = |name, description, required| PluginInputView {
            name,
            description,
            required,
        };
        Self {
            digest: plugin.digest,
            name: plugin.name,
            version: plugin.version,
            title: plugin.title,
            description: plugin.description,
            contract: plugin.contract,
            capabilities: plugin
                .capabilities
                .into_iter()
                .map(Capability::as_str)
                .map(str::to_owned)
                .collect(),
            cancel_modes: plugin
                .cancel_modes
                .iter()
                .map(|mode| mode.as_str().to_owned())
                .collect(),
            quantity: plugin.quantity,
            idempotency: plugin.idempotency,
            endpoints: plugin.endpoints,
            secrets: plugin
                .secrets
                .into_iter()
                .map(|secret| input(secret.name, secret.description, secret.required))
                .collect(),
            settings: plugin
                .settings
                .into_iter()
                .map(|setting| input(setting.name, setting.description, setting.required))
                .collect(),
            size_bytes: plugin.size_bytes,
        }
    }
}
