//! Published events, their order, their endpoints and deliveries.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use tillgate_application::event_endpoint::{Delivery, DeliveryStatus, EndpointStatus, EventEndpoint};
use tillgate_application::inbox::OutboxEvent;
use tillgate_application::ports::{
    CommitError, Conflict, DeliveryFilter, EventFilter, EventRepository, Page, PageRequest, StoreError,
};
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId, Timestamp};

use super::super::{COMMIT_ORDER, Connection, Db, NUMBERED_IDS, Row};
use super::columns::{
    Stored, Unreadable, from_json, get, json, parsed, time, time_optional, unsigned, unsigned_optional, word,
};
use super::tables::{self, Table, of_tenant, select, select_where};
use super::{Query, Repository, in_time};
use crate::failures::statement_failed;

const ENDPOINT_STATUSES: [(&str, EndpointStatus); 3] = [
    (EndpointStatus::Enabled.as_str(), EndpointStatus::Enabled),
    (EndpointStatus::Disabled.as_str(), EndpointStatus::Disabled),
    (EndpointStatus::Deleted.as_str(), EndpointStatus::Deleted),
];

const DELIVERY_STATUSES: [(&str, DeliveryStatus); 3] = [
    (DeliveryStatus::Pending.as_str(), DeliveryStatus::Pending),
    (DeliveryStatus::Delivered.as_str(), DeliveryStatus::Delivered),
    (DeliveryStatus::Failed.as_str(), DeliveryStatus::Failed),
];

