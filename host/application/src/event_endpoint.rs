//! Where tenants want their events, and the events on their way there.

use serde::{Deserialize, Serialize};
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId, Timestamp};

/// The name of the event that says that an endpoint was disabled.
pub const ENDPOINT_DISABLED: &str = "event_endpoint.disabled";

/// How an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointStatus {
    /// Events are sent to it.
    Enabled,
    /// Nothing is sent: its tenant said so, or it failed for too long.
    Disabled,
    /// Taken away. Kept until what was on its way has come to an end.
    Deleted,
}

impl EndpointStatus {
    /// Its name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }
}

/// A secret with which events to an endpoint are signed, sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    /// The sealed secret, as base64.
    pub sealed: String,
    /// Until when it signs, in milliseconds since 1970; none for the newest one.
    pub expires_at: Option<i64>,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningSecret(until {:?})", self.expires_at)
    }
}

/// A URL of a tenant's that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEndpoint {
    /// Its id.
    pub id: EventEndpointId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where events are posted.
    pub url: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Which events it wants: names, or beginnings of names followed by `.*`. None for all.
    pub event_types: Vec<String>,
    /// How it stands.
    pub status: EndpointStatus,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Since when nothing arrived there any more.
    pub failing_since: Option<Timestamp>,
    /// What signs: the newest first, and those before it while they still do.
    pub secrets: Vec<SigningSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

impl EventEndpoint {
    /// Whether it wants events of this name.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.event_types.is_empty() || self.event_types.iter().any(|wanted| names(wanted, event_type))
    }
}

/// Whether a name, or a beginning followed by `.*`, names an event.
#[must_use]
pub fn names(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(beginning) => event_type
            .strip_prefix(beginning)
            .is_some_and(|rest| rest.starts_with('.')),
        None => pattern == event_type,
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// To be tried, or tried again.
    Pending,
    /// The endpoint has taken it. Final, unless it is sent again on demand.
    Delivered,
    /// Given up. Final, unless it is sent again on demand.
    Failed,
}

impl DeliveryStatus {
    /// Its name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// The HTTP status that came back, if one did.
    pub status: Option<u16>,
    /// Why it wasn't taken, where it wasn't.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where to.
    pub endpoint_id: EventEndpointId,
    /// Which event.
    pub event_id: EventId,
    /// Its name.
    pub event_type: String,
    /// Events of one subject arrive in their order.
    pub subject: String,
    /// The event's place in the order of all events.
    pub position: u64,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How often it was tried since it was last asked for.
    pub attempts: u32,
    /// When it is tried next, or until when the host that tries it has it to itself.
    pub next_attempt_at: Timestamp,
    /// The newest tries, oldest first.
    pub log: Vec<DeliveryAttempt>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_whole_or_by_their_beginning() {
        for (pattern, event_type, named) in [
            ("subscription.canceled", "subscription.canceled", true),
            ("subscription.canceled", "subscription.canceled_late", false),
            ("subscription.*", "subscription.canceled", true),
            ("subscription.*", "subscriptions.canceled", false),
            ("subscription.*", "subscription", false),
            ("checkout_session.*", "checkout_session.paid", true),
            ("sub.*", "subscription.canceled", false),
        ] {
            assert_eq!(names(pattern, event_type), named, "{pattern} {event_type}");
        }
    }
}
