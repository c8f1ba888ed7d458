//! Provider accounts and API keys.

use std::collections::BTreeMap;

use tillgate_domain::{ApiKeyId, Mode, ProviderAccountId, TenantId, Timestamp};

use crate::ports::{Field, Secret};

/// A tenant's connection to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAccount {
    /// Its id.
    pub id: ProviderAccountId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name, unique for the tenant.
    pub name: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Version of the plugin.
    pub plugin_version: String,
    /// SHA-256 of the plugin it is pinned to, in hex.
    pub plugin_digest: String,
    /// Whether checkouts that name no account go here.
    pub is_default: bool,
    /// Settings by name.
    pub settings: Vec<Field>,
    /// Endpoint overrides by endpoint name.
    pub endpoint_overrides: Vec<Field>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

/// A secret of an account, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// For which account.
    pub account_id: ProviderAccountId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Under which name.
    pub name: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// When it was put. The newest is used for sending, all active ones for proving.
    pub created_at: Timestamp,
    /// Until when it is active; none for the current one.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// An account with its secrets opened: what a call to the provider needs.
#[derive(Debug)]
pub struct ConnectedAccount {
    /// The account.
    pub account: ProviderAccount,
    /// Whether the tenant's money is real.
    pub mode: Mode,
    /// The URL its webhooks come to, as registered with the provider.
    pub webhook_url: String,
    /// Active secrets by name, newest first.
    pub secrets: BTreeMap<String, Vec<Secret>>,
}

/// An API key, as stored: its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// The first characters of it, to recognize it by.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("hint", &self.hint)
            .finish_non_exhaustive()
    }
}
