//! Sends events to the endpoints that want them: at least once, those of one subject in their order, over days.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tillgate_domain::{EventEndpointId, EventId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::bounds::{
    CONFLICT_RETRIES_MAX, DELIVERIES_AT_ONCE, DELIVERY_BATCH, DELIVERY_LEASE_MS, DELIVERY_LOG_MAX, DELIVERY_PAUSES_MS,
    DELIVERY_RETRY_AFTER_MAX_MS, ENDPOINT_FAILING_MAX_MS,
};
use crate::event_endpoint::{
    Delivery, DeliveryAttempt, DeliveryStatus, ENDPOINT_DISABLED, EndpointStatus, EventEndpoint,
};
use crate::event_endpoints::{EventEndpointView, open_secrets};
use crate::inbox::OutboxEvent;
use crate::ports::{CommitError, DeliveryOutcome, EventAnswer, EventRequest, UnitOfWork, Write};
use crate::sign_event::signed_headers;
use crate::views::{EventData, EventView, rfc3339};
use crate::{Application, ApplicationError};

/// Deliveries to one endpoint that are due, one a subject at the most.
#[derive(Debug)]
pub struct DueDeliveries {
    /// Which endpoint.
    pub endpoint_id: EventEndpointId,
    deliveries: Vec<Delivery>,
}

/// What is due, but for endpoints that are `busy`: by endpoint, so that one that is slow keeps no other waiting.
///
/// # Errors
/// The store failed.
pub async fn due_deliveries(
    app: &Application,
    busy: &[EventEndpointId],
) -> Result<Vec<DueDeliveries>, ApplicationError> {
    let mut by_endpoint: Vec<DueDeliveries> = Vec::new();
    for delivery in app.store().due_deliveries(app.now(), busy, DELIVERY_BATCH).await? {
        let endpoint_id = delivery.endpoint_id;
        match by_endpoint.iter_mut().find(|due| due.endpoint_id == endpoint_id) {
            Some(due) => due.deliveries.push(delivery),
            None => by_endpoint.push(DueDeliveries {
                endpoint_id,
                deliveries: vec![delivery],
            }),
        }
    }
    Ok(by_endpoint)
}

/// Sends what is due to one endpoint, some at a time, until it is done or `stop` is canceled. Answers how many were
/// tried.
///
/// # Errors
/// The store failed; what was under way is sent again, under the same id.
pub async fn deliver_events(
    app: &Arc<Application>,
    due: DueDeliveries,
    stop: &CancellationToken,
) -> Result<usize, ApplicationError> {
    let mut sending = stream::iter(due.deliveries)
        .take_while(|_| std::future::ready(!stop.is_cancelled()))
        .map(|delivery| deliver(app, delivery))
        .buffer_unordered(DELIVERIES_AT_ONCE);
    let mut tried = 0;
    while let Some(sent) = sending.next().await {
        tried += usize::from(sent?);
    }
    Ok(tried)
}

/// Sends everything that is due, until nothing is. Answers how many were tried.
///
/// # Errors
/// The store failed.
pub async fn deliver_due_events(app: &Arc<Application>) -> Result<usize, ApplicationError> {
    let (mut total, stop) = (0, CancellationToken::new());
    loop {
        let mut tried = 0;
        for due in due_deliveries(app, &[]).await? {
            tried += deliver_events(app, due, &stop).await?;
        }
        if tried == 0 {
            return Ok(total);
        }
        total += tried;
    }
}

