//! What every test of the host needs: an account, a journal, the way out.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tillgate_application::account::{ConnectedAccount, ProviderAccount};
use tillgate_application::ports::{
    Exchange, ExchangeOutcome, ExchangeRequest, GatewayCall, Journal, PluginInfo, Secret, StoreError,
};
use tillgate_domain::{Mode, ProviderAccountId, TenantId, Timestamp};
use tillgate_egress::{Client, Options};

pub(crate) fn client() -> Client {
    Client::new(Options::default()).unwrap()
}

/// An account in test mode, pinned to a plugin.
pub(crate) fn account(plugin: &PluginInfo, secrets: &[(&str, &[&str])], origin: Option<&str>) -> Arc<ConnectedAccount> {
    let now = Timestamp::from_millis(0);
    let secrets: BTreeMap<String, Vec<Secret>> = secrets
        .iter()
        .map(|(name, texts)| {
            let texts = texts.iter().map(|text| Secret::new((*text).to_owned())).collect();
            ((*name).to_owned(), texts)
        })
        .collect();
    Arc::new(ConnectedAccount {
        account: ProviderAccount {
            id: ProviderAccountId::from_bits(1),
            tenant_id: TenantId::from_bits(2),
            name: "main".to_owned(),
            plugin: plugin.name.clone(),
            plugin_version: plugin.version.clone(),
            plugin_digest: plugin.digest.clone(),
            is_default: true,
            settings: Vec::new(),
            endpoint_overrides: origin
                .map(|origin| ("api".to_owned(), origin.to_owned()))
                .into_iter()
                .collect(),
            created_at: now,
            updated_at: now,
            version: 1,
        },
        mode: Mode::Test,
        webhook_url: "https://pay.example/webhooks/1".to_owned(),
        secrets,
    })
}

/// A journal in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryJournal {
    pub(crate) exchanges: Vec<Exchange>,
}

#[async_trait]
impl Journal for MemoryJournal {
    fn recorded(&self) -> &[Exchange] {
        &self.exchanges
    }

    async fn sending(&mut self, request: &ExchangeRequest) -> Result<(), StoreError> {
        self.exchanges.push(Exchange {
            request: request.clone(),
            outcome: None,
        });
        Ok(())
    }

    async fn received(&mut self, outcome: ExchangeOutcome) -> Result<(), StoreError> {
        self.exchanges.last_mut().unwrap().outcome = Some(outcome);
        Ok(())
    }
}

/// A call with the key `op_1`.
pub(crate) fn call<'a>(account: &'a Arc<ConnectedAccount>, journal: &'a mut MemoryJournal) -> GatewayCall<'a> {
    GatewayCall {
        account,
        now: Timestamp::from_millis(1_533_204_620_000),
        idempotency_key: "op_1",
        journal,
    }
}
