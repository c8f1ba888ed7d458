//! Every bound of the store, with its unit and its reason.

use std::time::Duration;

/// Units of work that wait for their commit. More is overload, and said so.
pub(crate) const QUEUE: usize = 4_096;

/// How long a unit of work waits for a place in the queue.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Units of work in one transaction on SQLite: enough that a commit's cost is shared, and few enough that the first
/// doesn't wait long for the last.
pub(crate) const SQLITE_GROUP: usize = 64;

/// Units of work in one transaction on PostgreSQL. Groups that touch the same rows in different orders could wait for
/// each other there.
pub(crate) const POSTGRES_GROUP: usize = 1;

/// Connections that write on PostgreSQL.
pub(crate) const POSTGRES_WRITERS: usize = 6;

/// Connections that read.
pub(crate) const READERS: u32 = 6;

/// How long it may take to get a connection. Where this is changed, [`NO_CONNECTION`] is too.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is said when it took longer.
pub(crate) const NO_CONNECTION: &str = "no connection within 5 s: the server is down, or overloaded";

/// How long a transaction may take, from its beginning to its end. A server that went silent holds a writer no longer.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one question may take, for the same reason. Where this is changed, [`NO_ANSWER`] is too.
pub(crate) const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

/// What is said when it took longer.
pub(crate) const NO_ANSWER: &str = "no answer within 15 s";

/// How long SQLite waits for another process that has the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Changes that others have still to be told of. Where there are more, they are told that it was anything: a quarter of a
/// megabyte.
pub(crate) const ANNOUNCEMENTS: usize = 8_192;

/// Changes told of at once: 43 bytes each at most, of the 8,000 that PostgreSQL takes
/// (<https://www.postgresql.org/docs/current/sql-notify.html>).
pub(crate) const ANNOUNCED_AT_ONCE: usize = 150;

/// How often the connection by which changes are heard is tried.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long it may take to answer that.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether another process changed the file.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a writer waits before it connects again.
pub(crate) const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
