//! Payments, refunds and disputes.

use async_trait::async_trait;
use sqlx::Row as _;
use tillgate_application::ports::{Page, PageRequest, PaymentFilter, PaymentRepository, RefundFilter, StoreError};
use tillgate_domain::{Dispute, Payment, PaymentId, ProviderAccountId, Refund, RefundId, TenantId};

use super::Repository;
use super::tables::{of_its_accounts, of_tenant, select};
use crate::failures::query_failed;

impl Repository {
    async fn payment_by_alias(
        &self,
        account_id: ProviderAccountId,
        alias: &str,
    ) -> Result<Option<Payment>, StoreError> {
        let sql = "JOIN payment_aliases ON payment_aliases.payment_id = payments.id
                   WHERE payment_aliases.account_id = $1 AND payment_aliases.alias = $2 ORDER BY payments.id LIMIT 1";
        self.find(select::<Payment>(sql).bind(account_id.to_string()).bind(alias))
            .await
    }
}

#[async_trait]
impl PaymentRepository for Repository {
    async fn payment(&self, tenant_id: TenantId, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn payment_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Payment>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn payment_by_any_reference(
        &self,
        account_id: ProviderAccountId,
        references: &[String],
    ) -> Result<Option<Payment>, StoreError> {
        for reference in references {
            let own = self.payment_by_provider_reference(account_id, reference).await?;
            let found = match own {
                Some(found) => Some(found),
                None => self.payment_by_alias(account_id, reference).await?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn payments(
        &self,
        tenant_id: TenantId,
        filter: &PaymentFilter,
        request: &PageRequest,
    ) -> Result<Page<Payment>, StoreError> {
        let mut query = of_tenant::<Payment>(tenant_id);
        if let Some(id) = filter.customer_id {
            query.push(" AND customer_id = ").push_bind(id.to_string());
        }
        if let Some(id) = filter.subscription_id {
            query.push(" AND subscription_id = ").push_bind(id.to_string());
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(reference) = &filter.provider_reference {
            // A union, not an "or": each half has its index.
            query
                .push(" AND id IN (SELECT id FROM payments WHERE provider_reference = ")
                .push_bind(reference.as_str());
            of_its_accounts(&mut query, tenant_id);
            query
                .push(" UNION SELECT payment_id FROM payment_aliases WHERE alias = ")
                .push_bind(reference.as_str());
            of_its_accounts(&mut query, tenant_id);
            query.push(")");
        }
        self.page(query, request).await
    }

    async fn refund(&self, tenant_id: TenantId, id: RefundId) -> Result<Option<Refund>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn refunds(
        &self,
        tenant_id: TenantId,
        filter: &RefundFilter,
        request: &PageRequest,
    ) -> Result<Page<Refund>, StoreError> {
        let mut query = of_tenant::<Refund>(tenant_id);
        if let Some(id) = filter.payment_id {
            query.push(" AND payment_id = ").push_bind(id.to_string());
        }
        self.page(query, request).await
    }

    async fn refunded_total(&self, tenant_id: TenantId, payment_id: PaymentId) -> Result<i64, StoreError> {
        // PostgreSQL sums into another type, SQLite keeps it: cast, both are the same.
        let sql = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total FROM refunds
                   WHERE tenant_id = $1 AND payment_id = $2 AND state NOT IN ('failed', 'canceled')";
        let query = sqlx::query(sql)
            .bind(tenant_id.to_string())
            .bind(payment_id.to_string());
        let rows = self.rows(query).await?;
        rows.first()
            .map_or(Ok(0), |row| row.try_get("total").map_err(|error| query_failed(&error)))
    }

    async fn refund_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Refund>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn dispute_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Dispute>, StoreError> {
        self.by_reference(account_id, reference).await
    }
}
