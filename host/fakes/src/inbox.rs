//! Received webhooks, in memory.

use async_trait::async_trait;
use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary, KnownEvent};
use tillgate_application::ports::{InboxRepository, Page, PageRequest};
use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use crate::MemoryStore;
use crate::repositories::{Asked, cut, page_of};

#[async_trait]
impl InboxRepository for MemoryStore {
    async fn inbox_entry(&self, id: InboxId) -> Asked<Option<InboxEntry>> {
        self.ask(|rows| rows.inbox.get(&id).cloned()).await
    }

    async fn due_inbox_entries(
        &self,
        at: Timestamp,
        except: &[ProviderAccountId],
        limit: u32,
    ) -> Asked<Vec<InboxEntry>> {
        self.ask(|rows| {
            let due = |row: &&InboxEntry| {
                row.status == InboxStatus::Pending && row.next_attempt_at <= at && !except.contains(&row.account_id)
            };
            let mut found: Vec<InboxEntry> = rows.inbox.values().filter(due).cloned().collect();
            found.sort_by_key(|row| (row.received_at, row.id));
            cut(found, limit)
        })
        .await
    }

    async fn inbox_count(&self, status: InboxStatus) -> Asked<u64> {
        self.ask(|rows| {
            let found = rows.inbox.values().filter(|row| row.status == status).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        })
        .await
    }

    async fn inbox_entries(&self, filter: &InboxFilter, page: &PageRequest) -> Asked<Page<InboxSummary>> {
        self.ask(|rows| {
            let all: Vec<InboxSummary> = rows.inbox.values().map(InboxSummary::from).collect();
            page_of(all.iter().filter(|row| filter.wants(row)), page, |row| row.id)
        })
        .await
    }

    async fn known_events(&self, account_id: ProviderAccountId, dedupe_keys: &[String]) -> Asked<Vec<KnownEvent>> {
        self.ask(|rows| {
            let known = |event: &&KnownEvent| dedupe_keys.contains(&event.dedupe_key);
            let all = rows
                .event_keys
                .iter()
                .filter(|((account, _), _)| *account == account_id);
            all.map(|(_, key)| &key.event).filter(known).cloned().collect()
        })
        .await
    }
}
