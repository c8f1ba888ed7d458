//! Gives committed events their place in the order of all events, and a delivery for each endpoint that wants them.
//!
//! Events are committed by many at once, and one that was made earlier may be committed later: whoever read along by
//! their ids would miss it. So the order is made after the commit, by one host at a time: the count of ordered events is
//! moved forward in the same unit of work, and of two who do it at once one is refused. A reader of the feed who has seen a
//! place has seen all before it.

use std::collections::BTreeSet;

use tillgate_domain::{DeliveryId, TenantId};

use crate::bounds::FAN_OUT_BATCH;
use crate::event_endpoint::{Delivery, DeliveryStatus};
use crate::ports::{CommitError, UnitOfWork, Write};
use crate::{Application, ApplicationError};

/// Takes every event that has no place yet. Answers how many got one.
///
/// # Errors
/// The store failed; the rest is taken the next time.
#[tracing::instrument(name = "fan_out_events", skip_all)]
pub async fn fan_out_events(app: &Application) -> Result<usize, ApplicationError> {
    let mut total = 0;
    loop {
        let ordered = fan_out(app).await?;
        total += ordered.unwrap_or(0);
        if ordered == Some(0) {
            return Ok(total);
        }
    }
}

/// Takes one batch. None if another host was faster.
async fn fan_out(app: &Application) -> Result<Option<usize>, ApplicationError> {
    // Read first: were events read before it, another host could have ordered them in between.
    let from = app.store().events_ordered().await?;
    let events = app.store().unordered_events(FAN_OUT_BATCH).await?;
    if events.is_empty() {
        return Ok(Some(0));
    }
    let tenants: BTreeSet<TenantId> = events.iter().map(|event| event.tenant_id).collect();
    let tenants: Vec<TenantId> = tenants.into_iter().collect();
    let endpoints = app.store().enabled_event_endpoints(&tenants).await?;
    let now = app.now();
    let mut work = UnitOfWork::new();
    work.push(Write::OrderEvents {
        from,
        ids: events.iter().map(|event| event.id).collect(),
    });
    for (position, event) in (from + 1..).zip(&events) {
        let wanting = endpoints
            .iter()
            .filter(|endpoint| endpoint.tenant_id == event.tenant_id && endpoint.wants(&event.event_type));
        for endpoint in wanting {
            work.push(Write::Delivery(Delivery {
                id: DeliveryId::from_bits(app.next_id()),
                tenant_id: event.tenant_id,
                endpoint_id: endpoint.id,
                event_id: event.id,
                event_type: event.event_type.clone(),
                subject: event.subject.clone(),
                position,
                status: DeliveryStatus::Pending,
                attempts: 0,
                next_attempt_at: now,
                log: Vec::new(),
                delivered_at: None,
                created_at: now,
                version: 0,
            }));
        }
    }
    let delivering = work.writes().len() > 1;
    match app.commit(work).await {
        Ok(()) => {
            if delivering {
                app.deliveries_wakeup.notify_one();
            }
            Ok(Some(events.len()))
        }
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
