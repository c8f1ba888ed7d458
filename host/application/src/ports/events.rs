//! Published events: their order, and the way to those who want them.

use async_trait::async_trait;
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId, Timestamp};

use super::{Page, PageRequest, StoreError};
use crate::event_endpoint::{Delivery, DeliveryStatus, EventEndpoint};
use crate::inbox::OutboxEvent;

/// Which events of the feed are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of these names, or beginnings of names followed by `.*`; none for all.
    pub event_types: Vec<String>,
    /// About the thing with this id.
    pub aggregate_id: Option<String>,
}

/// Which deliveries are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// That stand like this.
    pub status: Option<DeliveryStatus>,
    /// Of this event.
    pub event_id: Option<EventId>,
}

/// Events, endpoints and deliveries.
#[async_trait]
pub trait EventRepository: Send + Sync {
    /// How many events have their place in the order of all events. Places begin at 1 and have no gaps.
    async fn events_ordered(&self) -> Result<u64, StoreError>;
    /// Committed events that have no place yet, in the order in which those of one thing were committed, at most `limit`.
    async fn unordered_events(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError>;
    /// An event.
    async fn event(&self, tenant_id: TenantId, id: EventId) -> Result<Option<OutboxEvent>, StoreError>;
    /// A tenant's events after a place, in their order, at most `limit`. What has no place yet isn't there yet.
    async fn event_feed(
        &self,
        tenant_id: TenantId,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OutboxEvent>, StoreError>;
    /// An endpoint, unless it was deleted.
    async fn event_endpoint(
        &self,
        tenant_id: TenantId,
        id: EventEndpointId,
    ) -> Result<Option<EventEndpoint>, StoreError>;
    /// A tenant's endpoints that weren't deleted.
    async fn event_endpoints(&self, tenant_id: TenantId, page: &PageRequest)
    -> Result<Page<EventEndpoint>, StoreError>;
    /// The enabled endpoints of these tenants.
    async fn enabled_event_endpoints(&self, tenant_ids: &[TenantId]) -> Result<Vec<EventEndpoint>, StoreError>;
    /// A delivery.
    async fn delivery(&self, tenant_id: TenantId, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;
    /// The delivery of an event to an endpoint.
    async fn delivery_of(
        &self,
        endpoint_id: EventEndpointId,
        event_id: EventId,
    ) -> Result<Option<Delivery>, StoreError>;
    /// An endpoint's deliveries, oldest first.
    async fn deliveries(
        &self,
        tenant_id: TenantId,
        endpoint_id: EventEndpointId,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;
    /// Those waiting that are due at a time and to no endpoint in `except`, and before which nothing of the same subject
    /// waits for the same endpoint; at most `limit`.
    async fn due_deliveries(
        &self,
        at: Timestamp,
        except: &[EventEndpointId],
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;
}

/// One HTTP request to an event endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct EventRequest {
    /// To which endpoint.
    pub endpoint_id: EventEndpointId,
    /// Where it is.
    pub url: String,
    /// Headers, beside those of HTTP itself.
    pub headers: Vec<(String, String)>,
    /// The event.
    pub body: String,
}

impl std::fmt::Debug for EventRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventRequest to {} of {} bytes", self.endpoint_id, self.body.len())
    }
}

/// What an endpoint answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventAnswer {
    /// The HTTP status.
    pub status: u16,
    /// When it wants to be asked again, in seconds from now.
    pub retry_after_seconds: Option<u64>,
}

/// Sends events to tenants' endpoints.
#[async_trait]
pub trait EventSender: Send + Sync {
    /// Whether anything may be sent there.
    ///
    /// # Errors
    /// Why not, for who gave the URL.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Sends one event.
    ///
    /// # Errors
    /// Why no answer came, for who gave the URL.
    async fn send(&self, request: EventRequest) -> Result<EventAnswer, String>;
}
