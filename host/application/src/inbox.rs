//! Received webhooks and published events.

use tillgate_domain::{EventId, InboxId, ProviderAccountId, TenantId, Timestamp};

use crate::ports::WebhookRequest;

/// How a received webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InboxStatus {
    /// Stored and acknowledged; its effect is still to come.
    Pending,
    /// Its effect is committed. Final.
    Processed,
    /// Given up after many tries; kept, and replayable.
    Dead,
}

impl InboxStatus {
    /// Its name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Dead => "dead",
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
    /// When it is tried next, or until when the host that tries it has it to itself.
    pub next_attempt_at: Timestamp,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it was processed.
    pub processed_at: Option<Timestamp>,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
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
