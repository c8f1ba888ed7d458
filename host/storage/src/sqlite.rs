//! SQLite: one file, one writer, many readers.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::bounds;
use crate::database::OpenError;

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Row = sqlx::sqlite::SqliteRow;
pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Options = SqliteConnectOptions;

#[path = "queries/mod.rs"]
pub(crate) mod queries;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The file of a URL.
fn file_of(options: &SqliteConnectOptions) -> PathBuf {
    options.get_filename().to_owned()
}

/// Opens the file, made if it isn't there.
pub(crate) async fn connect(url: &str) -> Result<queries::Repository, OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| OpenError::Url(error.to_string()))?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(bounds::BUSY_TIMEOUT);
    let file = file_of(&options);
    create(&file)?;
    let writing = options.clone();
    let failed = |error: sqlx::Error| OpenError::Unusable {
        what: file.display().to_string(),
        reason: queries::plain(&error),
    };
    // The first connection checks that it is a database, and sets its journal.
    let readonly = std::fs::metadata(&file).is_ok_and(|found| found.permissions().readonly());
    let reading = if readonly {
        options.clone().read_only(true)
    } else {
        options
    };
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(bounds::READERS)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .connect_with(reading)
        .await
        .map_err(failed)?;
    Ok(queries::Repository::new(pool, writing, 1, bounds::SQLITE_GROUP))
}

/// Makes the file for its owner alone: it holds customers' data.
fn create(file: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if file.exists() {
        return Ok(());
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map(drop)
        .map_err(|error| OpenError::Unusable {
            what: file.display().to_string(),
            reason: error.to_string(),
        })
}
