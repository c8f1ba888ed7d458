//! Exchanges: requests to a provider and what came back, and the journal they are recorded in.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Field, StoreError};

/// The methods a provider's API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "their names are RFC 9110's")]
pub enum ExchangeMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What repeating a request would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    Read,
    /// Nothing, under the same idempotency key.
    IdempotentWrite,
    /// The same again.
    Write,
}

/// A request a plugin wants sent. It holds no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRequest {
    /// The method.
    pub method: ExchangeMethod,
    /// Name of a manifest endpoint.
    pub endpoint: String,
    /// Path below the endpoint.
    pub path: String,
    /// Query pairs.
    pub query: Vec<Field>,
    /// Headers.
    pub headers: Vec<Field>,
    /// Body.
    #[serde(with = "crate::codec::optional_bytes")]
    pub body: Option<Vec<u8>>,
    /// What repeating it would do.
    pub effect: Effect,
    /// Name of a manifest credential.
    pub credential: Option<String>,
}

impl std::fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} {}:{} ({:?})",
            self.method, self.endpoint, self.path, self.effect
        )
    }
}

/// How far a request that failed had got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// The provider can't have seen it.
    NotSent,
    /// The provider may have performed it.
    MaybeSent,
    /// The provider answered, unreadably.
    Sent,
}

/// What came back from one request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeOutcome {
    /// An answer.
    Response {
        /// Its status.
        status: u16,
        /// Its headers.
        #[serde(with = "crate::codec::headers")]
        headers: Vec<(String, Vec<u8>)>,
        /// Its body.
        #[serde(with = "crate::codec::bytes")]
        body: Vec<u8>,
    },
    /// None.
    Failed {
        /// How far the request had got.
        reached: Reached,
        /// What failed, in a word.
        kind: String,
        /// For people.
        message: String,
    },
}

impl std::fmt::Debug for ExchangeOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response { status, body, .. } => write!(f, "response {status} ({} bytes)", body.len()),
            Self::Failed { reached, kind, .. } => write!(f, "failed {kind} ({reached:?})"),
        }
    }
}

/// One request and what came back, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The request.
    pub request: ExchangeRequest,
    /// What came back; none if that isn't known: it was about to be sent when the host stopped.
    pub outcome: Option<ExchangeOutcome>,
}

/// The durable record of an operation's exchanges.
#[async_trait]
pub trait Journal: Send {
    /// The exchanges recorded so far, in order. Only the last can lack its outcome.
    fn recorded(&self) -> &[Exchange];

    /// Records that a request is about to be sent. Durable, with all before it, when this returns, if the request
    /// changes something.
    async fn sending(&mut self, request: &ExchangeRequest) -> Result<(), StoreError>;

    /// Records what came back from the request last recorded.
    async fn received(&mut self, outcome: ExchangeOutcome) -> Result<(), StoreError>;
}
