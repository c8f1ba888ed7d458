//! Requests that only ask whether an account's endpoints are there. They carry no credential.

use std::time::Duration;

use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{Effect, ExchangeMethod, ExchangeRequest};
use tillgate_egress as egress;

use crate::exchange::{AccountExchanger, Outside as _};
use crate::host::PluginHost;

impl PluginHost {
    /// For each endpoint of the account's plugin, by name, a request for its root without a credential; or why none
    /// can be made. Empty where the plugin isn't loaded. Nothing is sent.
    #[must_use]
    pub fn probes(
        &self,
        account: &ConnectedAccount,
        timeout: Duration,
    ) -> Vec<(String, Result<egress::Request, String>)> {
        let Some(plugin) = self.library.registry.by_digest(&account.account.plugin_digest) else {
            return Vec::new();
        };
        let outside = AccountExchanger {
            exchanger: &self.exchanger,
            manifest: &plugin.manifest,
            account,
        };
        let probe = |name: &String| {
            let prepared = outside.prepare(&ExchangeRequest {
                method: ExchangeMethod::Get,
                endpoint: name.clone(),
                path: "/".to_owned(),
                query: Vec::new(),
                headers: Vec::new(),
                body: None,
                effect: Effect::Read,
                credential: None,
            });
            let prepared = prepared.map(|request| egress::Request { timeout, ..request });
            (name.clone(), prepared)
        };
        plugin.manifest.endpoints.keys().map(probe).collect()
    }
}
