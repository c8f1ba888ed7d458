//! Sends events to an endpoint again, or those that were published while it took none.

use serde::{Deserialize, Serialize};
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId, Timestamp};
use utoipa::ToSchema;

use crate::bounds::{CONFLICT_RETRIES_MAX, RESEND_MAX};
use crate::event_endpoint::{Delivery, DeliveryStatus, EndpointStatus, EventEndpoint};
use crate::event_endpoints::find_endpoint;
use crate::inbox::OutboxEvent;
use crate::ports::{EventFilter, UnitOfWork, Write};
use crate::{Application, ApplicationError, Caller};

/// Which events.
#[derive(Debug, Clone)]
pub enum Resend {
    /// This one, wanted by the endpoint or not.
    Event(EventId),
    /// Those the endpoint wants after one, that were recorded before a time.
    Since {
        /// After which event; none for all there are.
        after: Option<EventId>,
        /// Recorded before this; none for all there are.
        before: Option<Timestamp>,
    },
}

/// What was put on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resent {
    /// How many events.
    pub events: usize,
    /// Give this as `after` to go on, where there are more than are taken at a time.
    pub next: Option<String>,
}

/// Puts events on their way to an endpoint, each under the id it always has, so that whoever had it already can tell.
/// What is on its way stays so.
///
/// # Errors
/// An unknown endpoint or event is [`ApplicationError::NotFound`]; an endpoint that isn't enabled names the field `id`.
pub async fn resend_events(
    app: &Application,
    caller: &Caller,
    tenant_id: TenantId,
    endpoint_id: EventEndpointId,
    which: Resend,
) -> Result<Resent, ApplicationError> {
    if let Some(first) = app.kept_answer(caller).await? {
        return Ok(first);
    }
    let endpoint = find_endpoint(app, tenant_id, endpoint_id).await?;
    if endpoint.status != EndpointStatus::Enabled {
        return Err(ApplicationError::invalid(
            "id",
            "the endpoint is disabled: enable it first",
        ));
    }
    let (events, next) = wanted(app, &endpoint, which).await?;
    let resent = Resent {
        events: events.len(),
        next: next.map(|id| id.to_string()),
    };
    for _ in 0..CONFLICT_RETRIES_MAX {
        let mut work = UnitOfWork::new();
        for event in &events {
            if let Some(delivery) = on_its_way(app, endpoint_id, event).await? {
                work.push(Write::Delivery(delivery));
            }
        }
        match app.commit_once(caller, work, resent.clone()).await {
            // One of them changed meanwhile: it was just sent.
            Err(ApplicationError::Contended(_)) => {}
            Err(error) => return Err(error),
            Ok(resent) => {
                app.deliveries_wakeup.notify_one();
                return Ok(resent);
            }
        }
    }
    Err(ApplicationError::Contended("delivery"))
}

/// The events, and after which there are more.
async fn wanted(
    app: &Application,
    endpoint: &EventEndpoint,
    which: Resend,
) -> Result<(Vec<OutboxEvent>, Option<EventId>), ApplicationError> {
    let (store, tenant_id) = (app.store(), endpoint.tenant_id);
    let find = async |id: EventId| {
        let event = store
            .event(tenant_id, id)
            .await?
            .filter(|event| event.position.is_some());
        event.ok_or_else(|| ApplicationError::not_found("event", id))
    };
    let (after, before) = match which {
        Resend::Event(id) => return Ok((vec![find(id).await?], None)),
        Resend::Since { after: None, before } => (0, before),
        Resend::Since {
            after: Some(id),
            before,
        } => (find(id).await?.position.unwrap_or_default(), before),
    };
    let filter = EventFilter {
        event_types: endpoint.event_types.clone(),
        aggregate_id: None,
    };
    let found = store.event_feed(tenant_id, &filter, after, RESEND_MAX).await?;
    let full = found.len() >= usize::try_from(RESEND_MAX).unwrap_or(usize::MAX);
    let last = found.last().map(|event| event.id);
    let early = |event: &OutboxEvent| before.is_none_or(|before| event.created_at < before);
    Ok((found.into_iter().filter(early).collect(), last.filter(|_| full)))
}

/// The delivery of an event that is to be sent; none if it is on its way already.
async fn on_its_way(
    app: &Application,
    endpoint_id: EventEndpointId,
    event: &OutboxEvent,
) -> Result<Option<Delivery>, ApplicationError> {
    let now = app.now();
    let delivery = match app.store().delivery_of(endpoint_id, event.id).await? {
        Some(delivery) if delivery.status == DeliveryStatus::Pending => return Ok(None),
        Some(delivery) => Delivery {
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_attempt_at: now,
            delivered_at: None,
            ..delivery
        },
        None => Delivery {
            id: DeliveryId::from_bits(app.next_id()),
            tenant_id: event.tenant_id,
            endpoint_id,
            event_id: event.id,
            event_type: event.event_type.clone(),
            subject: event.subject.clone(),
            position: event.position.unwrap_or_default(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_attempt_at: now,
            log: Vec::new(),
            delivered_at: None,
            created_at: now,
            version: 0,
        },
    };
    Ok(Some(delivery))
}