/// Sends one event. Answers whether it was this host's to send.
#[tracing::instrument(
    name = "deliver_event",
    skip_all,
    fields(delivery.id = %delivery.id, event.id = %delivery.event_id, tenant.id = %delivery.tenant_id)
)]
async fn deliver(app: &Application, mut delivery: Delivery) -> Result<bool, ApplicationError> {
    delivery.attempts += 1;
    delivery.next_attempt_at = app.now().plus_millis(DELIVERY_LEASE_MS);
    if !commit(app, &mut delivery, None, None).await? {
        return Ok(false);
    }
    let endpoint = app
        .store()
        .event_endpoint(delivery.tenant_id, delivery.endpoint_id)
        .await?
        .filter(|endpoint| endpoint.status == EndpointStatus::Enabled);
    let event = app.store().event(delivery.tenant_id, delivery.event_id).await?;
    let (Some(endpoint), Some(event)) = (endpoint, event) else {
        // Sent again on demand, once the endpoint is enabled.
        note(
            &mut delivery,
            app.now(),
            0,
            Err("the endpoint takes no events, or the event is no longer kept".to_owned()),
        );
        delivery.status = DeliveryStatus::Failed;
        commit(app, &mut delivery, None, None).await?;
        return Ok(true);
    };
    let began = app.now();
    let answer = send(app, &endpoint, &event, began).await;
    let ended = app.now();
    let took = ended.as_millis().saturating_sub(began.as_millis());
    settle(app, delivery, endpoint, answer, began, took).await?;
    Ok(true)
}

async fn send(
    app: &Application,
    endpoint: &EventEndpoint,
    event: &OutboxEvent,
    now: Timestamp,
) -> Result<EventAnswer, String> {
    let secrets = open_secrets(app, endpoint, now).map_err(|error| error.to_string())?;
    let id = event.id.to_string();
    let seconds = now.as_millis().div_euclid(1_000);
    let mut headers = signed_headers(&id, seconds, &event.payload, &secrets);
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    let request = EventRequest {
        endpoint_id: endpoint.id,
        url: endpoint.url.clone(),
        headers,
        body: event.payload.clone(),
    };
    app.ports.events.send(request).await
}

fn note(delivery: &mut Delivery, at: Timestamp, duration_ms: i64, answer: Result<u16, String>) {
    delivery.log.push(DeliveryAttempt {
        at: at.as_millis(),
        status: answer.as_ref().ok().copied(),
        error: answer.err(),
        duration_ms,
    });
    let surplus = delivery.log.len().saturating_sub(DELIVERY_LOG_MAX);
    delivery.log.drain(..surplus);
}

/// Stores what came of it.
async fn settle(
    app: &Application,
    mut delivery: Delivery,
    endpoint: EventEndpoint,
    answer: Result<EventAnswer, String>,
    began: Timestamp,
    took: i64,
) -> Result<(), ApplicationError> {
    let now = app.now();
    let taken = matches!(&answer, Ok(answer) if (200..300).contains(&answer.status));
    // 410: it is gone, and wants no more (Standard Webhooks).
    let gone = matches!(&answer, Ok(answer) if answer.status == 410);
    let retry_after = answer.as_ref().ok().and_then(|answer| answer.retry_after_seconds);
    note(&mut delivery, began, took, answer.map(|answer| answer.status));
    let outcome = if taken {
        delivery.status = DeliveryStatus::Delivered;
        delivery.delivered_at = Some(now);
        DeliveryOutcome::Delivered
    } else if let Some(pause) = pause_after(delivery.attempts, retry_after).filter(|_| !gone) {
        delivery.next_attempt_at = now.plus_millis(pause);
        DeliveryOutcome::Postponed
    } else {
        delivery.status = DeliveryStatus::Failed;
        DeliveryOutcome::GivenUp
    };
    for _ in 0..CONFLICT_RETRIES_MAX {
        let known = app.store().event_endpoint(endpoint.tenant_id, endpoint.id).await?;
        let (changed, notice) = match known {
            Some(known) => judged(app, known, taken, gone, now),
            None => (None, None),
        };
        if commit(app, &mut delivery, changed, notice).await? {
            app.metrics().event_delivery(outcome);
            return Ok(());
        }
        // Either the endpoint changed meanwhile, or another host has taken the delivery over: then its word counts.
        let stored = app.store().delivery(delivery.tenant_id, delivery.id).await?;
        if stored.is_none_or(|stored| stored.version != delivery.version) {
            return Ok(());
        }
    }
    Ok(())
}

