//! Traces: the gateway's spans, exported to an OpenTelemetry collector.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::collector::Collector;

/// Where a collector takes traces, below its endpoint
/// (<https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>).
const PATH: &str = "/v1/traces";

/// Spans that wait for their export. What comes while it is full is dropped.
const QUEUE: usize = 8_192;

/// Spans sent at once.
const BATCH: usize = 512;

/// How long a span waits for others to be sent with.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long the end may wait for what isn't sent yet.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// What our crates' names begin with, and so what their spans are told from.
const OURS: &str = "tillgate";

/// How traces are exported.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Where the collector is: `http://host:4318`.
    pub endpoint: String,
    /// What this deployment is called there.
    pub service_name: String,
    /// This release.
    pub service_version: &'static str,
}

/// Why traces can't be exported.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TraceError(String);

/// Exports spans until it is ended.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts exporting, over the runtime it is called on.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub fn start(options: &TraceOptions) -> Result<Self, TraceError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(Handle::current()))
            .with_endpoint(format!("{}{PATH}", options.endpoint.trim_end_matches('/')))
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| TraceError(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(INTERVAL)
            .build();
        let resource = Resource::builder_empty()
            .with_service_name(options.service_name.clone())
            .with_attribute(KeyValue::new("service.version", options.service_version))
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        Ok(Self { provider })
    }

    /// Takes spans in: ours, without the lines that are logged in them.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let spans_of_ours = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target().starts_with(OURS);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(OURS))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(spans_of_ours))
    }

    /// Sends what isn't sent yet, for a few seconds at most. What comes after that isn't exported.
    pub async fn end(self) {
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        match flushed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans may not have been exported"),
            Err(error) => tracing::warn!(%error, "the last spans may not have been exported"),
        }
    }
}
