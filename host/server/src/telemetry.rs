//! What the gateway says about itself, put together: metrics with what is asked for when they are read, and traces.

use std::sync::Arc;
use std::time::Duration;

use tillgate_application::Application;
use tillgate_application::inbox::InboxStatus;
use tillgate_application::ports::StoreError;
use tillgate_http_api::MetricsText;
use tillgate_telemetry::{Gauges, PrometheusMetrics, TraceOptions, Traces};

use crate::Failure;
use crate::config::{ConfigError, Telemetry};
use crate::wiring::Wired;

/// This release.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long the database may take for what a scrape asks of it: less than a scrape may, so that the rest is told.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(3);

/// The metrics, at zero.
pub(crate) fn metrics() -> Arc<PrometheusMetrics> {
    Arc::new(PrometheusMetrics::new(VERSION))
}

/// Starts exporting traces, if they are to be.
pub(crate) fn traces(telemetry: &Telemetry) -> Result<Option<Traces>, Failure> {
    if telemetry.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let options = TraceOptions {
        endpoint: telemetry.otlp_endpoint.clone(),
        service_name: telemetry.service_name.clone(),
        service_version: VERSION,
    };
    let traces = Traces::start(&options).map_err(|error| ConfigError::Key {
        key: "telemetry.otlp_endpoint".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(traces))
}

/// What `/metrics` says.
pub(crate) fn text(wired: &Wired, app: Arc<Application>) -> MetricsText {
    let (metrics, database) = (Arc::clone(&wired.metrics), wired.database.clone());
    let plugin_host = Arc::clone(&wired.plugin_host);
    Arc::new(move || {
        let (metrics, app, database) = (Arc::clone(&metrics), Arc::clone(&app), database.clone());
        let guards = plugin_host.guard_counts();
        Box::pin(async move {
            let webhooks = tokio::time::timeout(SCRAPE_TIMEOUT, waiting(&app)).await;
            let load = database.load();
            metrics.render(&Gauges {
                webhooks: webhooks.ok().and_then(Result::ok),
                operations_running: count(app.operations_running()),
                provider_requests: count(guards.in_flight),
                account_circuits_open: count(guards.accounts_open),
                host_circuits_open: count(guards.hosts_open),
                writer_queue: load.writer_queue,
                connections_busy: load.connections_busy,
                connections_idle: load.connections_idle,
            })
        })
    })
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Stored webhooks that wait, and those that were given up.
async fn waiting(app: &Application) -> Result<(u64, u64), StoreError> {
    let store = &app.ports().store;
    Ok((
        store.inbox_count(InboxStatus::Pending).await?,
        store.inbox_count(InboxStatus::Dead).await?,
    ))
}
