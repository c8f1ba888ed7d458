//! Customers, checkout sessions, subscriptions, purchases and payments.

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use tillgate_application::ports::{
    CheckoutSessionRepository, CustomerRepository, PAGE_LIMIT_MAX, Page, PageRequest, PaymentRepository,
    PurchaseFilter, PurchaseRepository, StoreError, SubscriptionFilter, SubscriptionRepository,
};
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, Dispute, Payment, PaymentId, ProviderAccountId, Purchase,
    PurchaseId, Refund, RefundId, Subscription, SubscriptionId, TenantId, Timestamp,
};

use super::{Query, Repository, Row, rows, rows_payments};

/// One page of a query whose last two parameters are the id to begin after and the limit.
pub(super) async fn page<T>(
    repository: &Repository,
    query: Query,
    request: &PageRequest,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let limit = request.limit.clamp(1, PAGE_LIMIT_MAX);
    let query = query
        .bind(request.after.clone().unwrap_or_default())
        .bind(i64::from(limit) + 1);
    let found = repository.all(query).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let items = found
        .iter()
        .take(wanted)
        .map(read)
        .collect::<Result<Vec<T>, StoreError>>()?;
    Ok(Page {
        items,
        has_more: found.len() > wanted,
    })
}

impl Repository {
    /// By the tenant's and its own id.
    async fn by_id(&self, sql: &'static str, tenant_id: TenantId, id: String) -> Result<Option<Row>, StoreError> {
        self.one(sqlx::query(sql).bind(tenant_id.to_string()).bind(id)).await
    }

    /// By an account's and the provider's id.
    async fn by_reference(
        &self,
        sql: &'static str,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Row>, StoreError> {
        self.one(sqlx::query(sql).bind(account_id.to_string()).bind(reference.to_owned()))
            .await
    }
}

#[async_trait]
impl CustomerRepository for Repository {
    async fn customer(&self, tenant_id: TenantId, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        let sql = "SELECT * FROM customers WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows::customer)
            .transpose()
    }

    async fn customer_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Customer>, StoreError> {
        let sql = "SELECT * FROM customers WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows::customer)
            .transpose()
    }

    async fn customers(&self, tenant_id: TenantId, request: &PageRequest) -> Result<Page<Customer>, StoreError> {
        let sql = "SELECT * FROM customers WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        page(
            self,
            sqlx::query(sql).bind(tenant_id.to_string()),
            request,
            rows::customer,
        )
        .await
    }
}

#[async_trait]
impl CheckoutSessionRepository for Repository {
    async fn checkout_session(
        &self,
        tenant_id: TenantId,
        id: CheckoutSessionId,
    ) -> Result<Option<CheckoutSession>, StoreError> {
        let sql = "SELECT * FROM checkout_sessions WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows::checkout_session)
            .transpose()
    }

    async fn checkout_session_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<CheckoutSession>, StoreError> {
        let sql = "SELECT * FROM checkout_sessions WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows::checkout_session)
            .transpose()
    }

    async fn checkout_sessions(
        &self,
        tenant_id: TenantId,
        request: &PageRequest,
    ) -> Result<Page<CheckoutSession>, StoreError> {
        let sql = "SELECT * FROM checkout_sessions WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        page(
            self,
            sqlx::query(sql).bind(tenant_id.to_string()),
            request,
            rows::checkout_session,
        )
        .await
    }
}

