//! A stand-in of an OpenTelemetry collector, which keeps the spans it is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;
use tokio::net::TcpListener;

/// A span, as it arrived.
#[derive(Debug, Clone)]
pub struct Span {
    /// What it is called.
    pub name: String,
    /// Its trace.
    pub trace_id: Vec<u8>,
    /// Itself.
    pub id: Vec<u8>,
    /// The span it is part of; empty at the root.
    pub parent_id: Vec<u8>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// What the exporter says it is called.
    pub service: String,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    /// Everything that came, byte for byte.
    raw: Vec<u8>,
}

/// A collector that runs until it is dropped.
pub struct Collector {
    /// Where it is.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Mutex::new(Kept::default()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&kept));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, kept, server }
    }

    /// All spans that came.
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().unwrap().spans.clone()
    }

    /// All that came, as far as it is text: protobuf holds texts as they are.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.kept.lock().unwrap().raw).into_owned()
    }
}

async fn take(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if headers
        .get("content-type")
        .is_none_or(|found| found != "application/x-protobuf")
    {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut kept = kept.lock().unwrap();
    kept.raw.extend_from_slice(&body);
    for resource in request.resource_spans {
        let about = resource
            .resource
            .map(|found| attributes(found.attributes))
            .unwrap_or_default();
        let service = about.get("service.name").cloned().unwrap_or_default();
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            kept.spans.push(Span {
                name: span.name,
                trace_id: span.trace_id,
                id: span.span_id,
                parent_id: span.parent_span_id,
                attributes: attributes(span.attributes),
                service: service.clone(),
            });
        }
    }
    StatusCode::OK
}

fn attributes(given: Vec<KeyValue>) -> BTreeMap<String, String> {
    given
        .into_iter()
        .map(|attribute| {
            let value = attribute.value.and_then(|AnyValue { value }| value);
            let text = match value {
                Some(Value::StringValue(text)) => text,
                Some(Value::IntValue(number)) => number.to_string(),
                Some(Value::BoolValue(truth)) => truth.to_string(),
                other => format!("{other:?}"),
            };
            (attribute.key, text)
        })
        .collect()
}
