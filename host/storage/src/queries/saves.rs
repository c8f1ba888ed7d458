//! Saves what has a version. Each function binds the columns of its table in order.

use tillgate_application::account::ProviderAccount;
use tillgate_application::operation::Operation;
use tillgate_application::ports::{CommitError, Conflict};
use tillgate_domain::{
    CheckoutSession, Customer, Dispute, FactSource, Payment, Purchase, Refund, Subscription, SubscriptionChange,
    Timestamp,
};

use super::super::Connection;
use super::Query;
use super::columns::json;
use super::tables;
use crate::failures::statement_failed;

fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name of an account that is another's already, for conflicts.
const NAME_TAKEN: &str = "provider account with this name";

pub(super) async fn account(connection: &mut Connection, account: &ProviderAccount) -> Result<(), CommitError> {
    let failed = |error: sqlx::Error| statement_failed(&error, "provider account");
    let (id, tenant_id) = (account.id.to_string(), account.tenant_id.to_string());
    // Those who save accounts of one tenant take turns: what is asked about its other accounts stays true.
    let turn = sqlx::query("UPDATE tenants SET name = name WHERE id = $1").bind(&tenant_id);
    turn.execute(&mut *connection).await.map_err(failed)?;
    let sql = "SELECT id FROM provider_accounts WHERE tenant_id = $1 AND name = $2 AND id <> $3";
    let named = sqlx::query(sql).bind(&tenant_id).bind(&account.name).bind(&id);
    if named.fetch_optional(&mut *connection).await.map_err(failed)?.is_some() {
        return Err(CommitError::Conflict(Conflict::Reference(NAME_TAKEN)));
    }
    if account.is_default {
        // Their versions count too, so that whoever read one before doesn't make it the default again.
        let sql = "UPDATE provider_accounts SET is_default = $3, version = version + 1
                   WHERE tenant_id = $1 AND id <> $2 AND is_default = $4";
        let others = sqlx::query(sql).bind(&tenant_id).bind(&id).bind(false).bind(true);
        others.execute(&mut *connection).await.map_err(failed)?;
    }
    let bind = |query: Query<'static>| {
        query
            .bind(account.id.to_string())
            .bind(account.tenant_id.to_string())
            .bind(&account.name)
            .bind(&account.plugin)
            .bind(&account.plugin_version)
            .bind(&account.plugin_digest)
            .bind(account.is_default)
            .bind(json(&account.settings))
            .bind(json(&account.endpoint_overrides))
            .bind(account.created_at.as_millis())
            .bind(account.updated_at.as_millis())
    };
    tables::ACCOUNTS.save(connection, account.version, bind).await
}

pub(super) async fn operation(connection: &mut Connection, operation: &Operation) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(operation.id.to_string())
            .bind(operation.tenant_id.to_string())
            .bind(operation.account_id.to_string())
            .bind(&operation.plugin_digest)
            .bind(operation.request.kind())
            .bind(json(&operation.request))
            .bind(operation.status.as_str())
            .bind(operation.lease_until.as_millis())
            .bind(i64::from(operation.attempts))
            .bind(&operation.answer)
            .bind(operation.failure.as_ref().map(json))
            .bind(operation.created_at.as_millis())
            .bind(operation.updated_at.as_millis())
            .bind(operation.request.subject())
    };
    tables::OPERATIONS.save(connection, operation.version, bind).await
}

pub(super) async fn customer(connection: &mut Connection, customer: &Customer) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(customer.id.to_string())
            .bind(customer.tenant_id.to_string())
            .bind(customer.account_id.to_string())
            .bind(&customer.provider_reference)
            .bind(&customer.email)
            .bind(&customer.organization_id)
            .bind(&customer.user_id)
            .bind(customer.created_at.as_millis())
            .bind(customer.updated_at.as_millis())
    };
    tables::CUSTOMERS.save(connection, customer.version, bind).await
}

pub(super) async fn checkout_session(
    connection: &mut Connection,
    session: &CheckoutSession,
) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(session.id.to_string())
            .bind(session.tenant_id.to_string())
            .bind(session.account_id.to_string())
            .bind(session.checkout_type.as_str())
            .bind(&session.product_id)
            .bind(session.customer_id.map(|id| id.to_string()))
            .bind(&session.customer_email)
            .bind(&session.organization_id)
            .bind(&session.user_id)
            .bind(signed(session.seats))
            .bind(session.trial_period_days.map(i64::from))
            .bind(&session.success_url)
            .bind(&session.cancel_url)
            .bind(json(&session.metadata))
            .bind(&session.provider_reference)
            .bind(&session.url)
            .bind(millis(session.expires_at))
            .bind(session.status().as_str())
            .bind(session.payment_status().as_str())
            .bind(session.created_at.as_millis())
            .bind(session.updated_at().as_millis())
    };
    tables::CHECKOUT_SESSIONS.save(connection, session.version, bind).await
}

/// When a subscription that hasn't ended will need to be looked at: the earlier of its period's and its cancellation's
/// end.
fn expires_at(subscription: &Subscription) -> Option<i64> {
    if subscription.is_ended() {
        return None;
    }
    let terms = subscription.terms();
    let period_end = terms.period.map(|period| period.end);
    [terms.cancel_at, period_end]
        .into_iter()
        .flatten()
        .min()
        .map(Timestamp::as_millis)
}

fn source(source: FactSource) -> &'static str {
    match source {
        FactSource::Answer => "answer",
        FactSource::Event(SubscriptionChange::Created) => "created",
        FactSource::Event(SubscriptionChange::Updated) => "updated",
        FactSource::Event(SubscriptionChange::Ended) => "ended",
    }
}