#[async_trait]
impl SubscriptionRepository for Repository {
    async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let sql = "SELECT * FROM subscriptions WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows::subscription)
            .transpose()
    }

    async fn subscription_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        let sql = "SELECT * FROM subscriptions WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows::subscription)
            .transpose()
    }

    async fn subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "SELECT * FROM subscriptions WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id LIMIT $3";
        let query = sqlx::query(sql)
            .bind(tenant_id.to_string())
            .bind(customer_id.to_string())
            .bind(i64::from(PAGE_LIMIT_MAX));
        self.all(query).await?.iter().map(rows::subscription).collect()
    }

    async fn active_subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "SELECT * FROM subscriptions WHERE tenant_id = $1 AND customer_id = $2
                   AND status IN ('active', 'trialing', 'past_due') ORDER BY id LIMIT $3";
        let query = sqlx::query(sql)
            .bind(tenant_id.to_string())
            .bind(customer_id.to_string())
            .bind(i64::from(PAGE_LIMIT_MAX));
        self.all(query).await?.iter().map(rows::subscription).collect()
    }

    async fn subscriptions_expiring_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "SELECT * FROM subscriptions WHERE expires_at IS NOT NULL AND expires_at < $1
                   ORDER BY expires_at, id LIMIT $2";
        let query = sqlx::query(sql).bind(before.as_millis()).bind(i64::from(limit));
        self.all(query).await?.iter().map(rows::subscription).collect()
    }

    async fn subscriptions(
        &self,
        tenant_id: TenantId,
        filter: &SubscriptionFilter,
        request: &PageRequest,
    ) -> Result<Page<Subscription>, StoreError> {
        let mut sql = "SELECT subscriptions.* FROM subscriptions".to_owned();
        if filter.organization_id.is_some() {
            sql += " JOIN customers ON customers.id = subscriptions.customer_id AND customers.tenant_id = $1";
        }
        sql += " WHERE subscriptions.tenant_id = $1";
        let mut parameters = 1..;
        let mut next = || parameters.next().map_or(0, |number: u32| number + 1);
        let mut binds: Vec<String> = Vec::new();
        if let Some(id) = filter.customer_id {
            sql += &format!(" AND subscriptions.customer_id = ${}", next());
            binds.push(id.to_string());
        }
        if let Some(id) = &filter.organization_id {
            sql += &format!(" AND customers.organization_id = ${}", next());
            binds.push(id.clone());
        }
        if let Some(status) = filter.status {
            sql += &format!(" AND subscriptions.status = ${}", next());
            binds.push(status.as_str().to_owned());
        }
        let expiring = filter.expiring_before.map(Timestamp::as_millis);
        if expiring.is_some() {
            sql += &format!(" AND subscriptions.expires_at < ${}", next());
        }
        sql += &format!(
            " AND subscriptions.id > ${} ORDER BY subscriptions.id LIMIT ${}",
            next(),
            next()
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(tenant_id.to_string());
        for bind in binds {
            query = query.bind(bind);
        }
        if let Some(expiring) = expiring {
            query = query.bind(expiring);
        }
        page(self, query, request, rows::subscription).await
    }
}

#[async_trait]
impl PurchaseRepository for Repository {
    async fn purchase(&self, tenant_id: TenantId, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
        let sql = "SELECT * FROM purchases WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows::purchase)
            .transpose()
    }

    async fn purchase_by_subscription(
        &self,
        tenant_id: TenantId,
        subscription_id: SubscriptionId,
    ) -> Result<Option<Purchase>, StoreError> {
        let sql = "SELECT * FROM purchases WHERE tenant_id = $1 AND subscription_id = $2 ORDER BY id LIMIT 1";
        self.by_id(sql, tenant_id, subscription_id.to_string())
            .await?
            .as_ref()
            .map(rows::purchase)
            .transpose()
    }

    async fn purchase_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Purchase>, StoreError> {
        let sql = "SELECT * FROM purchases WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows::purchase)
            .transpose()
    }

    async fn purchase_by_provider_transaction(
        &self,
        account_id: ProviderAccountId,
        transaction_id: &str,
    ) -> Result<Option<Purchase>, StoreError> {
        let sql = "SELECT * FROM purchases WHERE account_id = $1 AND provider_transaction_id = $2 ORDER BY id LIMIT 1";
        self.by_reference(sql, account_id, transaction_id)
            .await?
            .as_ref()
            .map(rows::purchase)
            .transpose()
    }

