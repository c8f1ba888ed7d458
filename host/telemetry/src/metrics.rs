//! The metrics port, for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tillgate_application::ports::{
    CacheName, CallOutcome, CommitOutcome, DeliveryOutcome, Expiring, Metrics, PaymentFailureReason, Reconciled,
    ReconciliationOutcome, SubscriptionAction, WebhookOutcome, WebhookRejection,
};
use tillgate_domain::CheckoutType;

use crate::family::{Family, Label, OTHER};
use crate::histogram::Histogram;

/// Bounds of what computes: a step of a plugin takes tens of microseconds, and a quarter of a second at most. In seconds.
const COMPUTING: &[f64] = &[
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];

/// Bounds of what a disk or a database has a part in. In seconds.
const STORING: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Bounds of what a provider has a part in: the longest a request may be given is a minute. In seconds.
const CALLING: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// Types of webhook events that are told apart; the rest is `other`. The longest known list of a provider's has 250.
const EVENT_TYPES: usize = 512;

/// Places for sets of labels with a plugin's name: a few plugins, eight operations each, as many outcomes.
const BY_PLUGIN: usize = 1_024;

/// Places for sets of labels with a route: sixty routes, and the statuses each answers with.
const BY_ROUTE: usize = 1_024;

/// Longest word of others that becomes a label, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// Methods that are told apart.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Why webhooks aren't believed.
const REJECTIONS: [WebhookRejection; 6] = [
    WebhookRejection::SignatureMissing,
    WebhookRejection::SignatureMalformed,
    WebhookRejection::NotAWebhook,
    WebhookRejection::SignatureInvalid,
    WebhookRejection::TooOld,
    WebhookRejection::TooNew,
];

/// What is asked for when the metrics are read, and isn't counted along the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Stored webhooks whose effect is still to come, and those that were given up, of all hosts on this database. None
    /// if the database doesn't answer.
    pub webhooks: Option<(u64, u64)>,
    /// Operations that this host runs.
    pub operations_running: u64,
    /// Requests of this host that providers haven't answered yet.
    pub provider_requests: u64,
    /// Accounts whose circuit is open.
    pub account_circuits_open: u64,
    /// Provider hosts whose circuit is open.
    pub host_circuits_open: u64,
    /// Units of work that wait for their commit.
    pub writer_queue: u64,
    /// Connections of the pool that are in use.
    pub connections_busy: u64,
    /// Connections of the pool that aren't.
    pub connections_idle: u64,
}

type Level = Gauge<u64, AtomicU64>;

/// Keeps the metrics, and writes them as OpenMetrics text.
#[derive(Debug)]
pub struct PrometheusMetrics {
    registry: Registry,
    checkout_sessions: Family<Counter, 2>,
    webhook_events: Family<Counter, 2>,
    payment_failures: Family<Counter, 1>,
    subscription_changes: Family<Counter, 1>,
    webhooks_rejected: Family<Counter, 1>,
    webhooks_conflicting: Counter,
    webhook_receipts: Family<Histogram, 1>,
    plugin_steps: Family<Histogram, 3>,
    plugin_faults: Family<Counter, 3>,
    provider_calls: Family<Histogram, 3>,
    commits: Family<Histogram, 1>,
    removed: Family<Counter, 1>,
    cache_reads: Family<Counter, 2>,
    event_deliveries: Family<Counter, 1>,
    reconciliations: Family<Counter, 2>,
    http_requests: Family<Histogram, 3>,
    database_up: Level,
    webhooks_pending: Level,
    webhooks_dead: Level,
    operations_running: Level,
    provider_requests: Level,
    circuits_open: Family<Level, 1>,
    writer_queue: Level,
    connections: Family<Level, 1>,
}

