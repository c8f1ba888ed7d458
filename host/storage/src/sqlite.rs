//! SQLite: one file, one writer, many readers.

use std::path::Path;
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::bounds;
use crate::database::OpenError;

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Row = sqlx::sqlite::SqliteRow;
pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Options = SqliteConnectOptions;

/// Begins a transaction that writes: the lock is waited for here, where nothing was read yet, or not to be had at all.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

#[path = "queries/mod.rs"]
pub(crate) mod queries;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Opens the file, made if it isn't there.
pub(crate) async fn connect(url: &str) -> Result<queries::Repository, OpenError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
    if is_in_memory(url) {
        return Err(OpenError::Url(
            "a database in memory is lost with its connection; name a file".to_owned(),
        ));
    }
    let file = options.get_filename().to_owned();
    let read_only = url.contains("mode=ro") || url.contains("immutable=");
    if !read_only {
        create(&file)?;
    }
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(bounds::BUSY_TIMEOUT);
    // Readers can't write by mistake; the writer alone does.
    let reading = options.clone().pragma("query_only", "ON");
    // The first connection finds out whether it is a database, and sets its journal.
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(bounds::READERS)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(reading)
        .await
        .map_err(|error| unusable(&file, &queries::plain(&error)))?;
    Ok(queries::Repository::new(pool, options, 1, bounds::SQLITE_GROUP))
}

fn is_in_memory(url: &str) -> bool {
    let rest = url.trim_start_matches("sqlite:").trim_start_matches("//");
    rest.is_empty() || rest.starts_with('?') || rest.starts_with(":memory:") || url.contains("mode=memory")
}

fn unusable(file: &Path, reason: &str) -> OpenError {
    OpenError::Unusable {
        what: format!(
            "{} can't be used: name a file this process can write, and no other kind of file",
            file.display()
        ),
        reason: reason.to_owned(),
    }
}

/// Makes the file for its owner alone: it holds customers' data. Its journal gets the same rights.
fn create(file: &Path) -> Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_made) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unusable(file, &error.to_string())),
    }
}
