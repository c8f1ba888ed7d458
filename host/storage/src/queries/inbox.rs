//! Received webhooks.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row as _};
use tillgate_application::inbox::{InboxEntry, InboxStatus};
use tillgate_application::ports::{InboxRepository, StoreError};
use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use super::super::Db;
use super::Repository;
use super::tables::select;
use crate::failures::query_failed;

#[async_trait]
impl InboxRepository for Repository {
    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.find(select::<InboxEntry>("WHERE id = $1").bind(id.to_string()))
            .await
    }

    async fn due_inbox_entries(
        &self,
        at: Timestamp,
        except: &[ProviderAccountId],
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        // The order is found by the ids alone, so that no body is sorted.
        let places: Vec<String> = (3..except.len() + 3).map(|number| format!("${number}")).collect();
        let excepted = if places.is_empty() {
            String::new()
        } else {
            format!("AND account_id NOT IN ({})", places.join(", "))
        };
        let sql = format!(
            "JOIN (SELECT id FROM inbox WHERE status = 'pending' AND next_attempt_at <= $1 {excepted}
                   ORDER BY received_at, id LIMIT $2) AS due ON due.id = inbox.id
             ORDER BY inbox.received_at, inbox.id"
        );
        let query = select::<InboxEntry>(&sql).bind(at.as_millis()).bind(i64::from(limit));
        let query = except.iter().fold(query, |query, id| query.bind(id.to_string()));
        self.list(query).await
    }

    async fn inbox_count(&self, status: InboxStatus) -> Result<u64, StoreError> {
        // Written out, so that the partial indexes serve it. Counting what was processed walks the whole table.
        let sql = match status {
            InboxStatus::Pending => "SELECT count(*) AS found FROM inbox WHERE status = 'pending'",
            InboxStatus::Dead => "SELECT count(*) AS found FROM inbox WHERE status = 'dead'",
            InboxStatus::Processed => "SELECT count(*) AS found FROM inbox WHERE status = 'processed'",
        };
        let count: i64 = sqlx::query_scalar(sql)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| query_failed(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn known_event_keys(
        &self,
        account_id: ProviderAccountId,
        dedupe_keys: &[String],
    ) -> Result<Vec<String>, StoreError> {
        if dedupe_keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Db>::new("SELECT dedupe_key FROM event_keys WHERE account_id = ");
        query.push_bind(account_id.to_string()).push(" AND dedupe_key IN (");
        let mut list = query.separated(", ");
        for key in dedupe_keys {
            list.push_bind(key.as_str());
        }
        query.push(")");
        self.rows(query.build())
            .await?
            .iter()
            .map(|row| row.try_get(0).map_err(|error| query_failed(&error)))
            .collect()
    }
}
