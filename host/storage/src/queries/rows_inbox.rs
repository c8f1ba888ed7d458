//! Rows of the inbox: how they are read, and how they are saved.

use tillgate_application::inbox::{InboxEntry, InboxStatus, InboxSummary, KnownEvent, PluginBuild};
use tillgate_application::ports::{CommitError, Conflict, Exchange, WebhookRequest};
use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use super::super::{Connection, Row};
use super::Query;
use super::columns::{
    Stored, Unreadable, bytes32_optional, from_json, from_json_optional, get, headers, headers_written, json, parsed,
    parsed_optional, time, time_optional, unsigned, word,
};
use super::tables::{self, Table};
use crate::failures::statement_failed;

const STATUSES: [(&str, InboxStatus); 4] = [
    (InboxStatus::Pending.as_str(), InboxStatus::Pending),
    (InboxStatus::Processed.as_str(), InboxStatus::Processed),
    (InboxStatus::Dead.as_str(), InboxStatus::Dead),
    (InboxStatus::Conflicting.as_str(), InboxStatus::Conflicting),
];

/// What a webhook is, for conflicts.
const WHAT: &str = "webhook";

fn failed_with(row: &Row) -> Result<Option<PluginBuild>, Unreadable> {
    let Some(name) = get(row, "failed_plugin")? else {
        return Ok(None);
    };
    Ok(Some(PluginBuild {
        name,
        version: get::<Option<String>>(row, "failed_version")?.unwrap_or_default(),
        digest: get::<Option<String>>(row, "failed_digest")?.unwrap_or_default(),
    }))
}

