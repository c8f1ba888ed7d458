//! PostgreSQL: shared by several hosts.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bounds;
use crate::database::OpenError;

pub(crate) type Db = sqlx::Postgres;
pub(crate) type Row = sqlx::postgres::PgRow;
pub(crate) type Connection = sqlx::PgConnection;
pub(crate) type Options = PgConnectOptions;

/// Begins a transaction that writes; a server that only follows another one refuses it.
pub(crate) const BEGIN: &str = "BEGIN READ WRITE";

#[expect(clippy::duplicate_mod, reason = "the same queries, compiled for the other database")]
#[path = "queries/mod.rs"]
pub(crate) mod queries;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connects to the server.
pub(crate) async fn connect(url: &str) -> Result<queries::Repository, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .application_name("tillgate");
    let what = format!(
        "PostgreSQL at {}:{}/{} can't be used: check that it runs, and the user, password and name in the URL",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or_default()
    );
    let pool = PgPoolOptions::new()
        .max_connections(bounds::READERS)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .connect_with(options.clone())
        .await
        .map_err(|error| OpenError::Unusable {
            what,
            reason: queries::plain(&error),
        })?;
    Ok(queries::Repository::new(
        pool,
        options,
        bounds::POSTGRES_WRITERS,
        bounds::POSTGRES_GROUP,
    ))
}
