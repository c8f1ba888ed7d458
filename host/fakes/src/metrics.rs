//! Metrics that remember.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tillgate_application::ports::{
    CacheName, CallOutcome, CommitOutcome, DeliveryOutcome, Expiring, Metrics, PaymentFailureReason, Reconciled,
    ReconciliationOutcome, SubscriptionAction, WebhookOutcome, WebhookRejection,
};
use tillgate_domain::CheckoutType;

/// Counts what it is told; durations are forgotten.
#[derive(Debug, Default)]
pub struct RecordingMetrics(Mutex<BTreeMap<String, u64>>);

impl RecordingMetrics {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, what: &str, words: &[&str]) {
        *self.counts().entry(format!("{what} {}", words.join(" "))).or_default() += 1;
    }

    /// How often something was counted, e.g. `payment_failed card_declined`.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.counts().get(what).copied().unwrap_or_default()
    }

    /// All that was counted under a first word, with how often.
    #[must_use]
    pub fn all(&self, what: &str) -> Vec<(String, u64)> {
        let counts = self.counts();
        let found = counts.iter().filter(|(name, _)| name.split(' ').next() == Some(what));
        found.map(|(name, count)| (name.clone(), *count)).collect()
    }
}

impl Metrics for RecordingMetrics {
    fn checkout_session_created(&self, checkout_type: CheckoutType, provider: &str) {
        self.add("checkout_session_created", &[checkout_type.as_str(), provider]);
    }

    fn webhook_event(&self, event_type: &str, success: bool) {
        self.add("webhook_event", &[event_type, if success { "true" } else { "false" }]);
    }

    fn payment_failed(&self, reason: PaymentFailureReason) {
        self.add("payment_failed", &[reason.as_str()]);
    }

    fn subscription_changed(&self, action: SubscriptionAction) {
        self.add("subscription_changed", &[action.as_str()]);
    }

    fn webhook_rejected(&self, reason: WebhookRejection) {
        self.add("webhook_rejected", &[&format!("{reason:?}")]);
    }

    fn webhook_conflicting(&self) {
        self.add("webhook_conflicting", &[]);
    }

    fn webhook_answered(&self, answer: WebhookOutcome, _: Duration) {
        self.add("webhook_answered", &[answer.as_str()]);
    }

    fn plugin_step(&self, plugin: &str, operation: &str, outcome: &str, _: Duration) {
        self.add("plugin_step", &[plugin, operation, outcome]);
    }

    fn plugin_fault(&self, plugin: &str, operation: &str, kind: &str) {
        self.add("plugin_fault", &[plugin, operation, kind]);
    }

    fn provider_call(&self, provider: &str, operation: &str, outcome: CallOutcome, _: Duration) {
        self.add("provider_call", &[provider, operation, outcome.as_str()]);
    }

    fn removed(&self, what: Expiring, rows: u64) {
        *self.counts().entry(format!("removed {}", what.as_str())).or_default() += rows;
    }

    fn cache_read(&self, cache: CacheName, hit: bool) {
        self.add("cache_read", &[cache.as_str(), if hit { "hit" } else { "miss" }]);
    }

    fn reconciled(&self, what: Reconciled, outcome: ReconciliationOutcome) {
        self.add("reconciled", &[what.as_str(), outcome.as_str()]);
    }

    fn event_delivery(&self, outcome: DeliveryOutcome) {
        self.add("event_delivery", &[outcome.as_str()]);
    }

    fn commit(&self, outcome: CommitOutcome, _: Duration) {
        self.add("commit", &[outcome.as_str()]);
    }

    fn http_request(&self, method: &str, route: &str, status: u16, _: Duration) {
        self.add("http_request", &[method, route, &status.to_string()]);
    }
}
