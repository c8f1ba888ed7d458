//! What every use case is given: the ports, and the little that is kept in memory.

use std::sync::Arc;

use tillgate_domain::Timestamp;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::caches::Caches;
use crate::ports::{Clock, EventSender, Ids, Metrics, PaymentGateway, Plugins, Sealer, Store};
use crate::retry::RetryPolicy;
use crate::webhook_failures::WebhookFailures;

/// The world, behind ports.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The providers.
    pub gateway: Arc<dyn PaymentGateway>,
    /// The plugins.
    pub plugins: Arc<dyn Plugins>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// The master key.
    pub sealer: Arc<dyn Sealer>,
    /// The numbers.
    pub metrics: Arc<dyn Metrics>,
    /// The way to tenants' event endpoints.
    pub events: Arc<dyn EventSender>,
}

/// What is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where this deployment is reached from outside, without a slash at the end.
    pub public_url: String,
    /// For how long an operation is its host's alone, in milliseconds: longer than its exchanges can take, so that a live
    /// one is never taken over.
    pub operation_lease_ms: i64,
    /// When a failed call of a provider is tried again.
    pub retries: RetryPolicy,
}

/// The use cases' shared state.
pub struct Application {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) caches: Arc<Caches>,
    pub(crate) webhook_failures: WebhookFailures,
    pub(crate) inbox_wakeup: Notify,
    pub(crate) events_wakeup: Arc<Notify>,
    pub(crate) deliveries_wakeup: Notify,
    pub(crate) tasks: TaskTracker,
}

impl Application {
    /// Puts it together.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            ports,
            settings,
            caches: Arc::default(),
            webhook_failures: WebhookFailures::default(),
            inbox_wakeup: Notify::new(),
            events_wakeup: Arc::default(),
            deliveries_wakeup: Notify::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// The ports, for what needs no use case.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// A new id's bits.
    pub(crate) fn next_id(&self) -> u128 {
        self.ports.ids.next(self.now())
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        self.ports.store.as_ref()
    }

    /// Waits until a webhook was stored whose effect is still to come.
    pub async fn stored_webhook(&self) {
        self.inbox_wakeup.notified().await;
    }

    /// Waits until an event was committed here that has no place in the order of all events yet.
    pub async fn published_event(&self) {
        self.events_wakeup.notified().await;
    }

    /// Waits until an event was put on its way to an endpoint.
    pub async fn waiting_delivery(&self) {
        self.deliveries_wakeup.notified().await;
    }

    /// How many operations this host runs just now.
    #[must_use]
    pub fn operations_running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every operation under way has come to an end. No new one should be begun.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
