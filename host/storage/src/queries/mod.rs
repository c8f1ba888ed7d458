//! The queries, compiled once for each database.

mod directory;
mod lists;
mod rows;
mod rows_payments;
mod saves;
mod tables;
mod text;
mod work;
mod write_simple;
mod writer;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Pool};
use tillgate_application::ports::{Commit, CommitError, Store, StoreError, UnitOfWork};

use super::{Connection, Db, Options, Row};
use crate::bounds;
use crate::database::OpenError;
use writer::Writers;

/// A query that is being put together.
type Query = sqlx::query::Query<'static, Db, <Db as sqlx::Database>::Arguments>;

/// The ports, on one database.
pub(crate) struct Repository {
    pool: Pool<Db>,
    options: Options,
    writers: Writers,
}

impl Repository {
    /// Starts the writers.
    pub(crate) fn new(pool: Pool<Db>, options: Options, writers: usize, group: usize) -> Self {
        let writers = Writers::start(&options, writers, group);
        Self { pool, options, writers }
    }

    /// A connection that reads.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Db>, OpenError> {
        self.pool.acquire().await.map_err(|error| OpenError::Unusable {
            what: "the database".to_owned(),
            reason: plain(&error),
        })
    }

    /// A connection of its own, outside the pool.
    pub(crate) async fn open(&self) -> Result<Connection, OpenError> {
        Connection::connect_with(&self.options)
            .await
            .map_err(|error| OpenError::Unusable {
                what: "the database".to_owned(),
                reason: plain(&error),
            })
    }

    /// Commits what waits, and closes every connection.
    pub(crate) async fn close(&self) {
        self.writers.close().await;
        self.pool.close().await;
    }

    /// The only row of a query, if there is one.
    async fn one(&self, query: Query) -> Result<Option<Row>, StoreError> {
        in_time(query.fetch_optional(&self.pool), || None).await
    }

    /// All rows of a query that bounds itself.
    async fn all(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        in_time(query.fetch_all(&self.pool), Vec::new).await
    }
}

/// PostgreSQL's code for a text that can't be one, such as with a NUL character.
const NO_TEXT: &str = "22021";

/// An answer, or that there was none in time. Who asks for a text that can't be stored finds nothing.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
    nothing: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    match tokio::time::timeout(bounds::QUERY_TIMEOUT, answer).await {
        Ok(Err(sqlx::Error::Database(error))) if error.code().is_some_and(|code| code == NO_TEXT) => Ok(nothing()),
        Ok(answer) => answer.map_err(unavailable),
        Err(_) => Err(StoreError::Unavailable("no answer within 15 s".to_owned())),
    }
}

/// What a driver says, for people. Drivers don't repeat passwords; URLs, which hold them, are never passed on.
pub(crate) fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (code {code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => "no connection within 5 s: the server is down, or overloaded".to_owned(),
        other => other.to_string(),
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::Corrupt(error.to_string())
        }
        error => StoreError::Unavailable(plain(&error)),
    }
}

#[async_trait]
impl Commit for Repository {
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        self.writers.commit(work).await
    }
}

#[async_trait]
impl Store for Repository {
    async fn ping(&self) -> Result<(), StoreError> {
        self.one(sqlx::query("SELECT 1")).await?;
        self.writers.ping().await
    }
}
