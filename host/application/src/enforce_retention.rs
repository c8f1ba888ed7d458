//! Removes what was kept for as long as it is to be.

use tillgate_domain::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::bounds::{RETENTION_BATCH, RETENTION_BATCHES_MAX};
use crate::ports::Expiring;
use crate::{Application, ApplicationError};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// For how many days what has ended is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Webhooks whose effect is committed.
    pub processed_webhooks_days: u32,
    /// Webhooks that were given up, and those that are conflicting.
    pub dead_webhooks_days: u32,
    /// By what repetitions of an event are known.
    pub event_keys_days: u32,
    /// The exchanges of operations that have ended.
    pub journals_days: u32,
    /// Operations that have ended.
    pub operations_days: u32,
    /// Idempotency keys of callers.
    pub idempotency_keys_days: u32,
    /// Secrets of accounts, after they have expired.
    pub expired_secrets_days: u32,
    /// Imports that have ended.
    pub ended_imports_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            processed_webhooks_days: 30,
            dead_webhooks_days: 90,
            event_keys_days: 90,
            journals_days: 30,
            operations_days: 90,
            idempotency_keys_days: 3,
            expired_secrets_days: 7,
            ended_imports_days: 90,
        }
    }
}

impl Retention {
    /// For how many days a kind is kept.
    #[must_use]
    pub const fn days(&self, what: Expiring) -> u32 {
        match what {
            Expiring::ProcessedWebhooks => self.processed_webhooks_days,
            Expiring::DeadWebhooks => self.dead_webhooks_days,
            Expiring::EventKeys => self.event_keys_days,
            Expiring::Journals => self.journals_days,
            Expiring::Operations => self.operations_days,
            Expiring::IdempotencyKeys => self.idempotency_keys_days,
            Expiring::ExpiredSecrets => self.expired_secrets_days,
            Expiring::EndedImports => self.ended_imports_days,
        }
    }

    fn before(&self, what: Expiring, now: Timestamp) -> Timestamp {
        now.plus_millis(-(i64::from(self.days(what)) * DAY_MS))
    }
}

/// What a round removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many rows.
    pub rows: u64,
    /// Whether there may be more to remove: the next round need not wait.
    pub more: bool,
}

/// Removes what is past its time, a batch a statement, each a unit of work of its own, until there is no more, each kind had
/// its share, or `stop` is canceled.
///
/// # Errors
/// The store failed; what was removed by then is.
pub async fn enforce_retention(
    app: &Application,
    retention: &Retention,
    stop: &CancellationToken,
) -> Result<Removed, ApplicationError> {
    let mut removed = Removed::default();
    // Journals come before the operations they are of: a word's place in the list is its turn.
    for what in Expiring::ALL {
        let before = retention.before(*what, app.now());
        let mut batches = 0;
        loop {
            if stop.is_cancelled() {
                return Ok(removed);
            }
            let rows = app.store().remove(*what, before, RETENTION_BATCH).await?;
            app.metrics().removed(*what, rows);
            removed.rows += rows;
            batches += 1;
            if rows < u64::from(RETENTION_BATCH) {
                break;
            }
            if batches >= RETENTION_BATCHES_MAX {
                removed.more = true;
                break;
            }
        }
    }
    Ok(removed)
}
