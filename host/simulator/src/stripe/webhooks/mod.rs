//! Webhooks: which event goes to whom, when, and how it went.

mod sender;
mod signature;

pub(super) use sender::Sender;
pub(super) use signature::signature_header;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::state::State;

/// The most deliveries kept in the log; finished ones give way first.
const MAX_DELIVERIES: usize = 20_000;

/// Pauses between attempts in seconds, at scale 1; the last one repeats until
/// three days are over (<https://docs.stripe.com/webhooks#retries>).
const RETRY_PAUSES: [u64; 6] = [300, 1_800, 7_200, 18_000, 36_000, 43_200];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryStatus {
    Pending,
    Delivered,
    /// All attempts are used up, or the endpoint is gone.
    Failed,
    /// Never sent, because a fault said so.
    Dropped,
}

impl DeliveryStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// One try to deliver.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// Wall-clock seconds, as signed.
    at: i64,
    /// The receiver's status, or why there is none.
    answer: Result<u16, String>,
}

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    id: u64,
    endpoint: String,
    event: String,
    kind: &'static str,
    created: i64,
    status: DeliveryStatus,
    attempts: Vec<Attempt>,
    due: Instant,
    in_flight: bool,
    /// The last flush that tried it.
    flush: u64,
}

/// The delivery log.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    log: BTreeMap<u64, Delivery>,
    /// Ids of pending deliveries.
    waiting: BTreeSet<u64>,
    /// The same by event, because each payload says how many there are.
    waiting_by_event: HashMap<String, Vec<u64>>,
    sequence: u64,
    /// Deliveries queued since the last reset, for faults that count.
    queued: u64,
    flushes: u64,
}

/// A delivery ready to be sent.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) delivery: u64,
    pub(super) endpoint: String,
    pub(super) url: String,
    pub(super) secrets: Vec<String>,
    pub(super) body: String,
}

/// Which deliveries to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Those whose time has come.
    Due,
    /// All pending ones, once in this flush.
    Flush(u64),
}

impl Deliveries {
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    pub(super) fn pending(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn begin_flush(&mut self) -> u64 {
        self.flushes += 1;
        self.flushes
    }

    /// When the next one is to be sent, of those nobody is sending.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(|id| self.log.get(id));
        waiting
            .filter(|delivery| !delivery.in_flight)
            .map(|delivery| delivery.due)
            .min()
    }

    pub(super) fn counts(&self) -> Value {
        let count = |status| self.log.values().filter(|found| found.status == status).count();
        json!({
            "delivered": count(DeliveryStatus::Delivered), "failed": count(DeliveryStatus::Failed),
            "dropped": count(DeliveryStatus::Dropped), "pending": count(DeliveryStatus::Pending),
        })
    }

    /// An empty log whose ids go on, so that an attempt still under way
    /// cannot be taken for one of a later delivery.
    pub(super) fn cleared(&self) -> Self {
        Self {
            sequence: self.sequence,
            flushes: self.flushes,
            ..Self::default()
        }
    }

    fn finish(&mut self, id: u64, status: DeliveryStatus) {
        if let Some(delivery) = self.log.get_mut(&id) {
            delivery.status = status;
            delivery.in_flight = false;
        }
        self.stop_waiting(id);
    }

    fn stop_waiting(&mut self, id: u64) {
        self.waiting.remove(&id);
        let Some(event) = self.log.get(&id).map(|delivery| &delivery.event) else {
            return;
        };
        if let Some(ids) = self.waiting_by_event.get_mut(event) {
            ids.retain(|waiting| *waiting != id);
            if ids.is_empty() {
                self.waiting_by_event.remove(event);
            }
        }
    }

    fn make_room(&mut self) {
        if self.log.len() <= MAX_DELIVERIES {
            return;
        }
        let finished = self.log.values().find(|found| found.status != DeliveryStatus::Pending);
        let oldest = finished
            .map(|found| found.id)
            .or_else(|| self.log.keys().next().copied());
        if let Some(oldest) = oldest {
            self.stop_waiting(oldest);
            self.log.remove(&oldest);
        }
    }
}

impl State {
    /// Queues an event for every endpoint that wants it.
    pub(super) fn schedule_deliveries(&mut self, event_id: &str, kind: &'static str) {
        let endpoints: Vec<String> = self
            .endpoints
            .newest_first()
            .filter(|(_, endpoint)| endpoint.wants(kind))
            .map(|(id, _)| id.clone())
            .collect();
        let faults = self.faults.webhooks.clone();
        let due = Instant::now() + Duration::from_millis(faults.delay_ms);
        for endpoint in endpoints.iter().rev() {
            for _ in 0..=faults.duplicate {
                self.queue_delivery(event_id, kind, endpoint, due);
            }
        }
    }

