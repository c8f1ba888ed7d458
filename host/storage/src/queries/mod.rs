//! The queries, compiled once for each database.

mod columns;
mod directory;
mod events;
mod imports;
mod inbox;
mod lists;
mod operations;
mod payments;
mod retention;
mod rows_billing;
mod rows_directory;
mod rows_inbox;
mod rows_payments;
mod saves;
mod tables;
mod work;
mod write_simple;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection as _, Pool, QueryBuilder, Row as _};
use tillgate_application::ports::{
    Commit, CommitError, Conflict, PAGE_LIMIT_MAX, Page, PageRequest, Store, StoreError, UnitOfWork,
};
use tillgate_domain::{ProviderAccountId, TenantId};

use super::{CLOCK, Connection, Db, Options, Row, SCHEMA_EXISTS};
use crate::announcements::Announcements;
use crate::bounds;
use crate::database::{Applied, DatabaseLoad};
use crate::failures::{is_unstorable_text, query_failed};
use crate::nul;
use columns::Stored;
use writer::Writers;

/// A query that is being put together.
type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// The ports, on one database.
pub(crate) struct Repository {
    pool: Pool<Db>,
    options: Options,
    announcements: Arc<Announcements>,
    writers: Writers,
}

impl Repository {
    /// Starts the writers.
    pub(crate) fn new(pool: Pool<Db>, options: Options, writers: usize, group: usize) -> Self {
        let announcements = Arc::new(Announcements::default());
        let writers = Writers::start(&options, &announcements, writers, group);
        Self {
            pool,
            options,
            announcements,
            writers,
        }
    }

    /// What is told to other processes, and heard of them.
    pub(crate) fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// How busy it is.
    pub(crate) fn load(&self) -> DatabaseLoad {
        let idle = u64::try_from(self.pool.num_idle()).unwrap_or(u64::MAX);
        DatabaseLoad {
            writer_queue: u64::try_from(self.writers.waiting()).unwrap_or(u64::MAX),
            connections_busy: u64::from(self.pool.size()).saturating_sub(idle),
            connections_idle: idle,
        }
    }

    /// Those who read.
    pub(crate) const fn pool(&self) -> &Pool<Db> {
        &self.pool
    }

    /// A connection of its own, outside the pool.
    pub(crate) async fn open(&self) -> Result<Connection, sqlx::Error> {
        Connection::connect_with(&self.options).await
    }

    /// The migrations that were applied, in order. Only reads, so that a database that is read-only can be asked.
    pub(crate) async fn applied(&self) -> Result<Vec<Applied>, sqlx::Error> {
        if sqlx::query(SCHEMA_EXISTS).fetch_optional(&self.pool).await?.is_none() {
            return Ok(Vec::new());
        }
        let sql = "SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version";
        let found = sqlx::query(sql).fetch_all(&self.pool).await?;
        found
            .iter()
            .map(|row| {
                Ok(Applied {
                    version: row.try_get("version")?,
                    description: row.try_get("description")?,
                    checksum: row.try_get("checksum")?,
                })
            })
            .collect()
    }

    /// The server's clock, in milliseconds since 1970, where there is a server.
    pub(crate) async fn server_time_ms(&self) -> Result<Option<i64>, sqlx::Error> {
        match CLOCK {
            Some(sql) => sqlx::query(sql).fetch_one(&self.pool).await?.try_get(0).map(Some),
            None => Ok(None),
        }
    }

    /// Commits what waits, and closes every connection.
    pub(crate) async fn close(&self) {
        self.writers.close().await;
        self.pool.close().await;
    }

    /// The only row of a query, if there is one.
    async fn find<T: Stored>(&self, query: Query<'_>) -> Result<Option<T>, StoreError> {
        let row = in_time(query.fetch_optional(&self.pool), || None).await?;
        row.as_ref().map(columns::read).transpose()
    }

    /// By the tenant's and its own id.
    async fn by_id<T: Stored>(&self, tenant_id: TenantId, id: &str) -> Result<Option<T>, StoreError> {
        self.find(
            tables::select::<T>("WHERE tenant_id = $1 AND id = $2")
                .bind(tenant_id.to_string())
                .bind(id),
        )
        .await
    }

    /// By an account's and the provider's id.
    async fn by_reference<T: Stored>(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<T>, StoreError> {
        let sql = "WHERE account_id = $1 AND provider_reference = $2";
        self.find(tables::select::<T>(sql).bind(account_id.to_string()).bind(reference))
            .await
    }

    /// All rows of a query that bounds itself.
    async fn list<T: Stored>(&self, query: Query<'_>) -> Result<Vec<T>, StoreError> {
        self.rows(query).await?.iter().map(columns::read).collect()
    }

    /// The same, as they are.
    async fn rows(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        in_time(query.fetch_all(&self.pool), Vec::new).await
    }

    /// One page of a query that ends with its conditions.
    async fn page<T: Stored>(&self, mut query: QueryBuilder<Db>, request: &PageRequest) -> Result<Page<T>, StoreError> {
        let limit = request.limit.clamp(1, PAGE_LIMIT_MAX);
        let table = T::table().name();
        if let Some(after) = &request.after {
            query.push(format_args!(" AND {table}.id > ")).push_bind(after.as_str());
        }
        // One more than wanted says whether there are more.
        query
            .push(format_args!(" ORDER BY {table}.id LIMIT "))
            .push_bind(i64::from(limit) + 1);
        let found = self.rows(query.build()).await?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = found
            .iter()
            .take(wanted)
            .map(columns::read)
            .collect::<Result<Vec<T>, StoreError>>()?;
        Ok(Page {
            items,
            has_more: found.len() > wanted,
        })
    }
}

/// An answer, or that there was none in time. Who asks for a text that can't be stored finds nothing.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
    nothing: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    match tokio::time::timeout(bounds::QUERY_TIMEOUT, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if is_unstorable_text(&error) => Ok(nothing()),
        Ok(Err(error)) => Err(query_failed(&error)),
        Err(_) => Err(StoreError::Unavailable(bounds::NO_ANSWER.to_owned())),
    }
}

#[async_trait]
impl Commit for Repository {
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        if work.is_empty() {
            return Ok(());
        }
        if work.writes().iter().any(nul::is_in) {
            // PostgreSQL can't store it, so that neither does.
            return Err(CommitError::Conflict(Conflict::Reference("text with a NUL character")));
        }
        let (at_once, soon) = self.announcements.of(&work);
        let committed = self.writers.commit(work, at_once).await;
        // Where the connection broke, it may be committed all the same.
        if !matches!(committed, Err(CommitError::Conflict(_))) {
            self.announcements.committed(soon);
        }
        committed.map(drop)
    }
}

#[async_trait]
impl Store for Repository {
    async fn ping(&self) -> Result<(), StoreError> {
        self.rows(sqlx::query("SELECT 1")).await?;
        // A unit of work that writes nothing goes the way of all others.
        match self.writers.commit(UnitOfWork::new(), Vec::new()).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict(conflict)) => Err(StoreError::Unavailable(format!("{conflict:?}"))),
        }
    }
}