    async fn purchases_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Purchase>, StoreError> {
        let sql = "SELECT * FROM purchases WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id LIMIT $3";
        let query = sqlx::query(sql)
            .bind(tenant_id.to_string())
            .bind(customer_id.to_string())
            .bind(i64::from(PAGE_LIMIT_MAX));
        self.all(query).await?.iter().map(rows::purchase).collect()
    }

    async fn purchases(
        &self,
        tenant_id: TenantId,
        filter: &PurchaseFilter,
        request: &PageRequest,
    ) -> Result<Page<Purchase>, StoreError> {
        // One text for each case, so that an index serves each.
        let (customer, subscription) = (filter.customer_id, filter.subscription_id);
        let sql = match (customer, subscription) {
            (None, None) => "SELECT * FROM purchases WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            (Some(_), None) => {
                "SELECT * FROM purchases WHERE tenant_id = $1 AND customer_id = $2 AND id > $3 ORDER BY id LIMIT $4"
            }
            (None, Some(_)) => {
                "SELECT * FROM purchases WHERE tenant_id = $1 AND subscription_id = $2 AND id > $3 ORDER BY id LIMIT $4"
            }
            (Some(_), Some(_)) => {
                "SELECT * FROM purchases WHERE tenant_id = $1 AND customer_id = $2 AND subscription_id = $3 AND id > $4
                 ORDER BY id LIMIT $5"
            }
        };
        let mut query = sqlx::query(sql).bind(tenant_id.to_string());
        for id in [customer.map(|id| id.to_string()), subscription.map(|id| id.to_string())]
            .into_iter()
            .flatten()
        {
            query = query.bind(id);
        }
        page(self, query, request, rows::purchase).await
    }
}

#[async_trait]
impl PaymentRepository for Repository {
    async fn payment(&self, tenant_id: TenantId, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        let sql = "SELECT * FROM payments WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows_payments::payment)
            .transpose()
    }

    async fn payment_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Payment>, StoreError> {
        let sql = "SELECT * FROM payments WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows_payments::payment)
            .transpose()
    }

    async fn payment_by_any_reference(
        &self,
        account_id: ProviderAccountId,
        references: &[String],
    ) -> Result<Option<Payment>, StoreError> {
        for reference in references {
            if let Some(found) = self.payment_by_provider_reference(account_id, reference).await? {
                return Ok(Some(found));
            }
            let sql = "SELECT payments.* FROM payment_aliases
                       JOIN payments ON payments.id = payment_aliases.payment_id
                       WHERE payment_aliases.account_id = $1 AND payment_aliases.alias = $2
                       ORDER BY payments.id LIMIT 1";
            if let Some(row) = self.by_reference(sql, account_id, reference).await? {
                return rows_payments::payment(&row).map(Some);
            }
        }
        Ok(None)
    }

    async fn payments(&self, tenant_id: TenantId, request: &PageRequest) -> Result<Page<Payment>, StoreError> {
        let sql = "SELECT * FROM payments WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        page(
            self,
            sqlx::query(sql).bind(tenant_id.to_string()),
            request,
            rows_payments::payment,
        )
        .await
    }

    async fn refund(&self, tenant_id: TenantId, id: RefundId) -> Result<Option<Refund>, StoreError> {
        let sql = "SELECT * FROM refunds WHERE tenant_id = $1 AND id = $2";
        self.by_id(sql, tenant_id, id.to_string())
            .await?
            .as_ref()
            .map(rows_payments::refund)
            .transpose()
    }

    async fn refund_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Refund>, StoreError> {
        let sql = "SELECT * FROM refunds WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows_payments::refund)
            .transpose()
    }

    async fn dispute_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Dispute>, StoreError> {
        let sql = "SELECT * FROM disputes WHERE account_id = $1 AND provider_reference = $2";
        self.by_reference(sql, account_id, reference)
            .await?
            .as_ref()
            .map(rows_payments::dispute)
            .transpose()
    }
}
