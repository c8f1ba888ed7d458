//! Every limit of this crate, in one place, each with its unit and its reason.

use std::time::Duration;

/// Longest request target (path and query, encoded), in bytes. Common servers and balancers answer 414 above 8 KiB.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Longest host name, in bytes (RFC 1035 section 2.3.4, without the trailing dot).
pub const MAX_HOST_BYTES: usize = 253;

/// Longest label of a host name, in bytes (RFC 1035 section 2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

/// Most headers a plugin may set. No provider API needs a tenth of it.
pub const MAX_REQUEST_HEADERS: usize = 64;

/// Most bytes of header names and values a plugin may set. Common servers refuse heads above 16 KiB.
pub const MAX_REQUEST_HEADER_BYTES: usize = 16 * 1024;

/// Largest request body, in bytes. Billing calls are a few KiB; this bounds what a plugin can make the gateway hold.
pub const MAX_REQUEST_BODY_BYTES: usize = 1024 * 1024;

/// Default for [`Options::max_response_body`](crate::Options::max_response_body), in bytes: what a plugin's memory
/// has room for beside its own work.
pub const DEFAULT_RESPONSE_BODY_BYTES: usize = 1024 * 1024;

/// Largest response head, in bytes. Above it the exchange fails as too large.
pub const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1024;

/// Default for [`Options::connect_timeout`](crate::Options::connect_timeout): resolving, connecting and the TLS
/// handshake together. A handshake around the world takes under a second; this leaves room for lost packets.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest total time of one exchange; a longer [`Request::timeout`](crate::Request::timeout) is cut to it. Someone
/// waits for most exchanges, and the slowest provider calls known take about a minute.
pub const MAX_EXCHANGE_TIME: Duration = Duration::from_secs(120);

/// Most addresses of one host that are tried, so that a long answer can't use the connect timeout up in slices too
/// thin to succeed.
pub const MAX_CONNECT_ATTEMPTS: usize = 4;

/// Default for [`Options::max_pools`](crate::Options::max_pools): accounts with warm connections kept at once. An empty
/// pool is about a kilobyte.
pub const DEFAULT_POOLS: usize = 1024;

/// Idle connections kept in one pool. A burst opens more; keeping them would hold sockets for nothing.
pub const MAX_IDLE_CONNECTIONS: usize = 4;

/// Default for [`Options::pool_idle`](crate::Options::pool_idle). Shorter than the 60 s after which common balancers
/// close a connection, so that a request rarely meets a connection that is just being closed.
pub const DEFAULT_POOL_IDLE: Duration = Duration::from_secs(50);

/// Shortest secret, in bytes, that is looked for in responses. Shorter ones would be found in ordinary text, and
/// blanking that would damage data without protecting anything.
pub const MIN_REDACTED_BYTES: usize = 8;

/// How often a connection of HTTP/2 that is in use asks its peer whether it is there.
pub const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the peer may take to answer that.
pub const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(5);
