//! Removes what was kept for long enough: one function a kind, each one statement of so many rows at the most.
//!
//! Ids say when they were made, and their index has them in that order: what is younger isn't looked at. What may not be
//! removed is said again where the row is removed, since it may have changed after it was found.

use async_trait::async_trait;
use tillgate_application::ports::{CommitError, Expiring, RetentionRepository, StoreError, UnitOfWork, Write};
use tillgate_domain::{OperationId, Timestamp};

use super::super::Connection;
use super::inbox::{ID_SLACK_MS, id_at};
use super::{Query, Repository};
use crate::failures::statement_failed;

#[async_trait]
impl RetentionRepository for Repository {
    async fn remove(&self, what: Expiring, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut work = UnitOfWork::new();
        work.push(Write::Remove { what, before, limit });
        match self.writers.commit(work, Vec::new()).await {
            Ok(rows) => Ok(rows),
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict(conflict)) => Err(StoreError::Corrupt(format!("{conflict:?}"))),
        }
    }
}

pub(super) async fn remove(
    connection: &mut Connection,
    what: Expiring,
    before: Timestamp,
    limit: u32,
) -> Result<u64, CommitError> {
    let limit = i64::from(limit);
    let query = match what {
        Expiring::ProcessedWebhooks => processed_webhooks(before),
        Expiring::DeadWebhooks => dead_webhooks(before),
        Expiring::EventKeys => event_keys(before),
        Expiring::Journals => journals(before),
        Expiring::Operations => operations(before),
        Expiring::IdempotencyKeys => idempotency_keys(before),
        Expiring::ExpiredSecrets => expired_secrets(before),
        Expiring::EndedImports => ended_imports(before),
    };
    let done = query.bind(limit).execute(connection).await;
    let done = done.map_err(|error| statement_failed(&error, what.as_str()))?;
    Ok(done.rows_affected())
}

/// The least id of a webhook made later than a time, whatever was done to the clock.
fn webhook_after(time: Timestamp) -> String {
    id_at(time.plus_millis(ID_SLACK_MS)).to_string()
}

/// The same of an operation.
fn operation_after(time: Timestamp) -> String {
    let bits = id_at(time.plus_millis(ID_SLACK_MS)).bits();
    OperationId::from_bits(bits).to_string()
}

fn processed_webhooks(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM inbox WHERE status = 'processed' AND id IN (
             SELECT id FROM inbox WHERE id < $1 AND status = 'processed' AND processed_at < $2 ORDER BY id LIMIT $3)",
    )
    .bind(webhook_after(before))
    .bind(before.as_millis())
}

fn dead_webhooks(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM inbox WHERE status IN ('dead', 'conflicting') AND id IN (
             SELECT id FROM inbox WHERE id < $1 AND status IN ('dead', 'conflicting') AND next_attempt_at < $2
             ORDER BY id LIMIT $3)",
    )
    .bind(webhook_after(before))
    .bind(before.as_millis())
}

/// Not those of a webhook that is still there: put back, it would have its effect a second time.
fn event_keys(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM event_keys WHERE (account_id, dedupe_key) IN (
             SELECT account_id, dedupe_key FROM event_keys WHERE created_at < $1
             AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.id = event_keys.inbox_id)
             ORDER BY created_at LIMIT $2)",
    )
    .bind(before.as_millis())
}

fn journals(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM exchanges WHERE (operation_id, position) IN (
             SELECT exchanges.operation_id, exchanges.position
             FROM exchanges JOIN operations ON operations.id = exchanges.operation_id
             WHERE exchanges.operation_id < $1 AND operations.status IN ('succeeded', 'failed', 'not_sent')
             AND operations.updated_at < $2
             ORDER BY exchanges.operation_id, exchanges.position LIMIT $3)",
    )
    .bind(operation_after(before))
    .bind(before.as_millis())
}

/// Not one that has its journal yet.
fn operations(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM operations WHERE status IN ('succeeded', 'failed', 'not_sent') AND id IN (
             SELECT id FROM operations WHERE id < $1 AND status IN ('succeeded', 'failed', 'not_sent') AND updated_at < $2
             AND NOT EXISTS (SELECT 1 FROM exchanges WHERE exchanges.operation_id = operations.id)
             ORDER BY id LIMIT $3)",
    )
    .bind(operation_after(before))
    .bind(before.as_millis())
}

/// Not that of an operation that is open: by it the caller finds out, and nothing is done a second time.
fn idempotency_keys(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM idempotency_keys WHERE (owner, key) IN (
             SELECT owner, key FROM idempotency_keys WHERE created_at < $1
             AND NOT EXISTS (SELECT 1 FROM operations WHERE operations.id = idempotency_keys.operation_id
                             AND operations.status IN ('running', 'unknown_outcome'))
             ORDER BY created_at LIMIT $2)",
    )
    .bind(before.as_millis())
}

fn expired_secrets(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM account_secrets WHERE expires_at < $1 AND (account_id, name, created_at) IN (
             SELECT account_id, name, created_at FROM account_secrets WHERE expires_at < $1
             ORDER BY expires_at LIMIT $2)",
    )
    .bind(before.as_millis())
}

fn ended_imports(before: Timestamp) -> Query<'static> {
    sqlx::query(
        "DELETE FROM imports WHERE status <> 'running' AND id IN (
             SELECT id FROM imports WHERE status <> 'running' AND ended_at < $1 ORDER BY id LIMIT $2)",
    )
    .bind(before.as_millis())
}
