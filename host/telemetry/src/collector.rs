//! The way to a collector: plain HTTP on the gateway's own runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// How long a collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes: it says how many spans were refused, and why.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends batches. The exporter has a thread of its own and no runtime; what it sends goes over the one that is given.
#[derive(Debug)]
pub(crate) struct Collector {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last batch was lost, so that the log says so once and not with each.
    failing: AtomicBool,
}

impl Collector {
    pub(crate) fn new(runtime: Handle) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime,
            failing: AtomicBool::new(false),
        }
    }

    fn tell(&self, failure: Option<&str>) {
        let was_failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => {
                tracing::warn!(error, "traces can't be exported; the gateway goes on without");
            }
            None if was_failing => tracing::info!("traces are exported again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        // The clock is the runtime's too, so that it is first looked at over there.
        let in_time = async move { tokio::time::timeout(TIMEOUT, exchange).await };
        let answer = match self.runtime.spawn(in_time).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(format!("no answer within {} s", TIMEOUT.as_secs()).into()),
            Err(error) => Err(error.into()),
        };
        match &answer {
            Ok(response) if response.status().is_success() => self.tell(None),
            Ok(response) => self.tell(Some(&format!("the collector answered {}", response.status()))),
            Err(error) => self.tell(Some(&error.to_string())),
        }
        answer
    }
}
