//! Received webhooks and published events.

use std::str::FromStr;

use tillgate_domain::{DomainError, EventId, InboxId, ProviderAccountId, TenantId, Timestamp};

use crate::account::ProviderAccount;
use crate::ports::{Exchange, WebhookRequest};

/// How a received webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InboxStatus {
    /// Stored and acknowledged; its effect is still to come.
    Pending,
    /// Its effect is committed. Final.
    Processed,
    /// Given up after many tries; kept, and replayable.
    Dead,
    /// Its events were taken in before, under the same ids and with other contents; kept, and never applied. Final.
    Conflicting,
}

impl InboxStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Processed, Self::Dead, Self::Conflicting];

    /// Its name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Dead => "dead",
            Self::Conflicting => "conflicting",
        }
    }
}

impl FromStr for InboxStatus {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or(DomainError::InvalidText {
            field: "status",
            rule: "must be pending, processed, dead or conflicting",
        })
    }
}

/// One build of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginBuild {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the component, in hex.
    pub digest: String,
}

impl PluginBuild {
    /// The one an account is pinned to.
    #[must_use]
    pub fn of(account: &ProviderAccount) -> Self {
        Self {
            name: account.plugin.clone(),
            version: account.plugin_version.clone(),
            digest: account.plugin_digest.clone(),
        }
    }
}

/// A received webhook that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its id.
    pub id: InboxId,
    /// Whose.
    pub tenant_id: TenantId,
    /// For which account.
    pub account_id: ProviderAccountId,
    /// The request, exactly as received.
    pub request: WebhookRequest,
    /// Nothing in the request proved anything: only what the provider says when asked counts.
    pub fetch_back: bool,
    /// The provider's words for what is in it, once parsed.
    pub provider_types: String,
    /// How it stands.
    pub status: InboxStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, or until when the host that tries it has it to itself. Of one that is dead or conflicting:
    /// since when it is.
    pub next_attempt_at: Timestamp,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// The plugin it failed with the last time; none where no plugin was asked.
    pub failed_with: Option<PluginBuild>,
    /// What that plugin had asked the provider by then, in order. No secret is in there: credentials are attached later.
    pub journal: Vec<Exchange>,
    /// The version of the account's plugin it is tried with; the one the account is pinned to where none is named.
    pub plugin_version: Option<String>,
    /// How often an operator put it back.
    pub replays: u32,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it was processed.
    pub processed_at: Option<Timestamp>,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

/// The same without the raw request and the journal: what lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxSummary {
    /// Its id.
    pub id: InboxId,
    /// Whose.
    pub tenant_id: TenantId,
    /// For which account.
    pub account_id: ProviderAccountId,
    /// The provider's words for what is in it, once parsed.
    pub provider_types: String,
    /// How it stands.
    pub status: InboxStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// As of an [`InboxEntry`].
    pub next_attempt_at: Timestamp,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// The plugin it failed with the last time.
    pub failed_with: Option<PluginBuild>,
    /// The version of the account's plugin it is tried with, if not the one the account is pinned to.
    pub plugin_version: Option<String>,
    /// How often an operator put it back.
    pub replays: u32,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it was processed.
    pub processed_at: Option<Timestamp>,
    /// How often it was stored.
    pub version: u64,
}

impl From<&InboxEntry> for InboxSummary {
    fn from(entry: &InboxEntry) -> Self {
        Self {
            id: entry.id,
            tenant_id: entry.tenant_id,
            account_id: entry.account_id,
            provider_types: entry.provider_types.clone(),
            status: entry.status,
            attempts: entry.attempts,
            next_attempt_at: entry.next_attempt_at,
            error: entry.error.clone(),
            failed_with: entry.failed_with.clone(),
            plugin_version: entry.plugin_version.clone(),
            replays: entry.replays,
            received_at: entry.received_at,
            processed_at: entry.processed_at,
            version: entry.version,
        }
    }
}

/// Which received webhooks are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InboxFilter {
    /// Of this tenant.
    pub tenant_id: Option<TenantId>,
    /// For this account.
    pub account_id: Option<ProviderAccountId>,
    /// In this status.
    pub status: Option<InboxStatus>,
    /// With an event that the provider calls this.
    pub provider_type: Option<String>,
    /// Received at this time or later.
    pub received_after: Option<Timestamp>,
    /// Received before this time.
    pub received_before: Option<Timestamp>,
}

impl InboxFilter {
    /// Whether it leaves out nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a webhook is wanted.
    #[must_use]
    pub fn wants(&self, webhook: &InboxSummary) -> bool {
        let named = |wanted: &String| webhook.provider_types.split(',').any(|name| name == wanted);
        self.tenant_id.is_none_or(|id| id == webhook.tenant_id)
            && self.account_id.is_none_or(|id| id == webhook.account_id)
            && self.status.is_none_or(|status| status == webhook.status)
            && self.provider_type.as_ref().is_none_or(named)
            && self.received_after.is_none_or(|time| webhook.received_at >= time)
            && self.received_before.is_none_or(|time| webhook.received_at < time)
    }
}

/// An event that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// Its dedupe key.
    pub dedupe_key: String,
    /// In which webhook it came first.
    pub inbox_id: InboxId,
    /// The SHA-256 of what it said; none where it had no effect, or was taken in by a release that kept none.
    pub digest: Option<[u8; 32]>,
}

/// A domain event, as published.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its id.
    pub id: EventId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name, e.g. `subscription.canceled`.
    pub event_type: String,
    /// The id of what it happened to.
    pub aggregate_id: String,
    /// Events of one subject reach an endpoint in their order: the subscription it is about, or else the aggregate.
    pub subject: String,
    /// Its place in the order of all events, from 1; none before it has one.
    pub position: Option<u64>,
    /// The whole event, as JSON.
    pub payload: String,
    /// When it was recorded.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for OutboxEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} of {}", self.id, self.event_type, self.aggregate_id)
    }
}