impl Stored for OutboxEvent {
    fn table() -> &'static Table {
        &tables::OUTBOX
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        let aggregate_id: String = get(row, "aggregate_id")?;
        Ok(OutboxEvent {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            event_type: get(row, "event_type")?,
            // An earlier release wrote none.
            subject: get::<Option<String>>(row, "subject")?.unwrap_or_else(|| aggregate_id.clone()),
            aggregate_id,
            position: unsigned_optional(row, "position")?,
            payload: get(row, "payload")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl Stored for EventEndpoint {
    fn table() -> &'static Table {
        &tables::EVENT_ENDPOINTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(EventEndpoint {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            url: get(row, "url")?,
            description: get(row, "description")?,
            event_types: from_json(row, "event_types")?,
            status: word(row, "status", &ENDPOINT_STATUSES)?,
            disabled_reason: get(row, "disabled_reason")?,
            failing_since: time_optional(row, "failing_since")?,
            secrets: from_json(row, "secrets")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

impl Stored for Delivery {
    fn table() -> &'static Table {
        &tables::EVENT_DELIVERIES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Delivery {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            endpoint_id: parsed(row, "endpoint_id")?,
            event_id: parsed(row, "event_id")?,
            event_type: get(row, "event_type")?,
            subject: get(row, "subject")?,
            position: unsigned(row, "position")?,
            status: word(row, "status", &DELIVERY_STATUSES)?,
            attempts: unsigned(row, "attempts")?,
            next_attempt_at: time(row, "next_attempt_at")?,
            log: from_json(row, "log")?,
            delivered_at: time_optional(row, "delivered_at")?,
            created_at: time(row, "created_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

pub(super) async fn insert(connection: &mut Connection, event: &OutboxEvent) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(event.id.to_string())
            .bind(event.tenant_id.to_string())
            .bind(&event.event_type)
            .bind(&event.aggregate_id)
            .bind(&event.payload)
            .bind(event.created_at.as_millis())
            .bind(&event.subject)
            .bind(None::<i64>)
    };
    tables::OUTBOX.insert(connection, bind).await
}

/// Moves the count of ordered events forward, and writes the places. Whoever does so at the same time waits here, and finds
/// another count.
pub(super) async fn order(connection: &mut Connection, from: u64, ids: &[EventId]) -> Result<(), CommitError> {
    let failed = |error: sqlx::Error| statement_failed(&error, "event");
    let position = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let moved = sqlx::query("UPDATE event_feed SET position = $1 WHERE id = 1 AND position = $2")
        .bind(position(from.saturating_add(count)))
        .bind(position(from))
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let sql = format!(
        "UPDATE outbox SET position = $1 + numbered.number FROM ({NUMBERED_IDS}) AS numbered
         WHERE outbox.id = numbered.id AND outbox.position IS NULL"
    );
    let conflict = || CommitError::Conflict(Conflict::Version("order of events"));
    if moved.rows_affected() == 0 {
        return Err(conflict());
    }
    let placed = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(position(from))
        .bind(json(&ids))
        .execute(connection)
        .await
        .map_err(failed)?;
    if placed.rows_affected() == count {
        Ok(())
    } else {
        Err(conflict())
    }
}

pub(super) async fn save_endpoint(connection: &mut Connection, endpoint: &EventEndpoint) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(endpoint.id.to_string())
            .bind(endpoint.tenant_id.to_string())
            .bind(&endpoint.url)
            .bind(&endpoint.description)
            .bind(json(&endpoint.event_types))
            .bind(endpoint.status.as_str())
            .bind(&endpoint.disabled_reason)
            .bind(endpoint.failing_since.map(Timestamp::as_millis))
            .bind(json(&endpoint.secrets))
            .bind(endpoint.created_at.as_millis())
            .bind(endpoint.updated_at.as_millis())
    };
    tables::EVENT_ENDPOINTS.save(connection, endpoint.version, bind).await
}

pub(super) async fn save_delivery(connection: &mut Connection, delivery: &Delivery) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(delivery.id.to_string())
            .bind(delivery.tenant_id.to_string())
            .bind(delivery.endpoint_id.to_string())
            .bind(delivery.event_id.to_string())
            .bind(&delivery.event_type)
            .bind(&delivery.subject)
            .bind(i64::try_from(delivery.position).unwrap_or(i64::MAX))
            .bind(delivery.status.as_str())
            .bind(i64::from(delivery.attempts))
            .bind(delivery.next_attempt_at.as_millis())
            .bind(json(&delivery.log))
            .bind(delivery.delivered_at.map(Timestamp::as_millis))
            .bind(delivery.created_at.as_millis())
    };
    tables::EVENT_DELIVERIES.save(connection, delivery.version, bind).await
}

/// Adds that a column holds one of these texts.
fn one_of(query: &mut QueryBuilder<Db>, condition: &str, texts: impl Iterator<Item = String>) {
    query.push(condition);
    let mut list = query.separated(", ");
    for text in texts {
        list.push_bind(text);
    }
    query.push(")");
}

#[async_trait]
impl EventRepository for Repository {
    async fn events_ordered(&self) -> Result<u64, StoreError> {
        let query = sqlx::query_scalar("SELECT position FROM event_feed WHERE id = 1");
        let position: i64 = in_time(query.fetch_one(&self.pool), || 0).await?;
        Ok(u64::try_from(position).unwrap_or_default())
    }

    async fn unordered_events(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        let sql = format!("WHERE position IS NULL ORDER BY {COMMIT_ORDER} LIMIT $1");
        self.list(select::<OutboxEvent>(&sql).bind(i64::from(limit))).await
    }

    async fn event(&self, tenant_id: TenantId, id: EventId) -> Result<Option<OutboxEvent>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn event_feed(
        &self,
        tenant_id: TenantId,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OutboxEvent>, StoreError> {
        let mut query = of_tenant::<OutboxEvent>(tenant_id);
        query
            .push(" AND position > ")
            .push_bind(i64::try_from(after).unwrap_or(i64::MAX));
        if let Some(id) = &filter.aggregate_id {
            query.push(" AND aggregate_id = ").push_bind(id.as_str());
        }
        if !filter.event_types.is_empty() {
            query.push(" AND (");
            for (index, pattern) in filter.event_types.iter().enumerate() {
                query.push(if index == 0 { "" } else { " OR " });
                match pattern.strip_suffix('*') {
                    // Names hold no other character that means something here but the underscore, which is itself.
                    Some(beginning) => query
                        .push("substr(event_type, 1, ")
                        .push_bind(i32::try_from(beginning.chars().count()).unwrap_or(i32::MAX))
                        .push(") = ")
                        .push_bind(beginning),
                    None => query.push("event_type = ").push_bind(pattern.as_str()),
                };
            }
            query.push(")");
        }
        query.push(" ORDER BY position LIMIT ").push_bind(i64::from(limit));
        self.list(query.build()).await
    }

    async fn event_endpoint(
        &self,
        tenant_id: TenantId,
        id: EventEndpointId,
    ) -> Result<Option<EventEndpoint>, StoreError> {
        let sql = "WHERE tenant_id = $1 AND id = $2 AND status <> 'deleted'";
        let query = select::<EventEndpoint>(sql).bind(tenant_id.to_string());
        self.find(query.bind(id.to_string())).await
    }

    async fn event_endpoints(
        &self,
        tenant_id: TenantId,
        request: &PageRequest,
    ) -> Result<Page<EventEndpoint>, StoreError> {
        let mut query = of_tenant::<EventEndpoint>(tenant_id);
        query.push(" AND status <> 'deleted'");
        self.page(query, request).await
    }

    async fn enabled_event_endpoints(&self, tenant_ids: &[TenantId]) -> Result<Vec<EventEndpoint>, StoreError> {
        if tenant_ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = select_where::<EventEndpoint>("status = 'enabled'");
        one_of(
            &mut query,
            " AND tenant_id IN (",
            tenant_ids.iter().map(ToString::to_string),
        );
        query.push(" ORDER BY id");
        self.list(query.build()).await
    }

    async fn delivery(&self, tenant_id: TenantId, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn delivery_of(
        &self,
        endpoint_id: EventEndpointId,
        event_id: EventId,
    ) -> Result<Option<Delivery>, StoreError> {
        let query = select::<Delivery>("WHERE endpoint_id = $1 AND event_id = $2").bind(endpoint_id.to_string());
        self.find(query.bind(event_id.to_string())).await
    }

    async fn deliveries(
        &self,
        tenant_id: TenantId,
        endpoint_id: EventEndpointId,
        filter: &DeliveryFilter,
        request: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut query = of_tenant::<Delivery>(tenant_id);
        query.push(" AND endpoint_id = ").push_bind(endpoint_id.to_string());
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(id) = filter.event_id {
            query.push(" AND event_id = ").push_bind(id.to_string());
        }
        self.page(query, request).await
    }

    async fn due_deliveries(
        &self,
        at: Timestamp,
        except: &[EventEndpointId],
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut query = select_where::<Delivery>("status = 'pending' AND next_attempt_at <= ");
        query.push_bind(at.as_millis());
        if !except.is_empty() {
            one_of(
                &mut query,
                " AND endpoint_id NOT IN (",
                except.iter().map(ToString::to_string),
            );
        }
        query
            .push(
                " AND NOT EXISTS (SELECT 1 FROM event_deliveries AS earlier
                  WHERE earlier.endpoint_id = event_deliveries.endpoint_id
                    AND earlier.subject = event_deliveries.subject
                    AND earlier.status = 'pending' AND earlier.position < event_deliveries.position)
                  ORDER BY next_attempt_at, position LIMIT ",
            )
            .push_bind(i64::from(limit));
        self.list(query.build()).await
    }
}