impl PrometheusMetrics {
    /// Everything at zero. `version` is this release's.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        use Label::{Ours, Theirs};
        let mut registry = Registry::default();
        let r = &mut registry;
        let metrics = Self {
            checkout_sessions: counters(
                r,
                "billing_checkout_sessions",
                "Checkout sessions made at a provider",
                [Ours("type"), Theirs("provider")],
                64,
            ),
            webhook_events: counters(
                r,
                "billing_webhook_events",
                "Events of webhooks whose effect was committed, or that were given up",
                [Theirs("event_type"), Ours("success")],
                EVENT_TYPES,
            ),
            payment_failures: counters(
                r,
                "billing_payment_failures",
                "Failed payments, and failed attempts of one",
                [Ours("reason")],
                64,
            ),
            subscription_changes: counters(
                r,
                "billing_subscription_changes",
                "Changes of subscriptions",
                [Ours("action")],
                64,
            ),
            webhooks_rejected: counters(
                r,
                "tillgate_webhooks_rejected",
                "Webhooks that were not believed",
                [Ours("reason")],
                64,
            ),
            webhooks_conflicting: counter(
                r,
                "tillgate_webhooks_conflicting",
                "Webhooks that say something else under the ids of known events",
            ),
            webhook_receipts: durations(
                r,
                "tillgate_webhook_receipt",
                "From a webhook's first byte to its answer",
                [Ours("outcome")],
                64,
                STORING,
            ),
            plugin_steps: durations(
                r,
                "tillgate_plugin_step",
                "Steps of plugins, without waiting for their turn",
                [Theirs("plugin"), Ours("operation"), Ours("outcome")],
                BY_PLUGIN,
                COMPUTING,
            ),
            plugin_faults: counters(
                r,
                "tillgate_plugin_faults",
                "Steps that ended in a fault, and broken contracts between steps",
                [Theirs("plugin"), Ours("operation"), Ours("kind")],
                BY_PLUGIN,
            ),
            provider_calls: durations(
                r,
                "tillgate_provider_call",
                "Requests to providers, to the end of the answer",
                [Theirs("provider"), Ours("operation"), Ours("outcome")],
                BY_PLUGIN,
                CALLING,
            ),
            commits: durations(
                r,
                "tillgate_commit",
                "Units of work, from handing in to the end of the commit",
                [Ours("outcome")],
                64,
                STORING,
            ),
            reconciliations: counters(
                r,
                "tillgate_reconciliations",
                "Comparisons with a provider of what should have changed by now",
                [Ours("of"), Ours("outcome")],
                8,
            ),
            event_deliveries: counters(
                r,
                "tillgate_event_deliveries",
                "Tries to send an event to an event endpoint that have ended",
                [Ours("outcome")],
                4,
            ),
            removed: counters(
                r,
                "tillgate_rows_removed",
                "Rows that were kept for as long as they were to be, and removed",
                [Ours("kind")],
                64,
            ),
            cache_reads: counters(
                r,
                "tillgate_cache_reads",
                "Looks at what is kept in memory",
                [Ours("cache"), Ours("outcome")],
                64,
            ),
            http_requests: durations(
                r,
                "tillgate_http_request",
                "Requests, to the head of the answer",
                [Ours("method"), Theirs("route"), Ours("status")],
                BY_ROUTE,
                CALLING,
            ),
            database_up: level(r, "tillgate_database_up", "Whether the database answered this scrape"),
            webhooks_pending: level(
                r,
                "tillgate_webhooks_pending",
                "Stored webhooks whose effect is still to come, of all hosts",
            ),
            webhooks_dead: level(
                r,
                "tillgate_webhooks_dead",
                "Stored webhooks that were given up, of all hosts",
            ),
            operations_running: level(r, "tillgate_operations_running", "Operations that this host runs"),
            provider_requests: level(
                r,
                "tillgate_provider_requests_in_flight",
                "Requests of this host that providers haven't answered yet",
            ),
            circuits_open: {
                let family = Family::new([Ours("of")], 16, Level::default);
                r.register(
                    "tillgate_circuits_open",
                    "Accounts and provider hosts that get no requests for now, because the last ones failed",
                    family.clone(),
                );
                family
            },
            writer_queue: level(
                r,
                "tillgate_database_writer_queue",
                "Units of work that wait for their commit",
            ),
            connections: {
                let family = Family::new([Ours("state")], 16, Level::default);
                r.register(
                    "tillgate_database_connections",
                    "Connections of the reading pool",
                    family.clone(),
                );
                family
            },
            registry: Registry::default(),
        };
        let build = Family::new([Theirs("version")], 4, Level::default);
        build.get([version]).set(1);
        r.register("tillgate_build_info", "This release", build);
        metrics.show_zeros();
        Self { registry, ..metrics }
    }

    /// Words that are ours are there from the start, so that a rate over the first time has a beginning.
    fn show_zeros(&self) {
        for reason in PaymentFailureReason::ALL {
            self.payment_failures.get([reason.as_str()]);
        }
        for action in SubscriptionAction::ALL {
            self.subscription_changes.get([action.as_str()]);
        }
        for reason in REJECTIONS {
            self.webhooks_rejected.get([rejection(reason)]);
        }
        for outcome in WebhookOutcome::ALL {
            self.webhook_receipts.get([outcome.as_str()]);
        }
        for outcome in CommitOutcome::ALL {
            self.commits.get([outcome.as_str()]);
        }
        for of in Reconciled::ALL {
            for outcome in ReconciliationOutcome::ALL {
                self.reconciliations.get([of.as_str(), outcome.as_str()]);
            }
        }
        for outcome in DeliveryOutcome::ALL {
            self.event_deliveries.get([outcome.as_str()]);
        }
        for cache in CacheName::ALL {
            for outcome in ["hit", "miss"] {
                self.cache_reads.get([cache.as_str(), outcome]);
            }
        }
        for what in Expiring::ALL {
            self.removed.get([what.as_str()]);
        }
    }

    /// All of it, as OpenMetrics text.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        self.database_up.set(u64::from(gauges.webhooks.is_some()));
        // Where the database doesn't answer, what it said last stays.
        if let Some((pending, dead)) = gauges.webhooks {
            self.webhooks_pending.set(pending);
            self.webhooks_dead.set(dead);
        }
        self.operations_running.set(gauges.operations_running);
        self.provider_requests.set(gauges.provider_requests);
        self.circuits_open.get(["account"]).set(gauges.account_circuits_open);
        self.circuits_open.get(["host"]).set(gauges.host_circuits_open);
        self.writer_queue.set(gauges.writer_queue);
        self.connections.get(["busy"]).set(gauges.connections_busy);
        self.connections.get(["idle"]).set(gauges.connections_idle);
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "the metrics can't be written");
                String::new()
            }
        }
    }
}

