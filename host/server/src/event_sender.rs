//! Sends events to tenants' endpoints, through egress: by the same rules as what goes to providers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use tillgate_application::bounds::DELIVERY_TIMEOUT_MS;
use tillgate_application::ports::{EventAnswer, EventRequest, EventSender};
use tillgate_egress::{Client, ClientError, Destination, Options, OriginOverrides, PoolKey, Request, SendError};

/// How much of an answer is read, in bytes: only its status counts.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// How many endpoints' connections are kept warm.
const POOLS: usize = 256;

/// Sends events.
pub(crate) struct EgressEventSender {
    client: Client,
    overrides: OriginOverrides,
}

impl EgressEventSender {
    /// Connections of its own: tenants' endpoints share none with providers.
    pub(crate) fn new(overrides: OriginOverrides) -> Result<Self, ClientError> {
        let options = Options {
            user_agent: concat!("tillgate/", env!("CARGO_PKG_VERSION"), " (events)").to_owned(),
            max_response_body: ANSWER_MAX_BYTES,
            max_pools: POOLS,
            ..Options::default()
        };
        let client = Client::new(options)?;
        Ok(Self { client, overrides })
    }
}

#[async_trait]
impl EventSender for EgressEventSender {
    fn check(&self, url: &str) -> Result<(), String> {
        Destination::parse(url, &self.overrides)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn send(&self, request: EventRequest) -> Result<EventAnswer, String> {
        let destination = Destination::parse(&request.url, &self.overrides).map_err(|error| error.to_string())?;
        let request = Request {
            method: Method::POST,
            endpoint: destination.endpoint,
            path: destination.path,
            query: destination.query,
            headers: request.headers,
            body: Some(Bytes::from(request.body)),
            credential: None,
            timeout: Duration::from_millis(u64::try_from(DELIVERY_TIMEOUT_MS).unwrap_or(u64::MAX)),
            pool: PoolKey::new(request.endpoint_id.to_string()),
        };
        match self.client.send(request).await {
            Ok(response) => {
                let retry_after = response
                    .headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                    .and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse().ok());
                Ok(EventAnswer {
                    status: response.status,
                    retry_after_seconds: retry_after,
                })
            }
            Err(SendError::Refused(refused)) => Err(refused.to_string()),
            Err(SendError::Failed(failure)) => Err(failure.message),
        }
    }
}
