//! A database of either kind.

use std::sync::Arc;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use tillgate_application::ports::Store;

use crate::{postgres, sqlite};

/// Which database.
#[derive(Clone)]
pub struct DatabaseOptions {
    url: String,
}

impl DatabaseOptions {
    /// `sqlite://path/to/file.db` or `postgres://user:password@host:port/name`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for DatabaseOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseOptions").finish_non_exhaustive()
    }
}

/// Why a database can't be used. No text holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL isn't one.
    #[error("the URL is not of the form sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME: {0}")]
    Url(String),
    /// It is there, and can't be used, or isn't there.
    #[error("{what}: {reason}")]
    Unusable {
        /// The file, or the server.
        what: String,
        /// Why.
        reason: String,
    },
    /// It was migrated by a newer release.
    #[error("the schema has migration {version}, which this release does not know: use the newer release")]
    NewerSchema {
        /// The migration's number.
        version: i64,
    },
    /// An applied migration was edited.
    #[error("migration {version} was changed after it was applied to this database")]
    ChangedMigration {
        /// The migration's number.
        version: i64,
    },
    /// A migration failed.
    #[error("migrating: {0}")]
    Migration(String),
}

/// What migrating did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations that were applied, by name.
    pub applied: Vec<String>,
}

#[derive(Clone)]
enum Kind {
    Sqlite(Arc<sqlite::queries::Repository>),
    Postgres(Arc<postgres::queries::Repository>),
}

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    kind: Kind,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.kind {
            Kind::Sqlite(_) => "Database(SQLite)",
            Kind::Postgres(_) => "Database(PostgreSQL)",
        })
    }
}

impl Database {
    /// Opens it. Its schema is left as it is.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, OpenError> {
        let url = options.url.as_str();
        let kind = if url.starts_with("sqlite:") {
            Kind::Sqlite(Arc::new(sqlite::connect(url).await?))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Kind::Postgres(Arc::new(postgres::connect(url).await?))
        } else {
            return Err(OpenError::Url("another scheme".to_owned()));
        };
        Ok(Self { kind })
    }

    /// The repository behind the ports.
    pub(crate) fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Sqlite(repository) => repository.as_ref(),
            Kind::Postgres(repository) => repository.as_ref(),
        }
    }

    /// Applies every pending migration. Hosts that start at the same time take turns.
    ///
    /// # Errors
    /// A migration fails, or the schema is newer than this release.
    pub async fn migrate(&self) -> Result<MigrationReport, OpenError> {
        let pending = self.pending_migrations().await?;
        match &self.kind {
            Kind::Sqlite(repository) => sqlite::MIGRATIONS.run(&mut repository.open().await?).await,
            Kind::Postgres(repository) => postgres::MIGRATIONS.run(&mut repository.open().await?).await,
        }
        .map_err(migration_error)?;
        Ok(MigrationReport { applied: pending })
    }

    /// The migrations that are still to be applied, by name.
    ///
    /// # Errors
    /// The schema is newer than this release, or an applied migration was changed.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        match &self.kind {
            Kind::Sqlite(repository) => pending(&mut *repository.reader().await?, &sqlite::MIGRATIONS).await,
            Kind::Postgres(repository) => pending(&mut *repository.reader().await?, &postgres::MIGRATIONS).await,
        }
    }

    /// Closes every connection, after what waits for its commit was committed.
    pub async fn close(&self) {
        match &self.kind {
            Kind::Sqlite(repository) => repository.close().await,
            Kind::Postgres(repository) => repository.close().await,
        }
    }
}

/// The table in which sqlx keeps what was applied.
const APPLIED: &str = "_sqlx_migrations";

async fn pending(connection: &mut impl Migrate, known: &Migrator) -> Result<Vec<String>, OpenError> {
    let applied = match connection.list_applied_migrations(APPLIED).await {
        Ok(applied) => applied,
        // Without the table nothing was applied; a read-only database isn't written to find that out.
        Err(MigrateError::Execute(sqlx::Error::Database(error))) if is_missing_table(error.as_ref()) => Vec::new(),
        Err(error) => return Err(migration_error(error)),
    };
    for done in &applied {
        match known.iter().find(|migration| migration.version == done.version) {
            None => return Err(OpenError::NewerSchema { version: done.version }),
            Some(migration) if migration.checksum != done.checksum => {
                return Err(OpenError::ChangedMigration { version: done.version });
            }
            Some(_) => {}
        }
    }
    Ok(known
        .iter()
        .filter(|migration| !applied.iter().any(|done| done.version == migration.version))
        .map(|migration| format!("{:04}_{}", migration.version, migration.description.replace(' ', "_")))
        .collect())
}

/// SQLite has no code of its own for it; PostgreSQL's is 42P01.
fn is_missing_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code == "42P01") || error.message().contains("no such table")
}

fn migration_error(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::NewerSchema { version },
        MigrateError::VersionMismatch(version) => OpenError::ChangedMigration { version },
        other => OpenError::Migration(other.to_string()),
    }
}