fn counters<const L: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    labels: [Label; L],
    places: usize,
) -> Family<Counter, L> {
    let family = Family::new(labels, places, Counter::default);
    registry.register(name, help, family.clone());
    family
}

fn durations<const L: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    labels: [Label; L],
    places: usize,
    bounds: &'static [f64],
) -> Family<Histogram, L> {
    let family = Family::new(labels, places, move || Histogram::new(bounds));
    registry.register_with_unit(format!("{name}_duration"), help, Unit::Seconds, family.clone());
    family
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn level(registry: &mut Registry, name: &str, help: &str) -> Level {
    let gauge = Level::default();
    registry.register(name, help, gauge.clone());
    gauge
}

const fn rejection(reason: WebhookRejection) -> &'static str {
    match reason {
        WebhookRejection::SignatureMissing => "signature_missing",
        WebhookRejection::SignatureMalformed => "signature_malformed",
        WebhookRejection::NotAWebhook => "not_a_webhook",
        WebhookRejection::SignatureInvalid => "signature_invalid",
        WebhookRejection::TooOld => "too_old",
        WebhookRejection::TooNew => "too_new",
    }
}

/// A provider's type of event if it is a word, as they all are: no address, no number, no sentence becomes a label.
fn event_type(word: &str) -> &str {
    let is_word = word.len() <= WORD_BYTES_MAX
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte));
    if is_word { word } else { OTHER }
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

impl Metrics for PrometheusMetrics {
    fn checkout_session_created(&self, checkout_type: CheckoutType, provider: &str) {
        self.checkout_sessions.get([checkout_type.as_str(), provider]).inc();
    }

    fn webhook_event(&self, word: &str, success: bool) {
        let success = if success { "true" } else { "false" };
        self.webhook_events.get([event_type(word), success]).inc();
    }

    fn payment_failed(&self, reason: PaymentFailureReason) {
        self.payment_failures.get([reason.as_str()]).inc();
    }

    fn subscription_changed(&self, action: SubscriptionAction) {
        self.subscription_changes.get([action.as_str()]).inc();
    }

    fn webhook_rejected(&self, reason: WebhookRejection) {
        self.webhooks_rejected.get([rejection(reason)]).inc();
    }

    fn webhook_conflicting(&self) {
        self.webhooks_conflicting.inc();
    }

    fn webhook_answered(&self, answer: WebhookOutcome, took: Duration) {
        self.webhook_receipts.get([answer.as_str()]).observe(took);
    }

