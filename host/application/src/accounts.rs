//! Accounts with their secrets opened, kept for a short while: a webhook needs them at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use tillgate_domain::{ProviderAccountId, TenantId, Timestamp};

use crate::account::{ConnectedAccount, ProviderAccount, SealedSecret};
use crate::bounds::{CACHE_AGE_MAX_MS, CACHE_ENTRIES_MAX};
use crate::ports::{Secret, SecretBinding};
use crate::{Application, ApplicationError};

/// The accounts kept.
#[derive(Default)]
pub(crate) struct Accounts {
    kept: RwLock<HashMap<ProviderAccountId, (Arc<ConnectedAccount>, Timestamp)>>,
}

impl Accounts {
    fn get(&self, id: ProviderAccountId, now: Timestamp) -> Option<Arc<ConnectedAccount>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id)
            .filter(|(_, since)| now.as_millis().abs_diff(since.as_millis()) < CACHE_AGE_MAX_MS.unsigned_abs())
            .map(|(account, _)| Arc::clone(account))
    }

    fn keep(&self, account: Arc<ConnectedAccount>, now: Timestamp) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CACHE_ENTRIES_MAX {
            kept.clear();
        }
        kept.insert(account.account.id, (account, now));
    }

    pub(crate) fn forget(&self, id: ProviderAccountId) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(crate) fn forget_all(&self) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Application {
    /// An account with its secrets, of whichever tenant.
    pub(crate) async fn connected_account(
        &self,
        id: ProviderAccountId,
    ) -> Result<Option<Arc<ConnectedAccount>>, ApplicationError> {
        let now = self.now();
        if let Some(account) = self.accounts.get(id, now) {
            return Ok(Some(account));
        }
        let Some(account) = self.store().account(id).await? else {
            return Ok(None);
        };
        let Some(tenant) = self.store().tenant(account.tenant_id).await? else {
            return Ok(None);
        };
        let mut secrets: BTreeMap<String, Vec<Secret>> = BTreeMap::new();
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
            secrets.entry(sealed.name).or_default().push(secret);
        }
        let connected = Arc::new(ConnectedAccount {
            mode: tenant.mode,
            webhook_url: self.webhook_url(id),
            account,
            secrets,
        });
        self.accounts.keep(Arc::clone(&connected), now);
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
