//! The questions, answered from memory.

use std::fmt::Display;

use async_trait::async_trait;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::operation::{IdempotencyRecord, Operation, OperationStatus};
use tillgate_application::ports::{
    AccountRepository, CheckoutSessionRepository, CustomerFilter, CustomerRepository, DirectoryRepository, Exchange,
    OperationRepository, PAGE_LIMIT_MAX, Page, PageRequest, PaymentFilter, PaymentRepository, PurchaseFilter,
    PurchaseRepository, RefundFilter, Store, StoreError, SubscriptionFilter, SubscriptionRepository,
};
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, Dispute, OperationId, Organization, Payment, PaymentId,
    Product, ProviderAccountId, Purchase, PurchaseId, Refund, RefundId, Subscription, SubscriptionId, Tenant, TenantId,
    Timestamp, User,
};

use crate::MemoryStore;

pub(crate) type Asked<T> = Result<T, StoreError>;

pub(crate) fn cut<T>(mut rows: Vec<T>, limit: u32) -> Vec<T> {
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    rows
}

/// One page of rows that come in the order of their ids.
pub(crate) fn page_of<'a, T: Clone + 'a, I: Display>(
    rows: impl Iterator<Item = &'a T>,
    request: &PageRequest,
    id: impl Fn(&T) -> I,
) -> Page<T> {
    let limit = usize::try_from(request.limit.clamp(1, PAGE_LIMIT_MAX)).unwrap_or(1);
    let mut items: Vec<T> = rows
        .filter(|row| request.after.as_ref().is_none_or(|after| id(row).to_string() > *after))
        .take(limit + 1)
        .cloned()
        .collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    Page { items, has_more }
}

/// When a subscription will need to be looked at.
fn expires_at(subscription: &Subscription) -> Option<Timestamp> {
    let terms = subscription.terms();
    let ends = [terms.cancel_at, terms.period.map(|period| period.end)];
    ends.into_iter().flatten().min().filter(|_| !subscription.is_ended())
}

#[async_trait]
impl DirectoryRepository for MemoryStore {
    async fn tenant(&self, id: TenantId) -> Asked<Option<Tenant>> {
        self.ask(|rows| rows.tenants.get(&id).cloned()).await
    }

    async fn tenants(&self, page: &PageRequest) -> Asked<Page<Tenant>> {
        self.ask(|rows| page_of(rows.tenants.values(), page, |row| row.id))
            .await
    }

    async fn organization(&self, tenant_id: TenantId, id: &str) -> Asked<Option<Organization>> {
        self.ask(|rows| rows.organizations.get(&(tenant_id, id.to_owned())).cloned())
            .await
    }

    async fn user(&self, tenant_id: TenantId, id: &str) -> Asked<Option<User>> {
        self.ask(|rows| rows.users.get(&(tenant_id, id.to_owned())).cloned())
            .await
    }

    async fn product(&self, tenant_id: TenantId, id: &str) -> Asked<Option<Product>> {
        self.ask(|rows| rows.products.get(&(tenant_id, id.to_owned())).cloned())
            .await
    }

    async fn product_by_price(&self, account_id: ProviderAccountId, price: &str) -> Asked<Option<Product>> {
        self.ask(|rows| {
            let sold = |row: &&Product| row.prices.get(&account_id).is_some_and(|known| known == price);
            rows.products.values().find(sold).cloned()
        })
        .await
    }
}

#[async_trait]
impl AccountRepository for MemoryStore {
    async fn account(&self, id: ProviderAccountId) -> Asked<Option<ProviderAccount>> {
        self.ask(|rows| rows.accounts.get(&id).cloned()).await
    }

    async fn accounts(&self, tenant_id: TenantId) -> Asked<Vec<ProviderAccount>> {
        self.ask(|rows| {
            let all = rows.accounts.values();
            all.filter(|row| row.tenant_id == tenant_id).cloned().collect()
        })
        .await
    }

    async fn secrets(&self, id: ProviderAccountId, at: Timestamp) -> Asked<Vec<SealedSecret>> {
        self.ask(|rows| {
            let active = |row: &&SealedSecret| row.account_id == id && row.expires_at.is_none_or(|end| end > at);
            let mut found: Vec<SealedSecret> = rows.secrets.iter().filter(active).cloned().collect();
            found.sort_by(|one, other| {
                let order = |row: &SealedSecret| (row.name.clone(), row.expires_at.is_some());
                let newest_first = other.created_at.cmp(&one.created_at);
                order(one).cmp(&order(other)).then(newest_first)
            });
            found
        })
        .await
    }

    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Asked<Option<ApiKey>> {
        self.ask(|rows| rows.api_keys.values().find(|row| row.hash == *hash).cloned())
            .await
    }

