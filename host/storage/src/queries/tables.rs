//! Tables whose rows have a version: one list of columns makes the insert, the update and the binding agree.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use tillgate_application::ports::{CommitError, Conflict};

use super::super::Connection;
use super::Query;
use super::writer::statement_failed;

/// A table. The first column is the id, the last one the version.
pub(super) struct Table {
    /// What a row is, for conflicts.
    what: &'static str,
    insert: String,
    update: String,
}

impl Table {
    fn new(name: &str, what: &'static str, columns: &[&str]) -> Self {
        let numbers: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let sets: Vec<String> = columns
            .iter()
            .zip(&numbers)
            .skip(1)
            .map(|(column, number)| format!("{column} = {number}"))
            .collect();
        let last = columns.len();
        Self {
            what,
            insert: format!(
                "INSERT INTO {name} ({}) VALUES ({})",
                columns.join(", "),
                numbers.join(", ")
            ),
            update: format!(
                "UPDATE {name} SET {} WHERE id = $1 AND version = ${last} - 1",
                sets.join(", ")
            ),
        }
    }

    /// Saves a row: inserted where the version it had is 0, else updated where it is still that one. `bind` binds every
    /// column in order but the version.
    pub(super) async fn save(
        &'static self,
        connection: &mut Connection,
        version: u64,
        bind: impl FnOnce(Query) -> Query,
    ) -> Result<(), CommitError> {
        let sql = if version == 0 { &self.insert } else { &self.update };
        let next = i64::try_from(version + 1).unwrap_or(i64::MAX);
        let query = bind(sqlx::query(AssertSqlSafe(sql.as_str()))).bind(next);
        let done = query
            .execute(connection)
            .await
            .map_err(|error| statement_failed(error, self.what))?;
        if done.rows_affected() == 0 {
            return Err(CommitError::Conflict(Conflict::Version(self.what)));
        }
        Ok(())
    }
}

macro_rules! tables {
    ($($name:ident = $table:literal, $what:literal, [$($column:literal),* $(,)?];)*) => {$(
        pub(super) static $name: LazyLock<Table> = LazyLock::new(|| Table::new($table, $what, &[$($column),*]));
    )*};
}

tables! {
    ACCOUNTS = "provider_accounts", "provider account", [
        "id", "tenant_id", "name", "plugin", "plugin_version", "plugin_digest", "is_default", "settings",
        "endpoint_overrides", "created_at", "updated_at", "version",
    ];
    OPERATIONS = "operations", "operation", [
        "id", "tenant_id", "account_id", "plugin_digest", "kind", "request", "status", "lease_until", "attempts",
        "answer", "failure", "created_at", "updated_at", "version",
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
    INBOX = "inbox", "webhook", [
        "id", "tenant_id", "account_id", "method", "url", "query", "headers", "body", "remote_ip", "fetch_back",
        "provider_types", "status", "attempts", "next_attempt_at", "error", "received_at", "processed_at", "version",
    ];
}
