//! The gateway's database, looked at from outside: what has no API yet, and the passing of time.

use std::collections::HashSet;

use anyhow::Result;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};

/// A published event: whose, its type, and what was published.
pub(crate) type Published = (String, String, String);

/// A dispute: whose, the provider's id, the provider's word, amount, currency, and our id of the payment.
pub(crate) type Dispute = (String, String, String, i64, String, Option<String>);

/// The database, past every proxy.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// A file.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// Runs one query on either.
macro_rules! on {
    ($store:expr, $pool:ident => $query:expr) => {
        match $store {
            Store::Sqlite($pool) => $query,
            Store::Postgres($pool) => $query,
        }
    };
}

impl Store {
    /// Opens it.
    ///
    /// # Errors
    /// It isn't there.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        Ok(if url.starts_with("sqlite:") {
            Self::Sqlite(SqlitePoolOptions::new().max_connections(2).connect(url).await?)
        } else {
            Self::Postgres(PgPoolOptions::new().max_connections(4).connect(url).await?)
        })
    }

    /// The dedupe keys of all that was taken in.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn taken_in(&self) -> Result<HashSet<String>> {
        let sql = "SELECT dedupe_key FROM event_keys";
        let rows: Vec<(String,)> = on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(key,)| key).collect())
    }

    /// Lets the pauses and leases of stored webhooks run out, as time would.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn let_time_pass(&self) -> Result<u64> {
        let sql = "UPDATE inbox SET next_attempt_at = 0 WHERE status = 'pending' AND next_attempt_at > 0";
        Ok(match self {
            Self::Sqlite(pool) => sqlx::query(sql).execute(pool).await?.rows_affected(),
            Self::Postgres(pool) => sqlx::query(sql).execute(pool).await?.rows_affected(),
        })
    }

    /// How many stored webhooks there are in each status.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn inbox(&self) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT status, COUNT(*) FROM inbox GROUP BY status ORDER BY status";
        Ok(on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// What stored webhooks that aren't processed say.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn unprocessed(&self) -> Result<Vec<(String, String, Option<String>)>> {
        let sql = "SELECT id, status, error FROM inbox WHERE status <> 'processed' ORDER BY id LIMIT 20";
        Ok(on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// Everything that was published, in the order of its ids.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn published(&self) -> Result<Vec<Published>> {
        let sql = "SELECT tenant_id, event_type, payload FROM outbox ORDER BY id";
        Ok(on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// Every dispute.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn disputes(&self) -> Result<Vec<Dispute>> {
        let sql = "SELECT tenant_id, provider_reference, provider_status, amount, currency, payment_id FROM disputes";
        Ok(on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await?))
    }
}
