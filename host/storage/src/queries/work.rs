//! Writes one unit of work, inside a transaction that is open.

use tillgate_application::ports::{CommitError, UnitOfWork, Write};

use super::super::Connection;
use super::{events, imports, retention, rows_inbox, saves, write_simple};
use crate::failures::statement_failed;

/// Writes all of it; the first that fails ends it. Answers how many rows were removed by their age.
pub(super) async fn write_all(connection: &mut Connection, work: &UnitOfWork) -> Result<u64, CommitError> {
    if work.is_empty() {
        return probe(connection).await.map(|()| 0);
    }
    let mut removed = 0;
    for write in work.writes() {
        match write {
            Write::Remove { what, before, limit } => {
                removed += retention::remove(connection, *what, *before, *limit).await?;
            }
            write => write_one(connection, write).await?,
        }
    }
    Ok(removed)
}

/// Writes nothing, in a way that a database that can't be written refuses.
async fn probe(connection: &mut Connection) -> Result<(), CommitError> {
    let query = sqlx::query("UPDATE tenants SET name = name WHERE id = ''");
    query
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| statement_failed(&error, "tenant"))
}

async fn write_one(connection: &mut Connection, write: &Write) -> Result<(), CommitError> {
    match write {
        Write::Tenant(tenant) => write_simple::tenant(connection, tenant).await,
        Write::Organization(organization) => write_simple::organization(connection, organization).await,
        Write::User(user) => write_simple::user(connection, user).await,
        Write::Product(product) => write_simple::product(connection, product).await,
        Write::ApiKey(key) => write_simple::api_key(connection, key).await,
        Write::RevokeApiKey { tenant_id, id, at } => {
            write_simple::revoke_api_key(connection, *tenant_id, *id, *at).await
        }
        Write::Secret(secret) => write_simple::secret(connection, secret).await,
        Write::ExpireSecrets { account_id, name, at } => {
            write_simple::expire_secrets(connection, *account_id, name, *at).await
        }
        Write::IdempotencyKey(record) => write_simple::idempotency_key(connection, record).await,
        Write::EventKey {
            account_id,
            dedupe_key,
            inbox_id,
            digest,
            at,
        } => write_simple::event_key(connection, *account_id, dedupe_key, *inbox_id, *digest, *at).await,
        Write::EventDigest {
            account_id,
            dedupe_key,
            digest,
        } => rows_inbox::event_digest(connection, *account_id, dedupe_key, *digest).await,
        Write::ReplayInbox {
            id,
            version,
            plugin_version,
            at,
        } => rows_inbox::replay(connection, *id, *version, plugin_version.as_deref(), *at).await,
        Write::Exchange {
            operation_id,
            index,
            exchange,
        } => write_simple::exchange(connection, *operation_id, *index, exchange).await,
        Write::TruncateJournal { operation_id, from } => {
            write_simple::truncate_journal(connection, *operation_id, *from).await
        }
        Write::Import(import) => imports::save(connection, import).await,
        Write::Event(event) => events::insert(connection, event).await,
        Write::OrderEvents { from, ids } => events::order(connection, *from, ids).await,
        Write::EventEndpoint(endpoint) => events::save_endpoint(connection, endpoint).await,
        Write::Delivery(delivery) => events::save_delivery(connection, delivery).await,
        Write::Account(account) => saves::account(connection, account).await,
        Write::Operation(operation) => saves::operation(connection, operation).await,
        Write::CheckoutSession(session) => saves::checkout_session(connection, session).await,
        Write::Customer(customer) => saves::customer(connection, customer).await,
        Write::Subscription(subscription) => saves::subscription(connection, subscription).await,
        Write::AskedAbout {
            subscription_id,
            at,
            asked_before,
        } => write_simple::asked_about(connection, *subscription_id, *at, *asked_before).await,
        Write::Purchase(purchase) => saves::purchase(connection, purchase).await,
        Write::Payment(payment) => saves::payment(connection, payment).await,
        Write::Refund(refund) => saves::refund(connection, refund).await,
        Write::Dispute(dispute) => saves::dispute(connection, dispute).await,
        Write::Remove { what, before, limit } => retention::remove(connection, *what, *before, *limit).await.map(drop),
        Write::Inbox(entry) => rows_inbox::save(connection, entry).await,
    }
}