pub(super) async fn subscription(connection: &mut Connection, given: &Subscription) -> Result<(), CommitError> {
    let (terms, stamp) = (given.terms(), given.stamp());
    let bind = |query: Query<'static>| {
        query
            .bind(given.id.to_string())
            .bind(given.tenant_id.to_string())
            .bind(given.account_id.to_string())
            .bind(given.customer_id.to_string())
            .bind(&given.product_id)
            .bind(&given.provider_reference)
            .bind(given.status().as_str())
            .bind(given.provider_status().to_owned())
            .bind(&terms.price_reference)
            .bind(terms.seats.map(signed))
            .bind(millis(terms.period.map(|period| period.start)))
            .bind(millis(terms.period.map(|period| period.end)))
            .bind(millis(terms.trial_end))
            .bind(millis(terms.cancel_at))
            .bind(terms.cancel_at_period_end)
            .bind(millis(terms.canceled_at))
            .bind(millis(terms.ended_at))
            .bind(stamp.object_version.map(signed))
            .bind(millis(stamp.as_of))
            .bind(source(stamp.source))
            .bind(expires_at(given))
            .bind(given.created_at.as_millis())
            .bind(given.updated_at().as_millis())
    };
    tables::SUBSCRIPTIONS.save(connection, given.version, bind).await
}

pub(super) async fn purchase(connection: &mut Connection, purchase: &Purchase) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(purchase.id.to_string())
            .bind(purchase.tenant_id.to_string())
            .bind(purchase.account_id.to_string())
            .bind(purchase.customer_id.map(|id| id.to_string()))
            .bind(purchase.purchase_type.as_str())
            .bind(&purchase.product_id)
            .bind(purchase.subscription_id.map(|id| id.to_string()))
            .bind(purchase.checkout_session_id.map(|id| id.to_string()))
            .bind(&purchase.provider_reference)
            .bind(&purchase.provider_transaction_id)
            .bind(purchase.amount.map(|money| money.amount))
            .bind(purchase.amount.map(|money| money.currency.to_string()))
            .bind(purchase.status().as_str())
            .bind(purchase.created_at.as_millis())
            .bind(purchase.updated_at().as_millis())
    };
    tables::PURCHASES.save(connection, purchase.version, bind).await
}

pub(super) async fn payment(connection: &mut Connection, payment: &Payment) -> Result<(), CommitError> {
    let facts = &payment.facts;
    let bind = |query: Query<'static>| {
        query
            .bind(payment.id.to_string())
            .bind(payment.tenant_id.to_string())
            .bind(payment.account_id.to_string())
            .bind(&facts.provider_reference)
            .bind(facts.state.as_str())
            .bind(facts.amount.amount)
            .bind(facts.amount.currency.to_string())
            .bind(facts.customer_id.map(|id| id.to_string()))
            .bind(facts.subscription_id.map(|id| id.to_string()))
            .bind(json(&facts.aliases))
            .bind(&facts.failure_reason)
            .bind(facts.attempt.map(i64::from))
            .bind(millis(facts.next_attempt_at))
            .bind(&facts.invoice_url)
            .bind(&facts.receipt_url)
            .bind(millis(facts.as_of))
            .bind(payment.refunded_amount)
            .bind(payment.created_at.as_millis())
            .bind(payment.updated_at.as_millis())
    };
    tables::PAYMENTS.save(&mut *connection, payment.version, bind).await?;
    for alias in &facts.aliases {
        let query = sqlx::query(
            "INSERT INTO payment_aliases (account_id, alias, payment_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(payment.account_id.to_string())
        .bind(alias)
        .bind(payment.id.to_string());
        query
            .execute(&mut *connection)
            .await
            .map_err(|error| statement_failed(&error, "payment"))?;
    }
    Ok(())
}

pub(super) async fn refund(connection: &mut Connection, refund: &Refund) -> Result<(), CommitError> {
    let facts = &refund.facts;
    let bind = |query: Query<'static>| {
        query
            .bind(refund.id.to_string())
            .bind(refund.tenant_id.to_string())
            .bind(refund.account_id.to_string())
            .bind(refund.payment_id.map(|id| id.to_string()))
            .bind(&facts.provider_reference)
            .bind(facts.state.as_str())
            .bind(facts.amount.amount)
            .bind(facts.amount.currency.to_string())
            .bind(json(&facts.payment_references))
            .bind(&facts.reason)
            .bind(&facts.failure_reason)
            .bind(millis(facts.as_of))
            .bind(refund.created_at.as_millis())
            .bind(refund.updated_at.as_millis())
    };
    tables::REFUNDS.save(connection, refund.version, bind).await
}

pub(super) async fn dispute(connection: &mut Connection, dispute: &Dispute) -> Result<(), CommitError> {
    let facts = &dispute.facts;
    let bind = |query: Query<'static>| {
        query
            .bind(dispute.id.to_string())
            .bind(dispute.tenant_id.to_string())
            .bind(dispute.account_id.to_string())
            .bind(dispute.payment_id.map(|id| id.to_string()))
            .bind(&facts.provider_reference)
            .bind(facts.amount.amount)
            .bind(facts.amount.currency.to_string())
            .bind(json(&facts.payment_references))
            .bind(&facts.reason)
            .bind(&facts.provider_status)
            .bind(millis(facts.evidence_due_at))
            .bind(millis(facts.as_of))
            .bind(dispute.created_at.as_millis())
            .bind(dispute.updated_at.as_millis())
    };
    tables::DISPUTES.save(connection, dispute.version, bind).await
}
