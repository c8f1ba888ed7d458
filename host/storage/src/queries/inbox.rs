//! Received webhooks.

use async_trait::async_trait;
use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary, KnownEvent};
use tillgate_application::ports::{InboxRepository, Page, PageRequest, StoreError};
use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use super::Repository;
use super::tables::{select, select_where};
use crate::failures::query_failed;

/// How far the time in a webhook's id may be from when it was received, in milliseconds: it is the same clock, which may
/// have been set in between.
pub(super) const ID_SLACK_MS: i64 = 60 * 60 * 1000;

/// The least id that is made at a time.
pub(super) fn id_at(time: Timestamp) -> InboxId {
    let millis = u128::from(time.as_millis().max(0).unsigned_abs());
    InboxId::from_bits(millis << 80)
}

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

    async fn inbox_entries(
        &self,
        filter: &InboxFilter,
        request: &PageRequest,
    ) -> Result<Page<InboxSummary>, StoreError> {
        // The status is written out, so that the partial indexes serve it.
        let mut query = select_where::<InboxSummary>(match filter.status {
            None => "1 = 1",
            Some(InboxStatus::Pending) => "status = 'pending'",
            Some(InboxStatus::Processed) => "status = 'processed'",
            Some(InboxStatus::Dead) => "status = 'dead'",
            Some(InboxStatus::Conflicting) => "status = 'conflicting'",
        });
        if let Some(id) = filter.tenant_id {
            // By its accounts, which the index has.
            query
                .push(" AND account_id IN (SELECT id FROM provider_accounts WHERE tenant_id = ")
                .push_bind(id.to_string())
                .push(")");
        }
        if let Some(id) = filter.account_id {
            query.push(" AND account_id = ").push_bind(id.to_string());
        }
        if let Some(provider_type) = &filter.provider_type {
            // One of several, between commas: without it the list is another one.
            query
                .push(" AND replace(',' || provider_types || ',', ")
                .push_bind(format!(",{provider_type},"))
                .push(", '') <> ',' || provider_types || ','");
        }
        // An id says when it was made, and the index has the ids: what is far out of the range isn't read.
        if let Some(time) = filter.received_after {
            query
                .push(" AND received_at >= ")
                .push_bind(time.as_millis())
                .push(" AND inbox.id >= ")
                .push_bind(id_at(time.plus_millis(-ID_SLACK_MS)).to_string());
        }
        if let Some(time) = filter.received_before {
            query
                .push(" AND received_at < ")
                .push_bind(time.as_millis())
                .push(" AND inbox.id < ")
                .push_bind(id_at(time.plus_millis(ID_SLACK_MS)).to_string());
        }
        self.page(query, request).await
    }

    async fn inbox_count(&self, status: InboxStatus) -> Result<u64, StoreError> {
        // Written out, so that the partial indexes serve it. Counting what was processed walks the whole table.
        let sql = match status {
            InboxStatus::Pending => "SELECT count(*) AS found FROM inbox WHERE status = 'pending'",
            InboxStatus::Dead => "SELECT count(*) AS found FROM inbox WHERE status = 'dead'",
            InboxStatus::Processed => "SELECT count(*) AS found FROM inbox WHERE status = 'processed'",
            InboxStatus::Conflicting => "SELECT count(*) AS found FROM inbox WHERE status = 'conflicting'",
        };
        let count: i64 = sqlx::query_scalar(sql)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| query_failed(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn known_events(
        &self,
        account_id: ProviderAccountId,
        dedupe_keys: &[String],
    ) -> Result<Vec<KnownEvent>, StoreError> {
        if dedupe_keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = select_where::<KnownEvent>("account_id = ");
        query.push_bind(account_id.to_string()).push(" AND dedupe_key IN (");
        let mut list = query.separated(", ");
        for key in dedupe_keys {
            list.push_bind(key.as_str());
        }
        query.push(") ORDER BY dedupe_key");
        self.list(query.build()).await
    }
}
