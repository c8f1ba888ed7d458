//! Every bound of the HTTP surface, with its unit and its reason.

use std::time::Duration;

/// The largest JSON body, in bytes, where nothing else is configured: the largest checkout with all its metadata is
/// below 32 KiB.
pub const JSON_BODY_MAX_BYTES: usize = 256 * 1024;

/// The largest webhook, in bytes, where nothing else is configured: several times what providers send.
pub const WEBHOOK_BODY_MAX_BYTES: usize = 1024 * 1024;

/// The largest plugin component taken, in bytes: several times what a plugin with an interpreter in it needs.
pub const PLUGIN_BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long a whole request may take, where nothing else is configured: several exchanges with a slow provider.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a body may take to arrive, where nothing else is configured. Bodies are small, and providers fast.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a plugin component may take to arrive: the largest, over a slow line.
pub const PLUGIN_BODY_TIMEOUT: Duration = Duration::from_secs(45);

/// How much of a body that is too large is read and thrown away, in bytes, so that a client that sends first and reads
/// later sees the answer instead of a broken connection.
pub const DISCARD_MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long that may take.
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// How much is reserved for a body before any of it has arrived, in bytes: a header alone must not cost more memory.
pub const BODY_RESERVED_BYTES: usize = 64 * 1024;

/// How long request headers may take to arrive, which ends connections that say nothing.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// How many connections are open at a time. More wait in the listener's queue.
pub const CONNECTIONS_MAX: usize = 10_000;

/// The pause after a connection couldn't be accepted, usually for want of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest idempotency key, in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// The longest request id taken from a caller, in characters.
pub const REQUEST_ID_MAX: usize = 128;

/// The longest `Authorization` header looked at, in bytes: several times a key.
pub const AUTHORIZATION_MAX_BYTES: usize = 1_024;

/// How many items a list gives where nothing is said.
pub const PAGE_LIMIT_DEFAULT: u32 = 20;

/// After how many seconds to come back when the database is away, or a provider doesn't say: soon, but not at once.
pub const RETRY_AFTER_SECONDS: u64 = 5;

/// How long the database has to answer when it is asked whether the host is ready.
pub const READINESS_TIMEOUT: Duration = Duration::from_secs(2);
