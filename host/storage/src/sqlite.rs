//! SQLite: one file, one writer, many readers.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::bounds;
use crate::open_error::OpenError;

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Row = sqlx::sqlite::SqliteRow;
pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Options = SqliteConnectOptions;

/// Begins a transaction that writes: it takes its turn at once, not when it is half done.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

/// What runs first on a connection that writes: nothing that its options don't say.
pub(crate) const SESSION: &str = "";

/// Has a row where anything was ever migrated.
pub(crate) const SCHEMA_EXISTS: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";

/// A file has no clock.
pub(crate) const CLOCK: Option<&str> = None;

/// There is nobody to tell.
pub(crate) const ANNOUNCE: Option<&str> = None;

/// A number that changes with every commit of another connection.
pub(crate) const CHANGED_BY_OTHERS: Option<&str> = Some("PRAGMA data_version");

/// The order in which rows of one thing were committed: there is one writer, and the last row has the highest number.
pub(crate) const COMMIT_ORDER: &str = "rowid";

/// The ids of a JSON list, numbered from 1.
pub(crate) const NUMBERED_IDS: &str = "SELECT value AS id, key + 1 AS number FROM json_each($2)";

mod changes;

#[path = "queries/mod.rs"]
pub(crate) mod queries;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The file a URL names, if it names one.
pub(crate) fn file_of(url: &str) -> Option<PathBuf> {
    let options = url
        .starts_with("sqlite:")
        .then(|| SqliteConnectOptions::from_str(url))?;
    Some(options.ok()?.get_filename().to_owned())
}

/// Opens the file, made if it isn't there.
pub(crate) async fn connect(url: &str) -> Result<(queries::Repository, String), OpenError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::Url(
            "a database in memory is not kept; name a file".to_owned(),
        ));
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(bounds::BUSY_TIMEOUT);
    let file = options.get_filename().to_owned();
    let name = file.display().to_string();
    create(&file).map_err(|reason| OpenError::Unusable {
        name: name.clone(),
        reason,
    })?;
    // A file that may not be written is opened for reading, whoever runs this: root may write anything.
    let read_only = std::fs::metadata(&file).is_ok_and(|found| found.permissions().readonly());
    let options = if read_only { options.read_only(true) } else { options };
    let failed = |error: sqlx::Error| OpenError::unusable(&name, &error);
    // The first connection finds out whether it is a database, and sets its journal.
    let first = options.connect().await.map_err(failed)?;
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(bounds::READERS)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone().pragma("query_only", "ON"))
        .await
        .map_err(failed)?;
    first.close().await.map_err(failed)?;
    Ok((queries::Repository::new(pool, options, 1, bounds::SQLITE_GROUP), name))
}

/// Makes the file for its owner alone: it holds customers' data.
fn create(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if file.is_dir() {
        return Err("it is a directory. Name a file in the URL".to_owned());
    }
    if file.exists() {
        return Ok(());
    }
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() && !directory.is_dir() => {
            return Err("its directory does not exist. Create it, or name another file in the URL".to_owned());
        }
        _ => {}
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map(drop)
        .map_err(|error| format!("{error}. Check that this user may write its directory"))
}
