//! PostgreSQL: shared by several hosts.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::bounds;
use crate::open_error::OpenError;

pub(crate) type Db = sqlx::Postgres;
pub(crate) type Row = sqlx::postgres::PgRow;
pub(crate) type Connection = sqlx::PgConnection;
pub(crate) type Options = PgConnectOptions;

/// Begins a transaction that writes; a server that only follows another one refuses it.
pub(crate) const BEGIN: &str = "BEGIN READ WRITE";

/// What runs first on every connection: a statement, a wait for others' locks, and a transaction whose host is gone
/// end by themselves.
pub(crate) const SESSION: &str =
    "SET statement_timeout = '15s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'";

/// Has a row where anything was ever migrated.
pub(crate) const SCHEMA_EXISTS: &str = "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL";

/// The server's clock, in milliseconds since 1970.
pub(crate) const CLOCK: Option<&str> = Some("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");

/// Tells of changes; within a transaction, once it is committed.
pub(crate) const ANNOUNCE: Option<&str> = Some("SELECT pg_notify('tillgate_changes', $1)");

/// Others tell what they changed.
pub(crate) const CHANGED_BY_OTHERS: Option<&str> = None;

/// The order in which rows of one thing were committed.
pub(crate) const COMMIT_ORDER: &str = "sequence";

/// The ids of a JSON list, numbered from 1.
pub(crate) const NUMBERED_IDS: &str =
    "SELECT value AS id, ordinality AS number FROM json_array_elements_text($2::json) WITH ORDINALITY";

mod changes;

#[expect(clippy::duplicate_mod, reason = "the same queries, compiled for the other database")]
#[path = "queries/mod.rs"]
pub(crate) mod queries;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connects to the server.
pub(crate) async fn connect(url: &str) -> Result<(queries::Repository, String), OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .application_name("tillgate");
    let name = format!(
        "{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or_default()
    );
    // A pool tries until its time is over; a first connection of its own says at once what is wrong.
    let first = tokio::time::timeout(bounds::ACQUIRE_TIMEOUT, options.connect())
        .await
        .map_err(|_| OpenError::too_slow(&name))?
        .map_err(|error| OpenError::unusable(&name, &error))?;
    first
        .close()
        .await
        .map_err(|error| OpenError::unusable(&name, &error))?;
    let pool = PgPoolOptions::new()
        .max_connections(bounds::READERS)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }))
        .connect_lazy_with(options.clone());
    Ok((
        queries::Repository::new(pool, options, bounds::POSTGRES_WRITERS, bounds::POSTGRES_GROUP),
        name,
    ))
}
