//! What is sent and what comes back.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::Method;

use crate::{credential::Credential, endpoint::Endpoint};

/// Whose connections these are: tenant and account, in whatever spelling the caller has. Connections are never shared
/// between two keys.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PoolKey(String);

impl PoolKey {
    /// Any text that is the same for the same owner, and different for different ones.
    pub fn new(owner: impl Into<String>) -> Self {
        Self(owner.into())
    }
}

/// One request. Everything but `endpoint`, `credential`, `timeout` and `pool` may come from a plugin as it is:
/// [`Client::send`](crate::Client::send) checks it.
#[derive(Clone)]
pub struct Request {
    /// GET, HEAD, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// The path below the endpoint's prefix, already percent-encoded (RFC 3986 `path-absolute`): starts with `/`.
    pub path: String,
    /// Query pairs as plain text, in order; encoded here.
    pub query: Vec<(String, String)>,
    /// Headers as plain text, in order.
    pub headers: Vec<(String, String)>,
    /// At most [`MAX_REQUEST_BODY_BYTES`](crate::bounds::MAX_REQUEST_BODY_BYTES).
    pub body: Option<Bytes>,
    /// Attached at the last moment. The caller has checked that it is bound to this endpoint.
    pub credential: Option<Credential>,
    /// For the whole exchange, from resolving to the last byte of the body. Not zero; cut to
    /// [`MAX_EXCHANGE_TIME`](crate::bounds::MAX_EXCHANGE_TIME).
    pub timeout: Duration,
    /// Whose connections may be used.
    pub pool: PoolKey,
}

/// Shows where the request goes, not what it carries: query, headers and body hold customers' data.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// What came back: any status, redirects included.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// Names in lowercase, values as they came, in order; without hop-by-hop headers and `set-cookie`, and with the
    /// credential replaced by `[redacted]` where the provider echoed it.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most [`Options::max_response_body`](crate::Options::max_response_body), never decompressed, redacted like
    /// the headers.
    pub body: Bytes,
}

/// Shows the size of the body, not the body.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish()
    }
}
