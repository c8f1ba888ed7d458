//! The tables: one list of columns makes what is read, the insert, the update and the binding agree.
//!
//! Columns are always named, never `*`: another release may add some while this one runs, and PostgreSQL refuses a
//! prepared statement whose columns changed.

use std::sync::{Arc, LazyLock};

use sqlx::{AssertSqlSafe, QueryBuilder};
use tillgate_application::ports::{CommitError, Conflict};
use tillgate_domain::TenantId;

use super::super::{Connection, Db};
use super::Query;
use super::columns::Stored;
use crate::failures::statement_failed;

/// A table. Where its rows have a version, the first column is the id and the last one the version.
pub(super) struct Table {
    name: &'static str,
    /// What a row is, for conflicts.
    what: &'static str,
    select: String,
    insert: Arc<str>,
    update: Arc<str>,
}

impl Table {
    fn new(name: &'static str, what: &'static str, columns: &[&str]) -> Self {
        let numbers: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let qualified: Vec<String> = columns.iter().map(|column| format!("{name}.{column}")).collect();
        let sets: Vec<String> = columns
            .iter()
            .zip(&numbers)
            .skip(1)
            .map(|(column, number)| format!("{column} = {number}"))
            .collect();
        let last = columns.len();
        Self {
            name,
            what,
            select: format!("SELECT {} FROM {name} ", qualified.join(", ")),
            insert: format!(
                "INSERT INTO {name} ({}) VALUES ({})",
                columns.join(", "),
                numbers.join(", ")
            )
            .into(),
            update: format!(
                "UPDATE {name} SET {} WHERE id = $1 AND version = ${last} - 1",
                sets.join(", ")
            )
            .into(),
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Inserts a row. `bind` binds every column in order.
    pub(super) async fn insert(
        &'static self,
        connection: &mut Connection,
        bind: impl FnOnce(Query<'static>) -> Query<'static>,
    ) -> Result<(), CommitError> {
        let query = bind(sqlx::query(AssertSqlSafe(Arc::clone(&self.insert))));
        query
            .execute(connection)
            .await
            .map(drop)
            .map_err(|error| statement_failed(&error, self.what))
    }

    /// Saves a row: inserted where the version it had is 0, else updated where it is still that one. `bind` binds every
    /// column in order but the version.
    pub(super) async fn save(
        &'static self,
        connection: &mut Connection,
        version: u64,
        bind: impl FnOnce(Query<'static>) -> Query<'static>,
    ) -> Result<(), CommitError> {
        let sql = if version == 0 { &self.insert } else { &self.update };
        let next = i64::try_from(version).unwrap_or(i64::MAX).saturating_add(1);
        let query = bind(sqlx::query(AssertSqlSafe(Arc::clone(sql)))).bind(next);
        let done = query
            .execute(connection)
            .await
            .map_err(|error| statement_failed(&error, self.what))?;
        if done.rows_affected() == 0 {
            return Err(CommitError::Conflict(Conflict::Version(self.what)));
        }
        Ok(())
    }
}

/// A query of rows that are read as `T`, given what comes after their table's name.
pub(super) fn select<T: Stored>(rest: &str) -> Query<'static> {
    sqlx::query(AssertSqlSafe(format!("{}{rest}", T::table().select)))
}

/// The same, to be put together of conditions.
pub(super) fn select_where<T: Stored>(condition: &str) -> QueryBuilder<Db> {
    QueryBuilder::new(format!("{}WHERE {condition}", T::table().select))
}

/// Those of a tenant.
pub(super) fn of_tenant<T: Stored>(tenant_id: TenantId) -> QueryBuilder<Db> {
    let mut query = select_where::<T>("tenant_id = ");
    query.push_bind(tenant_id.to_string());
    query
}

/// …and of its accounts: the provider's ids are indexed by these.
pub(super) fn of_its_accounts(query: &mut QueryBuilder<Db>, tenant_id: TenantId) {
    query
        .push(" AND account_id IN (SELECT id FROM provider_accounts WHERE tenant_id = ")
        .push_bind(tenant_id.to_string())
        .push(")");
}

macro_rules! tables {
    ($($name:ident = $table:literal, $what:literal, [$($column:literal),* $(,)?];)*) => {$(
        pub(super) static $name: LazyLock<Table> = LazyLock::new(|| Table::new($table, $what, &[$($column),*]));
    )*};
}

tables! {
    TENANTS = "tenants", "tenant", ["id", "name", "mode", "created_at"];
    ORGANIZATIONS = "organizations", "organization", ["tenant_id", "id", "name", "created_at", "updated_at"];
    USERS = "users", "user", ["tenant_id", "id", "email", "name", "created_at", "updated_at"];
    PRODUCTS = "products", "product", ["tenant_id", "id", "name", "created_at", "updated_at"];
    PRICES = "product_prices", "price", ["tenant_id", "product_id", "account_id", "price"];
    API_KEYS = "api_keys", "API key", ["id", "tenant_id", "name", "hash", "hint", "created_at", "revoked_at"];
    SECRETS = "account_secrets", "secret", ["account_id", "tenant_id", "name", "sealed", "created_at", "expires_at"];
    IDEMPOTENCY_KEYS = "idempotency_keys", "idempotency key", [
        "owner", "key", "fingerprint", "operation_id", "answer", "created_at",
    ];
    EXCHANGES = "exchanges", "exchange", ["exchange"];
    OUTBOX = "outbox", "event", [
        "id", "tenant_id", "event_type", "aggregate_id", "payload", "created_at", "subject", "position",
    ];
    ACCOUNTS = "provider_accounts", "provider account", [
        "id", "tenant_id", "name", "plugin", "plugin_version", "plugin_digest", "is_default", "settings",
        "endpoint_overrides", "created_at", "updated_at", "version",
    ];
    OPERATIONS = "operations", "operation", [
        "id", "tenant_id", "account_id", "plugin_digest", "kind", "request", "status", "lease_until", "attempts",
        "answer", "failure", "created_at", "updated_at", "subject", "version",
    ];
    CUSTOMERS = "customers", "customer", [
        "id", "tenant_id", "account_id", "provider_reference", "email", "organization_id", "user_id", "created_at",
        "updated_at", "version",
    ];
    CHECKOUT_SESSIONS = "checkout_sessions", "checkout session", [
        "id", "tenant_id", "account_id", "checkout_type", "product_id", "customer_id", "customer_email",
        "organization_id", "user_id", "seats", "trial_period_days", "success_url", "cancel_url", "metadata",
        "provider_reference", "url", "expires_at", "status", "payment_status", "created_at", "updated_at", "version",
    ];
    SUBSCRIPTIONS = "subscriptions", "subscription", [
        "id", "tenant_id", "account_id", "customer_id", "product_id", "provider_reference", "status",
        "provider_status", "price_reference", "seats", "period_start", "period_end", "trial_end", "cancel_at",
        "cancel_at_period_end", "canceled_at", "ended_at", "fact_version", "fact_as_of", "fact_source", "expires_at",
        "created_at", "updated_at", "version",
    ];
    PURCHASES = "purchases", "purchase", [
        "id", "tenant_id", "account_id", "customer_id", "purchase_type", "product_id", "subscription_id",
        "checkout_session_id", "provider_reference", "provider_transaction_id", "amount", "currency", "status",
        "created_at", "updated_at", "version",
    ];
    PAYMENTS = "payments", "payment", [
        "id", "tenant_id", "account_id", "provider_reference", "state", "amount", "currency", "customer_id",
        "subscription_id", "aliases", "failure_reason", "attempt", "next_attempt_at", "invoice_url", "receipt_url",
        "as_of", "refunded_amount", "created_at", "updated_at", "version",
    ];
    REFUNDS = "refunds", "refund", [
        "id", "tenant_id", "account_id", "payment_id", "provider_reference", "state", "amount", "currency",
        "payment_references", "reason", "failure_reason", "as_of", "created_at", "updated_at", "version",
    ];
    DISPUTES = "disputes", "dispute", [
        "id", "tenant_id", "account_id", "payment_id", "provider_reference", "amount", "currency",
        "payment_references", "reason", "provider_status", "evidence_due_at", "as_of", "created_at", "updated_at",
        "version",
    ];
    IMPORTS = "imports", "import", [
        "id", "tenant_id", "account_id", "announce", "status", "cursor", "progress", "started_at", "updated_at",
        "ended_at", "version",
    ];
    EVENT_ENDPOINTS = "event_endpoints", "event endpoint", [
        "id", "tenant_id", "url", "description", "event_types", "status", "disabled_reason", "failing_since", "secrets",
        "created_at", "updated_at", "version",
    ];
    EVENT_DELIVERIES = "event_deliveries", "delivery", [
        "id", "tenant_id", "endpoint_id", "event_id", "event_type", "subject", "position", "status", "attempts",
        "next_attempt_at", "log", "delivered_at", "created_at", "version",
    ];
    INBOX = "inbox", "webhook", [
        "id", "tenant_id", "account_id", "method", "url", "query", "headers", "body", "remote_ip", "fetch_back",
        "provider_types", "status", "attempts", "next_attempt_at", "error", "received_at", "processed_at",
        "failed_plugin", "failed_version", "failed_digest", "failed_journal", "plugin_version", "replays", "version",
    ];
    INBOX_SUMMARIES = "inbox", "webhook", [
        "id", "tenant_id", "account_id", "provider_types", "status", "attempts", "next_attempt_at", "error",
        "received_at", "processed_at", "failed_plugin", "failed_version", "failed_digest", "plugin_version", "replays",
        "version",
    ];
    EVENT_KEYS = "event_keys", "event", ["dedupe_key", "inbox_id", "digest"];
}