impl Stored for InboxEntry {
    fn table() -> &'static Table {
        &tables::INBOX
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        let received_at = time(row, "received_at")?;
        let journal: Option<Vec<Exchange>> = from_json_optional(row, "failed_journal")?;
        Ok(InboxEntry {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            request: WebhookRequest {
                method: get(row, "method")?,
                url: get(row, "url")?,
                query: from_json(row, "query")?,
                headers: headers(row, "headers")?,
                body: get(row, "body")?,
                remote_ip: parsed_optional(row, "remote_ip")?,
                received_at_ms: received_at.as_millis(),
            },
            fetch_back: get(row, "fetch_back")?,
            provider_types: get(row, "provider_types")?,
            status: word(row, "status", &STATUSES)?,
            attempts: unsigned(row, "attempts")?,
            next_attempt_at: time(row, "next_attempt_at")?,
            error: get(row, "error")?,
            failed_with: failed_with(row)?,
            journal: journal.unwrap_or_default(),
            plugin_version: get(row, "plugin_version")?,
            replays: unsigned(row, "replays")?,
            received_at,
            processed_at: time_optional(row, "processed_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

impl Stored for InboxSummary {
    fn table() -> &'static Table {
        &tables::INBOX_SUMMARIES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(InboxSummary {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            provider_types: get(row, "provider_types")?,
            status: word(row, "status", &STATUSES)?,
            attempts: unsigned(row, "attempts")?,
            next_attempt_at: time(row, "next_attempt_at")?,
            error: get(row, "error")?,
            failed_with: failed_with(row)?,
            plugin_version: get(row, "plugin_version")?,
            replays: unsigned(row, "replays")?,
            received_at: time(row, "received_at")?,
            processed_at: time_optional(row, "processed_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

impl Stored for KnownEvent {
    fn table() -> &'static Table {
        &tables::EVENT_KEYS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(KnownEvent {
            dedupe_key: get(row, "dedupe_key")?,
            inbox_id: parsed(row, "inbox_id")?,
            digest: bytes32_optional(row, "digest")?,
        })
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Binds what failed, in the order of the columns.
fn bind_failed<'q>(query: Query<'q>, entry: &InboxEntry) -> Query<'q> {
    let build = entry.failed_with.clone();
    let (name, version, digest) = match build {
        Some(build) => (Some(build.name), Some(build.version), Some(build.digest)),
        None => (None, None, None),
    };
    query
        .bind(name)
        .bind(version)
        .bind(digest)
        .bind((!entry.journal.is_empty()).then(|| json(&entry.journal)))
        .bind(entry.plugin_version.clone())
        .bind(i64::from(entry.replays))
}

/// Saves a webhook. The raw request is written once and never again.
pub(super) async fn save(connection: &mut Connection, entry: &InboxEntry) -> Result<(), CommitError> {
    if entry.version > 0 {
        return update(connection, entry).await;
    }
    let request = &entry.request;
    let bind = |query: Query<'static>| {
        let query = query
            .bind(entry.id.to_string())
            .bind(entry.tenant_id.to_string())
            .bind(entry.account_id.to_string())
            .bind(request.method.clone())
            .bind(request.url.clone())
            .bind(json(&request.query))
            .bind(headers_written(&request.headers))
            .bind(request.body.clone())
            .bind(request.remote_ip.map(|ip| ip.to_string()))
            .bind(entry.fetch_back)
            .bind(entry.provider_types.clone())
            .bind(entry.status.as_str())
            .bind(i64::from(entry.attempts))
            .bind(entry.next_attempt_at.as_millis())
            .bind(entry.error.clone())
            .bind(entry.received_at.as_millis())
            .bind(entry.processed_at.map(Timestamp::as_millis));
        bind_failed(query, entry)
    };
    tables::INBOX.save(connection, 0, bind).await
}

async fn update(connection: &mut Connection, entry: &InboxEntry) -> Result<(), CommitError> {
    let query = sqlx::query(
        "UPDATE inbox SET provider_types = $3, status = $4, attempts = $5, next_attempt_at = $6, error = $7,
         processed_at = $8, failed_plugin = $9, failed_version = $10, failed_digest = $11, failed_journal = $12,
         plugin_version = $13, replays = $14, version = $2 + 1 WHERE id = $1 AND version = $2",
    )
    .bind(entry.id.to_string())
    .bind(signed(entry.version))
    .bind(&entry.provider_types)
    .bind(entry.status.as_str())
    .bind(i64::from(entry.attempts))
    .bind(entry.next_attempt_at.as_millis())
    .bind(&entry.error)
    .bind(entry.processed_at.map(Timestamp::as_millis));
    one(connection, bind_failed(query, entry)).await
}

/// Puts a webhook back.
pub(super) async fn replay(
    connection: &mut Connection,
    id: InboxId,
    version: u64,
    plugin_version: Option<&str>,
    at: Timestamp,
) -> Result<(), CommitError> {
    let query = sqlx::query(
        "UPDATE inbox SET status = 'pending', attempts = 0, next_attempt_at = $3, plugin_version = $4,
         replays = replays + 1, version = $2 + 1 WHERE id = $1 AND version = $2",
    )
    .bind(id.to_string())
    .bind(signed(version))
    .bind(at.as_millis())
    .bind(plugin_version.map(str::to_owned));
    one(connection, query).await
}

/// Says what an event that was taken in has its effect by. One that was forgotten meanwhile stays so.
pub(super) async fn event_digest(
    connection: &mut Connection,
    account_id: ProviderAccountId,
    dedupe_key: &str,
    digest: [u8; 32],
) -> Result<(), CommitError> {
    let query = sqlx::query("UPDATE event_keys SET digest = $3 WHERE account_id = $1 AND dedupe_key = $2")
        .bind(account_id.to_string())
        .bind(dedupe_key.to_owned())
        .bind(digest.to_vec());
    let done = query.execute(connection).await;
    done.map(drop).map_err(|error| statement_failed(&error, "event"))
}

async fn one(connection: &mut Connection, query: Query<'_>) -> Result<(), CommitError> {
    let done = query
        .execute(connection)
        .await
        .map_err(|error| statement_failed(&error, WHAT))?;
    if done.rows_affected() == 0 {
        return Err(CommitError::Conflict(Conflict::Version(WHAT)));
    }
    Ok(())
}
