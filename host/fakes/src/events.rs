//! Published events, their endpoints and deliveries, in memory; and endpoints that answer as they are told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tillgate_application::event_endpoint::{Delivery, DeliveryStatus, EndpointStatus, EventEndpoint, names};
use tillgate_application::inbox::OutboxEvent;
use tillgate_application::ports::{
    DeliveryFilter, EventAnswer, EventFilter, EventRepository, EventRequest, EventSender, Page, PageRequest, StoreError,
};
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId, Timestamp};

use crate::MemoryStore;
use crate::repositories::page_of;

type Asked<T> = Result<T, StoreError>;

fn cut<T>(mut found: Vec<T>, limit: u32) -> Vec<T> {
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    found
}

#[async_trait]
impl EventRepository for MemoryStore {
    async fn events_ordered(&self) -> Asked<u64> {
        self.ask(|rows| rows.events_ordered).await
    }

    async fn unordered_events(&self, limit: u32) -> Asked<Vec<OutboxEvent>> {
        self.ask(|rows| {
            let found = rows.commit_order.iter().filter_map(|id| rows.events.get(id));
            cut(found.filter(|event| event.position.is_none()).cloned().collect(), limit)
        })
        .await
    }

    async fn event(&self, tenant_id: TenantId, id: EventId) -> Asked<Option<OutboxEvent>> {
        self.ask(|rows| {
            rows.events
                .get(&id)
                .filter(|event| event.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn event_feed(
        &self,
        tenant_id: TenantId,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Asked<Vec<OutboxEvent>> {
        self.ask(|rows| {
            let types = &filter.event_types;
            let wanted = |event: &&OutboxEvent| {
                event.tenant_id == tenant_id
                    && event.position.is_some_and(|position| position > after)
                    && filter.aggregate_id.as_ref().is_none_or(|id| *id == event.aggregate_id)
                    && (types.is_empty() || types.iter().any(|wanted| names(wanted, &event.event_type)))
            };
            let mut found: Vec<OutboxEvent> = rows.events.values().filter(wanted).cloned().collect();
            found.sort_by_key(|event| event.position);
            cut(found, limit)
        })
        .await
    }

    async fn event_endpoint(&self, tenant_id: TenantId, id: EventEndpointId) -> Asked<Option<EventEndpoint>> {
        let there = |row: &&EventEndpoint| row.tenant_id == tenant_id && row.status != EndpointStatus::Deleted;
        self.ask(|rows| rows.event_endpoints.get(&id).filter(there).cloned())
            .await
    }

    async fn event_endpoints(&self, tenant_id: TenantId, page: &PageRequest) -> Asked<Page<EventEndpoint>> {
        let there = |row: &&EventEndpoint| row.tenant_id == tenant_id && row.status != EndpointStatus::Deleted;
        self.ask(|rows| page_of(rows.event_endpoints.values().filter(there), page, |row| row.id))
            .await
    }

    async fn enabled_event_endpoints(&self, tenant_ids: &[TenantId]) -> Asked<Vec<EventEndpoint>> {
        let there = |row: &&EventEndpoint| tenant_ids.contains(&row.tenant_id) && row.status == EndpointStatus::Enabled;
        self.ask(|rows| rows.event_endpoints.values().filter(there).cloned().collect())
            .await
    }

    async fn delivery(&self, tenant_id: TenantId, id: DeliveryId) -> Asked<Option<Delivery>> {
        self.ask(|rows| {
            rows.deliveries
                .get(&id)
                .filter(|row| row.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn delivery_of(&self, endpoint_id: EventEndpointId, event_id: EventId) -> Asked<Option<Delivery>> {
        let same = |row: &&Delivery| row.endpoint_id == endpoint_id && row.event_id == event_id;
        self.ask(|rows| rows.deliveries.values().find(same).cloned()).await
    }

    async fn deliveries(
        &self,
        tenant_id: TenantId,
        endpoint_id: EventEndpointId,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Asked<Page<Delivery>> {
        let wanted = |row: &&Delivery| {
            row.tenant_id == tenant_id
                && row.endpoint_id == endpoint_id
                && filter.status.is_none_or(|status| row.status == status)
                && filter.event_id.is_none_or(|id| row.event_id == id)
        };
        self.ask(|rows| page_of(rows.deliveries.values().filter(wanted), page, |row| row.id))
            .await
    }

    async fn due_deliveries(&self, at: Timestamp, except: &[EventEndpointId], limit: u32) -> Asked<Vec<Delivery>> {
        self.ask(|rows| {
            let pending = |row: &&Delivery| row.status == DeliveryStatus::Pending;
            let due = |row: &&Delivery| row.next_attempt_at <= at && !except.contains(&row.endpoint_id);
            let first = |row: &&Delivery| {
                !rows.deliveries.values().filter(pending).any(|other| {
                    (other.endpoint_id, &other.subject) == (row.endpoint_id, &row.subject)
                        && other.position < row.position
                })
            };
            let all = rows.deliveries.values();
            let mut found: Vec<Delivery> = all.filter(pending).filter(due).filter(first).cloned().collect();
            found.sort_by_key(|row| (row.next_attempt_at, row.position));
            cut(found, limit)
        })
        .await
    }
}

/// Event endpoints that take what they get, unless they are told otherwise, and remember it.
#[derive(Debug, Default)]
pub struct FakeEndpoints {
    received: Mutex<Vec<EventRequest>>,
    answers: Mutex<BTreeMap<String, VecDeque<Result<EventAnswer, String>>>>,
}

impl FakeEndpoints {
    fn answers(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Result<EventAnswer, String>>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next requests to a URL are answered, one after the other; the last one stays.
    pub fn answer(&self, url: &str, answers: impl IntoIterator<Item = Result<EventAnswer, String>>) {
        self.answers().insert(url.to_owned(), answers.into_iter().collect());
    }

    /// The same of statuses alone.
    pub fn answer_statuses(&self, url: &str, statuses: impl IntoIterator<Item = u16>) {
        let answer = |status| {
            Ok(EventAnswer {
                status,
                retry_after_seconds: None,
            })
        };
        self.answer(url, statuses.into_iter().map(answer));
    }

    /// All that arrived, in order.
    #[must_use]
    pub fn received(&self) -> Vec<EventRequest> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl EventSender for FakeEndpoints {
    fn check(&self, url: &str) -> Result<(), String> {
        match url.strip_prefix("https://") {
            Some(_) => Ok(()),
            None => Err("must begin with https://".to_owned()),
        }
    }

    async fn send(&self, request: EventRequest) -> Result<EventAnswer, String> {
        let answer = match self.answers().get_mut(&request.url) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
            None => None,
        };
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        answer.unwrap_or(Ok(EventAnswer {
            status: 204,
            retry_after_seconds: None,
        }))
    }
}