    fn queue_delivery(&mut self, event: &str, kind: &'static str, endpoint: &str, due: Instant) {
        let drop_every = self.faults.webhooks.drop_every;
        let deliveries = &mut self.deliveries;
        deliveries.sequence += 1;
        let id = deliveries.sequence;
        deliveries.queued += 1;
        let is_dropped = drop_every > 0 && deliveries.queued.is_multiple_of(drop_every);
        let delivery = Delivery {
            id,
            endpoint: endpoint.to_owned(),
            event: event.to_owned(),
            kind,
            created: self.now,
            status: if is_dropped {
                DeliveryStatus::Dropped
            } else {
                DeliveryStatus::Pending
            },
            attempts: Vec::new(),
            due,
            in_flight: false,
            flush: 0,
        };
        deliveries.log.insert(id, delivery);
        if !is_dropped {
            deliveries.waiting.insert(id);
            let same_event = deliveries.waiting_by_event.entry(event.to_owned());
            same_event.or_default().push(id);
        }
        deliveries.make_room();
    }

    /// Sends an old event once more, to one endpoint or to all that want it.
    pub(super) fn resend(&mut self, event_id: &str) -> bool {
        let Some(kind) = self.events.get(event_id).map(|event| event.kind) else {
            return false;
        };
        self.schedule_deliveries(event_id, kind);
        true
    }

    /// How many endpoints have not accepted an event yet.
    pub(super) fn pending_webhooks(&self, event_id: &str) -> usize {
        let waiting = self.deliveries.waiting_by_event.get(event_id);
        let mut endpoints: Vec<&str> = waiting
            .into_iter()
            .flatten()
            .filter_map(|id| self.deliveries.log.get(id))
            .map(|delivery| delivery.endpoint.as_str())
            .collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        endpoints.len()
    }

    /// Takes deliveries to be sent now, in their order unless a fault shuffles.
    pub(super) fn take_jobs(&mut self, take: Take) -> Vec<Job> {
        let now = Instant::now();
        let chosen = |delivery: &&Delivery| match take {
            Take::Due => delivery.due <= now,
            Take::Flush(flush) => delivery.flush != flush,
        };
        let mut ids: Vec<u64> = self
            .deliveries
            .waiting
            .iter()
            .filter_map(|id| self.deliveries.log.get(id))
            .filter(|delivery| !delivery.in_flight)
            .filter(chosen)
            .map(|delivery| delivery.id)
            .collect();
        let window = self.faults.webhooks.reorder_window;
        if window > 1 {
            for group in ids.chunks_mut(window) {
                for at in (1..group.len()).rev() {
                    group.swap(at, self.shuffle.below(at + 1));
                }
            }
        }
        ids.into_iter().filter_map(|id| self.job(id, take)).collect()
    }

    fn job(&mut self, id: u64, take: Take) -> Option<Job> {
        let delivery = self.deliveries.log.get(&id)?;
        let pending = self.pending_webhooks(&delivery.event);
        let job = self.endpoints.get(&delivery.endpoint).and_then(|endpoint| {
            let event = self.events.get(&delivery.event)?;
            let version = endpoint.api_version.as_deref().unwrap_or(super::API_VERSION);
            let body = if endpoint.thin {
                event.render_thin()
            } else {
                event.render(version, pending)
            };
            Some(Job {
                delivery: id,
                endpoint: endpoint.id.clone(),
                url: endpoint.url.clone(),
                secrets: endpoint.secrets.clone(),
                body: serde_json::to_string_pretty(&body).ok()?,
            })
        });
        if job.is_none() {
            // The endpoint or the event is gone.
            self.deliveries.finish(id, DeliveryStatus::Failed);
        } else if let Some(delivery) = self.deliveries.log.get_mut(&id) {
            delivery.in_flight = true;
            if let Take::Flush(flush) = take {
                delivery.flush = flush;
            }
        }
        job
    }

    /// Notes how an attempt went and plans the next one if it has to be.
    pub(super) fn record_attempt(&mut self, id: u64, at: i64, answer: Result<u16, String>) {
        let succeeded = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        let scale = self.options.webhook_retry_scale.clamp(0.0, 1.0);
        let max_attempts = self.options.webhook_max_attempts.max(1);
        let Some(delivery) = self.deliveries.log.get_mut(&id) else {
            return;
        };
        delivery.attempts.push(Attempt { at, answer });
        delivery.in_flight = false;
        let tried = delivery.attempts.len();
        if succeeded {
            self.deliveries.finish(id, DeliveryStatus::Delivered);
        } else if tried >= max_attempts {
            self.deliveries.finish(id, DeliveryStatus::Failed);
        } else {
            let last = RETRY_PAUSES.len() - 1;
            let pause = Duration::from_secs(RETRY_PAUSES[(tried - 1).min(last)]);
            delivery.due = Instant::now() + pause.mul_f64(scale);
        }
    }

    /// The delivery log, the oldest first.
    pub(super) fn delivery_log(&self) -> Value {
        let log = self.deliveries.log.values().map(|delivery| {
            let attempts = delivery.attempts.iter().map(|attempt| match &attempt.answer {
                Ok(status) => json!({"at": attempt.at, "status": status, "error": null}),
                Err(error) => json!({"at": attempt.at, "status": null, "error": error}),
            });
            json!({
                "id": delivery.id, "endpoint": delivery.endpoint, "event": delivery.event,
                "type": delivery.kind, "created": delivery.created,
                "status": delivery.status.name(), "attempts": attempts.collect::<Vec<_>>(),
            })
        });
        json!({"deliveries": log.collect::<Vec<_>>(), "counts": self.deliveries.counts()})
    }
}
