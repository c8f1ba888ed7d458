//! Writes that need no version: what is inserted once, or put as it is.

use tillgate_application::account::{ApiKey, SealedSecret};
use tillgate_application::operation::IdempotencyRecord;
use tillgate_application::ports::{CommitError, Conflict, Exchange};
use tillgate_domain::{
    ApiKeyId, InboxId, OperationId, Organization, Product, ProviderAccountId, SubscriptionId, Tenant, TenantId,
    Timestamp, User,
};

use super::super::Connection;
use super::Query;
use super::columns::json;
use super::tables;
use crate::failures::statement_failed;

async fn run(connection: &mut Connection, query: Query<'_>, what: &'static str) -> Result<u64, CommitError> {
    let done = query
        .execute(connection)
        .await
        .map_err(|error| statement_failed(&error, what))?;
    Ok(done.rows_affected())
}

pub(super) async fn tenant(connection: &mut Connection, tenant: &Tenant) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(tenant.id.to_string())
            .bind(&tenant.name)
            .bind(tenant.mode.as_str())
            .bind(tenant.created_at.as_millis())
    };
    tables::TENANTS.insert(connection, bind).await
}

pub(super) async fn organization(connection: &mut Connection, put: &Organization) -> Result<(), CommitError> {
    let query = sqlx::query(
        "INSERT INTO organizations (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at",
    )
    .bind(put.tenant_id.to_string())
    .bind(&put.id)
    .bind(&put.name)
    .bind(put.created_at.as_millis())
    .bind(put.updated_at.as_millis());
    run(connection, query, "organization").await.map(drop)
}

pub(super) async fn user(connection: &mut Connection, put: &User) -> Result<(), CommitError> {
    let query = sqlx::query(
        "INSERT INTO users (tenant_id, id, email, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, id) DO UPDATE
         SET email = excluded.email, name = excluded.name, updated_at = excluded.updated_at",
    )
    .bind(put.tenant_id.to_string())
    .bind(&put.id)
    .bind(&put.email)
    .bind(&put.name)
    .bind(put.created_at.as_millis())
    .bind(put.updated_at.as_millis());
    run(connection, query, "user").await.map(drop)
}

pub(super) async fn product(connection: &mut Connection, put: &Product) -> Result<(), CommitError> {
    let (tenant_id, id) = (put.tenant_id.to_string(), put.id.clone());
    let query = sqlx::query(
        "INSERT INTO products (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at",
    )
    .bind(tenant_id.clone())
    .bind(id.clone())
    .bind(&put.name)
    .bind(put.created_at.as_millis())
    .bind(put.updated_at.as_millis());
    run(&mut *connection, query, "product").await?;
    let clear = sqlx::query("DELETE FROM product_prices WHERE tenant_id = $1 AND product_id = $2");
    run(
        &mut *connection,
        clear.bind(tenant_id.clone()).bind(id.clone()),
        "product",
    )
    .await?;
    for (account_id, price) in &put.prices {
        let query = sqlx::query(
            "INSERT INTO product_prices (tenant_id, product_id, account_id, price) VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant_id.clone())
        .bind(id.clone())
        .bind(account_id.to_string())
        .bind(price.clone());
        run(&mut *connection, query, "price").await?;
    }
    Ok(())
}

pub(super) async fn api_key(connection: &mut Connection, key: &ApiKey) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(key.id.to_string())
            .bind(key.tenant_id.to_string())
            .bind(&key.name)
            .bind(key.hash.to_vec())
            .bind(&key.hint)
            .bind(key.created_at.as_millis())
            .bind(key.revoked_at.map(Timestamp::as_millis))
    };
    tables::API_KEYS.insert(connection, bind).await
}

pub(super) async fn revoke_api_key(
    connection: &mut Connection,
    tenant_id: TenantId,
    id: ApiKeyId,
    at: Timestamp,
) -> Result<(), CommitError> {
    let sql = "UPDATE api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    let query = sqlx::query(sql)
        .bind(tenant_id.to_string())
        .bind(id.to_string())
        .bind(at.as_millis());
    run(connection, query, "API key").await.map(drop)
}

