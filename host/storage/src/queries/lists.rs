//! Customers, checkout sessions, subscriptions and purchases.

use async_trait::async_trait;
use tillgate_application::ports::{
    CheckoutSessionRepository, CustomerFilter, CustomerRepository, PAGE_LIMIT_MAX, Page, PageRequest, PurchaseFilter,
    PurchaseRepository, StoreError, SubscriptionFilter, SubscriptionRepository,
};
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, ProviderAccountId, Purchase, PurchaseId, Subscription,
    SubscriptionId, TenantId, Timestamp,
};

use super::Repository;
use super::tables::{of_its_accounts, of_tenant, select};

/// The most rows of a list that isn't asked for by pages.
const LIMIT: i64 = PAGE_LIMIT_MAX as i64;

#[async_trait]
impl CustomerRepository for Repository {
    async fn customer(&self, tenant_id: TenantId, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn customer_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Customer>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn customers(
        &self,
        tenant_id: TenantId,
        filter: &CustomerFilter,
        request: &PageRequest,
    ) -> Result<Page<Customer>, StoreError> {
        let mut query = of_tenant::<Customer>(tenant_id);
        if let Some(id) = &filter.organization_id {
            query.push(" AND organization_id = ").push_bind(id.as_str());
        }
        if let Some(id) = &filter.user_id {
            query.push(" AND user_id = ").push_bind(id.as_str());
        }
        if let Some(reference) = &filter.provider_reference {
            of_its_accounts(&mut query, tenant_id);
            query.push(" AND provider_reference = ").push_bind(reference.as_str());
        }
        self.page(query, request).await
    }
}

#[async_trait]
impl CheckoutSessionRepository for Repository {
    async fn checkout_session(
        &self,
        tenant_id: TenantId,
        id: CheckoutSessionId,
    ) -> Result<Option<CheckoutSession>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn checkout_session_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<CheckoutSession>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn checkout_sessions(
        &self,
        tenant_id: TenantId,
        request: &PageRequest,
    ) -> Result<Page<CheckoutSession>, StoreError> {
        self.page(of_tenant::<CheckoutSession>(tenant_id), request).await
    }
}

#[async_trait]
impl SubscriptionRepository for Repository {
    async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn subscription_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id LIMIT $3";
        self.list(
            select::<Subscription>(sql)
                .bind(tenant_id.to_string())
                .bind(customer_id.to_string())
                .bind(LIMIT),
        )
        .await
    }

    async fn active_subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "WHERE tenant_id = $1 AND customer_id = $2
                   AND status IN ('active', 'trialing', 'past_due') ORDER BY id LIMIT $3";
        self.list(
            select::<Subscription>(sql)
                .bind(tenant_id.to_string())
                .bind(customer_id.to_string())
                .bind(LIMIT),
        )
        .await
    }

    async fn subscriptions_expiring_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "WHERE expires_at IS NOT NULL AND expires_at < $1
                   ORDER BY expires_at, id LIMIT $2";
        let query = select::<Subscription>(sql)
            .bind(before.as_millis())
            .bind(i64::from(limit));
        self.list(query).await
    }

    async fn overdue_subscriptions(
        &self,
        ended_before: Timestamp,
        asked_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "WHERE expires_at IS NOT NULL AND expires_at < $1 AND (asked_at IS NULL OR asked_at < $2)
                   ORDER BY expires_at, id LIMIT $3";
        let query = select::<Subscription>(sql)
            .bind(ended_before.as_millis())
            .bind(asked_before.as_millis())
            .bind(i64::from(limit));
        self.list(query).await
    }

    async fn subscriptions(
        &self,
        tenant_id: TenantId,
        filter: &SubscriptionFilter,
        request: &PageRequest,
    ) -> Result<Page<Subscription>, StoreError> {
        let mut query = of_tenant::<Subscription>(tenant_id);
        if let Some(id) = filter.customer_id {
            query.push(" AND customer_id = ").push_bind(id.to_string());
        }
        if let Some(id) = &filter.organization_id {
            query
                .push(" AND customer_id IN (SELECT id FROM customers WHERE tenant_id = ")
                .push_bind(tenant_id.to_string());
            query.push(" AND organization_id = ").push_bind(id.as_str()).push(")");
        }
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(before) = filter.expiring_before {
            query.push(" AND expires_at < ").push_bind(before.as_millis());
        }
        self.page(query, request).await
    }
}

#[async_trait]
impl PurchaseRepository for Repository {
    async fn purchase(&self, tenant_id: TenantId, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
        self.by_id(tenant_id, &id.to_string()).await
    }

    async fn purchase_by_subscription(
        &self,
        tenant_id: TenantId,
        subscription_id: SubscriptionId,
    ) -> Result<Option<Purchase>, StoreError> {
        let sql = "WHERE tenant_id = $1 AND subscription_id = $2 ORDER BY id LIMIT 1";
        self.find(
            select::<Purchase>(sql)
                .bind(tenant_id.to_string())
                .bind(subscription_id.to_string()),
        )
        .await
    }

    async fn purchase_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Purchase>, StoreError> {
        self.by_reference(account_id, reference).await
    }

    async fn purchase_by_provider_transaction(
        &self,
        account_id: ProviderAccountId,
        transaction_id: &str,
    ) -> Result<Option<Purchase>, StoreError> {
        let sql = "WHERE account_id = $1 AND provider_transaction_id = $2 ORDER BY id LIMIT 1";
        self.find(
            select::<Purchase>(sql)
                .bind(account_id.to_string())
                .bind(transaction_id),
        )
        .await
    }

    async fn purchases_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Purchase>, StoreError> {
        let sql = "WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id LIMIT $3";
        self.list(
            select::<Purchase>(sql)
                .bind(tenant_id.to_string())
                .bind(customer_id.to_string())
                .bind(LIMIT),
        )
        .await
    }

    async fn purchases(
        &self,
        tenant_id: TenantId,
        filter: &PurchaseFilter,
        request: &PageRequest,
    ) -> Result<Page<Purchase>, StoreError> {
        let mut query = of_tenant::<Purchase>(tenant_id);
        if let Some(id) = filter.customer_id {
            query.push(" AND customer_id = ").push_bind(id.to_string());
        }
        if let Some(id) = filter.subscription_id {
            query.push(" AND subscription_id = ").push_bind(id.to_string());
        }
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(reference) = &filter.provider_reference {
            of_its_accounts(&mut query, tenant_id);
            query
                .push(" AND (provider_reference = ")
                .push_bind(reference.as_str())
                .push(" OR provider_transaction_id = ")
                .push_bind(reference.as_str())
                .push(")");
        }
        self.page(query, request).await
    }
}