    async fn api_keys(&self, tenant_id: TenantId) -> Asked<Vec<ApiKey>> {
        self.ask(|rows| {
            let all = rows.api_keys.values();
            all.filter(|row| row.tenant_id == tenant_id).cloned().collect()
        })
        .await
    }
}

#[async_trait]
impl OperationRepository for MemoryStore {
    async fn operation(&self, id: OperationId) -> Asked<Option<Operation>> {
        self.ask(|rows| rows.operations.get(&id).cloned()).await
    }

    async fn exchanges(&self, id: OperationId) -> Asked<Vec<Exchange>> {
        self.ask(|rows| {
            let all = rows.exchanges.iter();
            all.filter(|((operation, _), _)| *operation == id)
                .map(|(_, exchange)| exchange.clone())
                .collect()
        })
        .await
    }

    async fn abandoned_operations(&self, at: Timestamp, limit: u32) -> Asked<Vec<Operation>> {
        self.ask(|rows| {
            let open = |row: &&Operation| {
                matches!(row.status, OperationStatus::Running | OperationStatus::UnknownOutcome) && row.lease_until < at
            };
            let mut found: Vec<Operation> = rows.operations.values().filter(open).cloned().collect();
            found.sort_by_key(|row| (row.lease_until, row.id));
            cut(found, limit)
        })
        .await
    }

    async fn idempotency_record(&self, owner: &str, key: &str) -> Asked<Option<IdempotencyRecord>> {
        self.ask(|rows| rows.idempotency_keys.get(&(owner.to_owned(), key.to_owned())).cloned())
            .await
    }
}