pub(super) async fn secret(connection: &mut Connection, secret: &SealedSecret) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(secret.account_id.to_string())
            .bind(secret.tenant_id.to_string())
            .bind(&secret.name)
            .bind(&secret.sealed)
            .bind(secret.created_at.as_millis())
            .bind(secret.expires_at.map(Timestamp::as_millis))
    };
    tables::SECRETS.insert(connection, bind).await
}

pub(super) async fn expire_secrets(
    connection: &mut Connection,
    account_id: ProviderAccountId,
    name: &str,
    at: Timestamp,
) -> Result<(), CommitError> {
    let sql = "UPDATE account_secrets SET expires_at = $3
               WHERE account_id = $1 AND name = $2 AND (expires_at IS NULL OR expires_at > $3)";
    let query = sqlx::query(sql)
        .bind(account_id.to_string())
        .bind(name.to_owned())
        .bind(at.as_millis());
    run(connection, query, "secret").await.map(drop)
}

pub(super) async fn idempotency_key(
    connection: &mut Connection,
    record: &IdempotencyRecord,
) -> Result<(), CommitError> {
    // Not an error of the database, so that PostgreSQL doesn't give the whole transaction up.
    let query = sqlx::query(
        "INSERT INTO idempotency_keys (owner, key, fingerprint, operation_id, answer, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner, key) DO NOTHING",
    )
    .bind(&record.owner)
    .bind(&record.key.key)
    .bind(record.key.fingerprint.to_vec())
    .bind(record.operation_id.map(|id| id.to_string()))
    .bind(&record.answer)
    .bind(record.created_at.as_millis());
    match run(connection, query, "idempotency key").await? {
        0 => Err(CommitError::Conflict(Conflict::IdempotencyKey)),
        _ => Ok(()),
    }
}

pub(super) async fn event_key(
    connection: &mut Connection,
    account_id: ProviderAccountId,
    dedupe_key: &str,
    inbox_id: InboxId,
    digest: Option<[u8; 32]>,
    at: Timestamp,
) -> Result<(), CommitError> {
    let query = sqlx::query(
        "INSERT INTO event_keys (account_id, dedupe_key, inbox_id, created_at, digest) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, dedupe_key) DO NOTHING",
    )
    .bind(account_id.to_string())
    .bind(dedupe_key.to_owned())
    .bind(inbox_id.to_string())
    .bind(at.as_millis())
    .bind(digest.map(|digest| digest.to_vec()));
    match run(connection, query, "event").await? {
        0 => Err(CommitError::Conflict(Conflict::DuplicateEvent {
            dedupe_key: dedupe_key.to_owned(),
        })),
        _ => Ok(()),
    }
}

pub(super) async fn exchange(
    connection: &mut Connection,
    operation_id: OperationId,
    index: u32,
    exchange: &Exchange,
) -> Result<(), CommitError> {
    let query = sqlx::query(
        "INSERT INTO exchanges (operation_id, position, exchange) VALUES ($1, $2, $3)
         ON CONFLICT (operation_id, position) DO UPDATE SET exchange = excluded.exchange",
    )
    .bind(operation_id.to_string())
    .bind(i64::from(index))
    .bind(json(exchange));
    run(connection, query, "exchange").await.map(drop)
}

pub(super) async fn truncate_journal(
    connection: &mut Connection,
    operation_id: OperationId,
    from: u32,
) -> Result<(), CommitError> {
    let query = sqlx::query("DELETE FROM exchanges WHERE operation_id = $1 AND position >= $2")
        .bind(operation_id.to_string())
        .bind(i64::from(from));
    run(connection, query, "exchange").await.map(drop)
}

/// Not guarded by the subscription's version: it says nothing about the subscription, and disturbs no change of it.
pub(super) async fn asked_about(
    connection: &mut Connection,
    id: SubscriptionId,
    at: Timestamp,
    asked_before: Timestamp,
) -> Result<(), CommitError> {
    let query =
        sqlx::query("UPDATE subscriptions SET asked_at = $1 WHERE id = $2 AND (asked_at IS NULL OR asked_at < $3)")
            .bind(at.as_millis())
            .bind(id.to_string())
            .bind(asked_before.as_millis());
    match run(connection, query, "subscription").await? {
        0 => Err(CommitError::Conflict(Conflict::Version("subscription"))),
        _ => Ok(()),
    }
}