    fn plugin_step(&self, plugin: &str, operation: &str, outcome: &str, took: Duration) {
        self.plugin_steps.get([plugin, operation, outcome]).observe(took);
        // There from the first step, so that the first fault is an increase.
        self.plugin_faults.get([plugin, operation, "trapped"]);
    }

    fn plugin_fault(&self, plugin: &str, operation: &str, kind: &str) {
        self.plugin_faults.get([plugin, operation, kind]).inc();
    }

    fn provider_call(&self, provider: &str, operation: &str, outcome: CallOutcome, took: Duration) {
        self.provider_calls
            .get([provider, operation, outcome.as_str()])
            .observe(took);
    }

    fn commit(&self, outcome: CommitOutcome, took: Duration) {
        self.commits.get([outcome.as_str()]).observe(took);
    }

    fn reconciled(&self, what: Reconciled, outcome: ReconciliationOutcome) {
        self.reconciliations.get([what.as_str(), outcome.as_str()]).inc();
    }

    fn event_delivery(&self, outcome: DeliveryOutcome) {
        self.event_deliveries.get([outcome.as_str()]).inc();
    }

    fn cache_read(&self, cache: CacheName, hit: bool) {
        let outcome = if hit { "hit" } else { "miss" };
        self.cache_reads.get([cache.as_str(), outcome]).inc();
    }

    fn removed(&self, what: Expiring, rows: u64) {
        self.removed.get([what.as_str()]).inc_by(rows);
    }

    fn http_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = METHODS.iter().find(|known| **known == method).unwrap_or(&OTHER);
        self.http_requests
            .get([method, route, status_class(status)])
            .observe(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_was_counted_and_ends_as_it_should() {
        let metrics = PrometheusMetrics::new("0.1.0");
        metrics.checkout_session_created(CheckoutType::Subscription, "stripe");
        metrics.webhook_event("invoice.paid", true);
        metrics.payment_failed(PaymentFailureReason::CardDeclined);
        metrics.subscription_changed(SubscriptionAction::Created);
        metrics.plugin_step("stripe", "webhooks.parse", "answered", Duration::from_micros(70));
        let gauges = Gauges {
            webhooks: Some((3, 1)),
            ..Gauges::default()
        };
        let text = metrics.render(&gauges);
        for line in [
            "# TYPE billing_checkout_sessions counter\n",
            "billing_checkout_sessions_total{type=\"subscription\",provider=\"stripe\"} 1\n",
            "billing_webhook_events_total{event_type=\"invoice.paid\",success=\"true\"} 1\n",
            "billing_payment_failures_total{reason=\"card_declined\"} 1\n",
            "billing_payment_failures_total{reason=\"fraud\"} 0\n",
            "billing_subscription_changes_total{action=\"created\"} 1\n",
            "tillgate_plugin_step_duration_seconds_bucket{le=\"0.0001\",plugin=\"stripe\",operation=\"webhooks.parse\",outcome=\"answered\"} 1\n",
            "tillgate_webhooks_pending 3\n",
            "tillgate_webhooks_dead 1\n",
            "tillgate_database_up 1\n",
            "tillgate_build_info{version=\"0.1.0\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn no_address_number_or_sentence_becomes_a_label() {
        let metrics = PrometheusMetrics::new("0.1.0");
        for word in [
            "",
            "ada@acme.example",
            "4242424242424242",
            "a b",
            "x\"} 1",
            &"long".repeat(20),
        ] {
            metrics.webhook_event(word, false);
        }
        let text = metrics.render(&Gauges::default());
        assert!(
            text.contains("billing_webhook_events_total{event_type=\"other\",success=\"false\"} 6\n"),
            "{text}"
        );
        assert!(!text.contains("ada") && !text.contains("4242"), "{text}");
    }

    #[test]
    fn what_the_database_said_last_stays_while_it_does_not_answer() {
        let metrics = PrometheusMetrics::new("0.1.0");
        let answered = Gauges {
            webhooks: Some((7, 0)),
            ..Gauges::default()
        };
        assert!(!metrics.render(&answered).is_empty());
        let text = metrics.render(&Gauges::default());
        assert!(
            text.contains("tillgate_webhooks_pending 7\n") && text.contains("tillgate_database_up 0\n"),
            "{text}"
        );
    }
}
