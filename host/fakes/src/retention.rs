//! What is removed when it was kept for long enough.

use async_trait::async_trait;
use tillgate_application::import::ImportStatus;
use tillgate_application::inbox::InboxStatus;
use tillgate_application::operation::{Operation, OperationStatus};
use tillgate_application::ports::{Expiring, RetentionRepository, StoreError};
use tillgate_domain::Timestamp;

use crate::{MemoryStore, Rows};

fn is_open(operation: &Operation) -> bool {
    matches!(
        operation.status,
        OperationStatus::Running | OperationStatus::UnknownOutcome
    )
}

/// Keeps what isn't to be removed, and the rest as soon as so many are.
struct Removing {
    left: u64,
    removed: u64,
}

impl Removing {
    fn keeps(&mut self, expired: bool) -> bool {
        if !expired || self.left == 0 {
            return true;
        }
        self.left -= 1;
        self.removed += 1;
        false
    }
}

impl Rows {
    /// Removes rows of a kind; answers how many.
    pub(crate) fn remove(&mut self, what: Expiring, before: Timestamp, limit: u32) -> u64 {
        let mut removing = Removing {
            left: u64::from(limit),
            removed: 0,
        };
        let r = &mut removing;
        match what {
            Expiring::ProcessedWebhooks => self.inbox.retain(|_, row| {
                let past = row.processed_at.is_some_and(|time| time < before);
                r.keeps(row.status == InboxStatus::Processed && past)
            }),
            Expiring::DeadWebhooks => self.inbox.retain(|_, row| {
                let given_up = matches!(row.status, InboxStatus::Dead | InboxStatus::Conflicting);
                r.keeps(given_up && row.next_attempt_at < before)
            }),
            Expiring::EventKeys => {
                let inbox = &self.inbox;
                self.event_keys
                    .retain(|_, row| r.keeps(row.created_at < before && !inbox.contains_key(&row.event.inbox_id)));
            }
            Expiring::Journals => {
                let operations = &self.operations;
                self.exchanges.retain(|(id, _), _| {
                    let operation = operations.get(id);
                    r.keeps(operation.is_some_and(|row| !is_open(row) && row.updated_at < before))
                });
            }
            Expiring::Operations => {
                let exchanges = &self.exchanges;
                self.operations.retain(|id, row| {
                    let has_journal = exchanges.keys().any(|(operation, _)| operation == id);
                    r.keeps(!is_open(row) && row.updated_at < before && !has_journal)
                });
            }
            Expiring::IdempotencyKeys => {
                let operations = &self.operations;
                self.idempotency_keys.retain(|_, row| {
                    let operation = row.operation_id.and_then(|id| operations.get(&id));
                    r.keeps(row.created_at < before && !operation.is_some_and(is_open))
                });
            }
            Expiring::ExpiredSecrets => self
                .secrets
                .retain(|row| r.keeps(row.expires_at.is_some_and(|time| time < before))),
            Expiring::EndedImports => self.imports.retain(|_, row| {
                let past = row.ended_at.is_some_and(|time| time < before);
                r.keeps(row.status != ImportStatus::Running && past)
            }),
        }
        removing.removed
    }
}

#[async_trait]
impl RetentionRepository for MemoryStore {
    async fn remove(&self, what: Expiring, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.ask(|_| ()).await?;
        Ok(self.rows().remove(what, before, limit))
    }
}
