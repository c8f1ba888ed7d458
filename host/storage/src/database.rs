//! A database of either kind.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::migrate::{MigrateError, Migrator};
use tillgate_application::ports::{Metrics, Store};

use crate::open_error::OpenError;
use crate::{postgres, sqlite};

/// Which database.
#[derive(Clone)]
pub struct DatabaseOptions {
    url: String,
    metrics: Option<Arc<dyn Metrics>>,
}

impl DatabaseOptions {
    /// `sqlite://path/to/file.db` or `postgres://user:password@host:port/name`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            metrics: None,
        }
    }

    /// Where commits are counted.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The file that [`Database::connect`] would make, because it isn't there yet.
    #[must_use]
    pub fn missing_file(&self) -> Option<PathBuf> {
        sqlite::file_of(&self.url).filter(|file| !file.exists())
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for DatabaseOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseOptions").finish_non_exhaustive()
    }
}

/// How busy a database is, as this host sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseLoad {
    /// Units of work that wait for their commit.
    pub writer_queue: u64,
    /// Connections of the reading pool that are in use.
    pub connections_busy: u64,
    /// Connections of the reading pool that aren't.
    pub connections_idle: u64,
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

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) checksum: Vec<u8>,
}

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    kind: Kind,
    /// Its file or server, for people.
    name: Arc<str>,
    metrics: Option<Arc<dyn Metrics>>,
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
        let (kind, name) = if url.starts_with("sqlite:") {
            let (repository, name) = sqlite::connect(url).await?;
            (Kind::Sqlite(Arc::new(repository)), name)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let (repository, name) = postgres::connect(url).await?;
            (Kind::Postgres(Arc::new(repository)), name)
        } else {
            return Err(OpenError::Url("its scheme is another one".to_owned()));
        };
        Ok(Self {
            kind,
            name: name.into(),
            metrics: options.metrics.clone(),
        })
    }

    /// The repository behind the ports.
    pub(crate) fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Sqlite(repository) => repository.as_ref(),
            Kind::Postgres(repository) => repository.as_ref(),
        }
    }

    /// Where commits are counted, if anywhere.
    pub(crate) fn metrics(&self) -> Option<&dyn Metrics> {
        self.metrics.as_deref()
    }

    /// How busy it is just now.
    #[must_use]
    pub fn load(&self) -> DatabaseLoad {
        match &self.kind {
            Kind::Sqlite(repository) => repository.load(),
            Kind::Postgres(repository) => repository.load(),
        }
    }

    /// Applies every pending migration. Where several hosts do at the same time, each is applied once.
    ///
    /// # Errors
    /// A migration fails, or the schema is newer than this release.
    pub async fn migrate(&self) -> Result<MigrationReport, OpenError> {
        let mut pending = self.pending_migrations().await?;
        while !pending.is_empty() {
            let Err(error) = self.run_migrations().await? else {
                return Ok(MigrationReport { applied: pending });
            };
            // On SQLite those who migrate don't wait for each other: another may have been faster with the first of
            // them, and what is left is tried again.
            let left = self.pending_migrations().await?;
            if left.len() >= pending.len() {
                return Err(OpenError::Migration(error.to_string()));
            }
            pending = left;
        }
        Ok(MigrationReport { applied: pending })
    }

    async fn run_migrations(&self) -> Result<Result<(), MigrateError>, OpenError> {
        Ok(match &self.kind {
            Kind::Sqlite(repository) => {
                let mut connection = repository.open().await.map_err(|error| self.unusable(&error))?;
                sqlite::MIGRATIONS.run_direct(None, &mut connection, false).await
            }
            Kind::Postgres(repository) => {
                let mut connection = repository.open().await.map_err(|error| self.unusable(&error))?;
                postgres::MIGRATIONS.run_direct(None, &mut connection, false).await
            }
        })
    }

    /// The migrations that are still to be applied, by name. Nothing is written to find that out.
    ///
    /// # Errors
    /// The schema is newer than this release, or an applied migration was changed.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        let (applied, known) = match &self.kind {
            Kind::Sqlite(repository) => (repository.applied().await, &sqlite::MIGRATIONS),
            Kind::Postgres(repository) => (repository.applied().await, &postgres::MIGRATIONS),
        };
        pending(&applied.map_err(|error| self.unusable(&error))?, known)
    }

    /// The time by the database server's clock, in milliseconds since 1970; none where the database is a file.
    ///
    /// # Errors
    /// The server doesn't answer.
    pub async fn server_time_ms(&self) -> Result<Option<i64>, OpenError> {
        let time = match &self.kind {
            Kind::Sqlite(repository) => repository.server_time_ms().await,
            Kind::Postgres(repository) => repository.server_time_ms().await,
        };
        time.map_err(|error| self.unusable(&error))
    }

    /// Closes every connection, after what waits for its commit was committed.
    pub async fn close(&self) {
        match &self.kind {
            Kind::Sqlite(repository) => repository.close().await,
            Kind::Postgres(repository) => repository.close().await,
        }
    }

    fn unusable(&self, error: &sqlx::Error) -> OpenError {
        OpenError::unusable(&self.name, error)
    }
}

fn pending(applied: &[Applied], known: &Migrator) -> Result<Vec<String>, OpenError> {
    for done in applied {
        match known.iter().find(|migration| migration.version == done.version) {
            None => {
                return Err(OpenError::NewerSchema {
                    name: name(done.version, &done.description),
                });
            }
            Some(migration) if *migration.checksum != *done.checksum => {
                return Err(OpenError::ChangedMigration {
                    name: name(done.version, &done.description),
                });
            }
            Some(_) => {}
        }
    }
    Ok(known
        .iter()
        .filter(|migration| !applied.iter().any(|done| done.version == migration.version))
        .map(|migration| name(migration.version, &migration.description))
        .collect())
}

/// A migration's name, as its file has it.
fn name(version: i64, description: &str) -> String {
    format!("{version:04}_{}", description.replace(' ', "_"))
}