/// The endpoint, where this changes it, and the notice of its end.
fn judged(
    app: &Application,
    mut endpoint: EventEndpoint,
    taken: bool,
    gone: bool,
    now: Timestamp,
) -> (Option<EventEndpoint>, Option<OutboxEvent>) {
    if taken {
        let was_failing = endpoint.failing_since.take().is_some();
        return (was_failing.then_some(endpoint), None);
    }
    let since = *endpoint.failing_since.get_or_insert(now);
    let failing_for = now.as_millis().saturating_sub(since.as_millis());
    if endpoint.status == EndpointStatus::Enabled && (gone || failing_for >= ENDPOINT_FAILING_MAX_MS) {
        endpoint.status = EndpointStatus::Disabled;
        let reason = if gone {
            "it answered 410 Gone".to_owned()
        } else {
            format!("nothing arrived there since {}", rfc3339(since))
        };
        tracing::warn!(endpoint.id = %endpoint.id, tenant.id = %endpoint.tenant_id, reason, "event endpoint disabled");
        endpoint.disabled_reason = Some(reason);
        endpoint.updated_at = now;
        let notice = notice_of(app, &endpoint, now);
        return (Some(endpoint), Some(notice));
    }
    // The time of its first failure is kept; the others change nothing.
    let first = since == now;
    (first.then_some(endpoint), None)
}

/// The event that says that an endpoint was disabled.
fn notice_of(app: &Application, endpoint: &EventEndpoint, now: Timestamp) -> OutboxEvent {
    let id = EventId::from_bits(app.next_id());
    let view = EventView {
        id: id.to_string(),
        r#type: ENDPOINT_DISABLED.to_owned(),
        created_at: rfc3339(now),
        imported: false,
        data: EventData {
            object: serde_json::to_value(EventEndpointView::from(endpoint)).unwrap_or_default(),
            changes: None,
        },
    };
    OutboxEvent {
        id,
        tenant_id: endpoint.tenant_id,
        event_type: view.r#type.clone(),
        aggregate_id: endpoint.id.to_string(),
        subject: endpoint.id.to_string(),
        position: None,
        payload: serde_json::to_string(&view).unwrap_or_default(),
        created_at: now,
    }
}

/// How long to wait after so many tries, in milliseconds; none when it is given up.
fn pause_after(attempts: u32, retry_after_seconds: Option<u64>) -> Option<i64> {
    let index = usize::try_from(attempts).unwrap_or(usize::MAX).saturating_sub(1);
    let pause = *DELIVERY_PAUSES_MS.get(index)?;
    let wanted = retry_after_seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .map_or(0, |seconds| seconds.saturating_mul(1_000));
    Some(pause.max(wanted.min(DELIVERY_RETRY_AFTER_MAX_MS)))
}

/// Stores a delivery, with what goes with it. False if something was changed by others.
async fn commit(
    app: &Application,
    delivery: &mut Delivery,
    endpoint: Option<EventEndpoint>,
    notice: Option<OutboxEvent>,
) -> Result<bool, ApplicationError> {
    let mut work = UnitOfWork::new();
    work.push(Write::Delivery(delivery.clone()));
    if let Some(endpoint) = endpoint {
        work.push(Write::EventEndpoint(endpoint));
    }
    if let Some(notice) = notice {
        work.push(Write::Event(notice));
    }
    match app.commit(work).await {
        Ok(()) => {
            delivery.version += 1;
            Ok(true)
        }
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_over_three_days() {
        let pauses: Vec<i64> = (1..).map_while(|attempts| pause_after(attempts, None)).collect();
        assert_eq!(pauses, DELIVERY_PAUSES_MS);
        let hours = pauses.iter().sum::<i64>() / 3_600_000;
        assert_eq!(hours, 75);
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        assert_eq!(pause_after(1, Some(60)), Some(60_000));
        assert_eq!(pause_after(2, Some(1)), Some(DELIVERY_PAUSES_MS[1]));
        assert_eq!(pause_after(1, Some(u64::MAX)), Some(DELIVERY_PAUSES_MS[0]));
        assert_eq!(pause_after(1, Some(1 << 40)), Some(DELIVERY_RETRY_AFTER_MAX_MS));
    }
}