#[async_trait]
impl CustomerRepository for MemoryStore {
    async fn customer(&self, tenant_id: TenantId, id: CustomerId) -> Asked<Option<Customer>> {
        self.ask(|rows| {
            rows.customers
                .get(&id)
                .filter(|row| row.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn customer_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Customer>> {
        self.ask(|rows| {
            let mut all = rows.customers.values();
            all.find(|row| row.account_id == account_id && row.provider_reference == reference)
                .cloned()
        })
        .await
    }

    async fn customers(
        &self,
        tenant_id: TenantId,
        filter: &CustomerFilter,
        page: &PageRequest,
    ) -> Asked<Page<Customer>> {
        let (organization, user) = (&filter.organization_id, &filter.user_id);
        let reference = &filter.provider_reference;
        self.ask(|rows| {
            let wanted = |row: &&Customer| {
                row.tenant_id == tenant_id
                    && (organization.is_none() || row.organization_id == *organization)
                    && (user.is_none() || row.user_id == *user)
                    && reference.as_ref().is_none_or(|given| row.provider_reference == *given)
            };
            page_of(rows.customers.values().filter(wanted), page, |row| row.id)
        })
        .await
    }
}

#[async_trait]
impl CheckoutSessionRepository for MemoryStore {
    async fn checkout_session(&self, tenant_id: TenantId, id: CheckoutSessionId) -> Asked<Option<CheckoutSession>> {
        self.ask(|rows| {
            rows.checkout_sessions
                .get(&id)
                .filter(|row| row.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn checkout_session_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<CheckoutSession>> {
        self.ask(|rows| {
            let mut all = rows.checkout_sessions.values();
            all.find(|row| row.account_id == account_id && row.provider_reference.as_deref() == Some(reference))
                .cloned()
        })
        .await
    }

    async fn checkout_sessions(&self, tenant_id: TenantId, page: &PageRequest) -> Asked<Page<CheckoutSession>> {
        self.ask(|rows| {
            page_of(
                rows.checkout_sessions.values().filter(|row| row.tenant_id == tenant_id),
                page,
                |row| row.id,
            )
        })
        .await
    }
}

#[async_trait]
impl SubscriptionRepository for MemoryStore {
    async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Asked<Option<Subscription>> {
        self.ask(|rows| {
            rows.subscriptions
                .get(&id)
                .filter(|row| row.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn subscription_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Subscription>> {
        self.ask(|rows| {
            let mut all = rows.subscriptions.values();
            all.find(|row| row.account_id == account_id && row.provider_reference == reference)
                .cloned()
        })
        .await
    }

    async fn subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Asked<Vec<Subscription>> {
        self.ask(|rows| {
            let all = rows.subscriptions.values();
            let mine = all.filter(|row| row.tenant_id == tenant_id && row.customer_id == customer_id);
            cut(mine.cloned().collect(), PAGE_LIMIT_MAX)
        })
        .await
    }

    async fn active_subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Asked<Vec<Subscription>> {
        self.ask(|rows| {
            let all = rows.subscriptions.values();
            let mine =
                all.filter(|row| row.tenant_id == tenant_id && row.customer_id == customer_id && row.is_active());
            cut(mine.cloned().collect(), PAGE_LIMIT_MAX)
        })
        .await
    }

    async fn overdue_subscriptions(
        &self,
        ended_before: Timestamp,
        asked_before: Timestamp,
        limit: u32,
    ) -> Asked<Vec<Subscription>> {
        self.ask(|rows| {
            let overdue = |row: &&Subscription| {
                expires_at(row).is_some_and(|end| end < ended_before)
                    && rows.asked_about.get(&row.id).is_none_or(|asked| *asked < asked_before)
            };
            let mut found: Vec<Subscription> = rows.subscriptions.values().filter(overdue).cloned().collect();
            found.sort_by_key(|row| (expires_at(row), row.id));
            cut(found, limit)
        })
        .await
    }

    async fn subscriptions_expiring_before(&self, before: Timestamp, limit: u32) -> Asked<Vec<Subscription>> {
        self.ask(|rows| {
            let due = |row: &&Subscription| expires_at(row).is_some_and(|end| end < before);
            let mut found: Vec<Subscription> = rows.subscriptions.values().filter(due).cloned().collect();
            found.sort_by_key(|row| (expires_at(row), row.id));
            cut(found, limit)
        })
        .await
    }

    async fn subscriptions(
        &self,
        tenant_id: TenantId,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Asked<Page<Subscription>> {
        self.ask(|rows| {
            let organization = |row: &Subscription| {
                let customer = rows.customers.get(&row.customer_id)?;
                customer.organization_id.clone()
            };
            let wanted = |row: &&Subscription| {
                row.tenant_id == tenant_id
                    && filter.customer_id.is_none_or(|id| row.customer_id == id)
                    && filter.status.is_none_or(|status| row.status() == status)
                    && (filter.organization_id.is_none() || organization(row) == filter.organization_id)
                    && filter
                        .expiring_before
                        .is_none_or(|before| expires_at(row).is_some_and(|end| end < before))
            };
            page_of(rows.subscriptions.values().filter(wanted), page, |row| row.id)
        })
        .await
    }
}

#[async_trait]
impl PurchaseRepository for MemoryStore {
    async fn purchase(&self, tenant_id: TenantId, id: PurchaseId) -> Asked<Option<Purchase>> {
        self.ask(|rows| {
            rows.purchases
                .get(&id)
                .filter(|row| row.tenant_id == tenant_id)
                .cloned()
        })
        .await
    }

    async fn purchase_by_subscription(
        &self,
        tenant_id: TenantId,
        subscription_id: SubscriptionId,
    ) -> Asked<Option<Purchase>> {
        self.ask(|rows| {
            let mut all = rows.purchases.values();
            all.find(|row| row.tenant_id == tenant_id && row.subscription_id == Some(subscription_id))
                .cloned()
        })
        .await
    }

    async fn purchase_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Purchase>> {
        self.ask(|rows| {
            let mut all = rows.purchases.values();
            all.find(|row| row.account_id == account_id && row.provider_reference == reference)
                .cloned()
        })
        .await
    }

    async fn purchase_by_provider_transaction(
        &self,
        account_id: ProviderAccountId,
        transaction_id: &str,
    ) -> Asked<Option<Purchase>> {
        self.ask(|rows| {
            let mut all = rows.purchases.values();
            all.find(|row| {
                row.account_id == account_id && row.provider_transaction_id.as_deref() == Some(transaction_id)
            })
            .cloned()
        })
        .await
    }

    async fn purchases_by_customer(&self, tenant_id: TenantId, customer_id: CustomerId) -> Asked<Vec<Purchase>> {
        self.ask(|rows| {
            let all = rows.purchases.values();
            let mine = all.filter(|row| row.tenant_id == tenant_id && row.customer_id == Some(customer_id));
            cut(mine.cloned().collect(), PAGE_LIMIT_MAX)
        })
        .await
    }

    async fn purchases(
        &self,
        tenant_id: TenantId,
        filter: &PurchaseFilter,
        page: &PageRequest,
    ) -> Asked<Page<Purchase>> {
        self.ask(|rows| {
            let wanted = |row: &&Purchase| {
                row.tenant_id == tenant_id
                    && filter.customer_id.is_none_or(|id| row.customer_id == Some(id))
                    && filter.subscription_id.is_none_or(|id| row.subscription_id == Some(id))
                    && filter.status.is_none_or(|status| row.status() == status)
                    && filter.provider_reference.as_ref().is_none_or(|given| {
                        row.provider_reference == *given || row.provider_transaction_id.as_ref() == Some(given)
                    })
            };
            page_of(rows.purchases.values().filter(wanted), page, |row| row.id)
        })
        .await
    }
}

#[async_trait]
impl PaymentRepository for MemoryStore {
    async fn payment(&self, tenant_id: TenantId, id: PaymentId) -> Asked<Option<Payment>> {
        self.ask(|rows| rows.payments.get(&id).filter(|row| row.tenant_id == tenant_id).cloned())
            .await
    }

    async fn payment_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Payment>> {
        self.ask(|rows| {
            let mut all = rows.payments.values();
            all.find(|row| row.account_id == account_id && row.facts.provider_reference == reference)
                .cloned()
        })
        .await
    }

    async fn payment_by_any_reference(
        &self,
        account_id: ProviderAccountId,
        references: &[String],
    ) -> Asked<Option<Payment>> {
        self.ask(|rows| {
            let mine = || rows.payments.values().filter(|row| row.account_id == account_id);
            references
                .iter()
                .find_map(|reference| {
                    mine()
                        .find(|row| row.facts.provider_reference == *reference)
                        .or_else(|| mine().find(|row| row.facts.aliases.contains(reference)))
                })
                .cloned()
        })
        .await
    }

    async fn payments(&self, tenant_id: TenantId, filter: &PaymentFilter, page: &PageRequest) -> Asked<Page<Payment>> {
        self.ask(|rows| {
            let wanted = |row: &&Payment| {
                let facts = &row.facts;
                row.tenant_id == tenant_id
                    && filter.customer_id.is_none_or(|id| facts.customer_id == Some(id))
                    && filter
                        .subscription_id
                        .is_none_or(|id| facts.subscription_id == Some(id))
                    && filter.state.is_none_or(|state| facts.state == state)
                    && filter
                        .provider_reference
                        .as_ref()
                        .is_none_or(|given| facts.provider_reference == *given || facts.aliases.contains(given))
            };
            page_of(rows.payments.values().filter(wanted), page, |row| row.id)
        })
        .await
    }

    async fn refund(&self, tenant_id: TenantId, id: RefundId) -> Asked<Option<Refund>> {
        self.ask(|rows| rows.refunds.get(&id).filter(|row| row.tenant_id == tenant_id).cloned())
            .await
    }

    async fn refunds(&self, tenant_id: TenantId, filter: &RefundFilter, page: &PageRequest) -> Asked<Page<Refund>> {
        self.ask(|rows| {
            let wanted = |row: &&Refund| {
                row.tenant_id == tenant_id && filter.payment_id.is_none_or(|id| row.payment_id == Some(id))
            };
            page_of(rows.refunds.values().filter(wanted), page, |row| row.id)
        })
        .await
    }

    async fn refunded_total(&self, tenant_id: TenantId, payment_id: PaymentId) -> Asked<i64> {
        self.ask(|rows| {
            let all = rows.refunds.values();
            let counted = all.filter(|row| row.tenant_id == tenant_id && row.payment_id == Some(payment_id));
            let counted = counted.filter(|row| row.facts.state.gives_back());
            counted.map(|row| row.facts.amount.amount).sum()
        })
        .await
    }

    async fn refund_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Refund>> {
        self.ask(|rows| {
            let mut all = rows.refunds.values();
            all.find(|row| row.account_id == account_id && row.facts.provider_reference == reference)
                .cloned()
        })
        .await
    }

    async fn dispute_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Asked<Option<Dispute>> {
        self.ask(|rows| {
            let mut all = rows.disputes.values();
            all.find(|row| row.account_id == account_id && row.facts.provider_reference == reference)
                .cloned()
        })
        .await
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn ping(&self) -> Asked<()> {
        self.ask(|_| ()).await
    }
}
