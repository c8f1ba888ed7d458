//! Accounts with their secrets opened, kept for a short while: a webhook needs them at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillgate_domain::{ProviderAccountId, TenantId};

use crate::account::{ConnectedAccount, ProviderAccount, SealedSecret};
use crate::ports::{CacheName, Secret, SecretBinding};
use crate::{Application, ApplicationError};

impl Application {
    /// An account with its secrets, of whichever tenant.
    pub(crate) async fn connected_account(
        &self,
        id: ProviderAccountId,
    ) -> Result<Option<Arc<ConnectedAccount>>, ApplicationError> {
        let now = self.now();
        let kept = &self.caches.accounts;
        let found = kept.get(&id, now, self.caches.age_max_ms());
        self.metrics().cache_read(CacheName::Accounts, found.is_some());
        if found.is_some() {
            return Ok(found);
        }
        let reading = kept.reading(&id);
        let Some(account) = self.store().account(id).await? else {
            return Ok(None);
        };
        let Some(tenant) = self.store().tenant(account.tenant_id).await? else {
            return Ok(None);
        };
        let mut secrets: BTreeMap<String, Vec<Secret>> = BTreeMap::new();
        // No longer than the first of its secrets.
        let mut until = None;
        for sealed in self.store().secrets(id, now).await? {
            let secret = match self.ports.sealer.open(binding(&sealed), &sealed.sealed) {
                Ok(secret) => secret,
                // One that is on its way out, sealed with a master key that is gone already: the current one counts.
                Err(error) if sealed.expires_at.is_some() => {
                    tracing::warn!(account.id = %id, secret = %sealed.name, %error, "a replaced secret can't be opened, and proves nothing");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            until = until.into_iter().chain(sealed.expires_at).min();
            secrets.entry(sealed.name).or_default().push(secret);
        }
        let connected = Arc::new(ConnectedAccount {
            mode: tenant.mode,
            webhook_url: self.webhook_url(id),
            account,
            secrets,
        });
        kept.keep(reading, id, Arc::clone(&connected), now, until);
        Ok(Some(connected))
    }

    /// A tenant's account: the one named, else the default.
    pub(crate) async fn account_for(
        &self,
        tenant_id: TenantId,
        id: Option<ProviderAccountId>,
    ) -> Result<Arc<ConnectedAccount>, ApplicationError> {
        let id = match id {
            Some(id) => id,
            None => self.default_account(tenant_id).await?.id,
        };
        self.connected_account(id)
            .await?
            .filter(|connected| connected.account.tenant_id == tenant_id)
            .ok_or_else(|| ApplicationError::not_found("provider account", id))
    }

    async fn default_account(&self, tenant_id: TenantId) -> Result<ProviderAccount, ApplicationError> {
        let accounts = self.store().accounts(tenant_id).await?;
        let only = accounts.len() == 1;
        accounts
            .into_iter()
            .find(|account| account.is_default || only)
            .ok_or(ApplicationError::NoProviderAccount)
    }

    /// The URL to register with the provider for an account's webhooks.
    pub(crate) fn webhook_url(&self, id: ProviderAccountId) -> String {
        format!("{}/v1/webhooks/{id}", self.settings.public_url)
    }
}

/// What a stored secret was sealed for.
pub(crate) fn binding(sealed: &SealedSecret) -> SecretBinding<'_> {
    SecretBinding {
        tenant_id: sealed.tenant_id,
        account_id: Some(sealed.account_id),
        name: &sealed.name,
    }
}
