//! A store in memory, as far as these tests ask of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::inbox::{InboxEntry, InboxStatus, OutboxEvent};
use tillgate_application::operation::{IdempotencyRecord, Operation};
use tillgate_application::ports::*;
use tillgate_domain::*;

type Asked<T> = Result<T, StoreError>;

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) users: Vec<User>,
    pub(crate) products: Vec<Product>,
    pub(crate) accounts: Vec<ProviderAccount>,
    pub(crate) secrets: Vec<SealedSecret>,
    pub(crate) api_keys: Vec<ApiKey>,
    pub(crate) idempotency: Vec<IdempotencyRecord>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) sessions: Vec<CheckoutSession>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) inbox: Vec<InboxEntry>,
}

#[derive(Default)]
pub(crate) struct Memory {
    rows: Mutex<Rows>,
    pub(crate) down: AtomicBool,
}

impl Memory {
    pub(crate) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    fn ask<T>(&self, question: impl FnOnce(&Rows) -> T) -> Asked<T> {
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("db.internal:5432 refused".to_owned()));
        }
        Ok(question(&self.rows()))
    }
}

/// Replaces the row of the same id, or adds it.
fn put<T, K: PartialEq>(rows: &mut Vec<T>, row: T, key: impl Fn(&T) -> K) {
    rows.retain(|other| key(other) != key(&row));
    rows.push(row);
}

fn page_of<T: Clone>(rows: &[T], page: &PageRequest, id: impl Fn(&T) -> String) -> Page<T> {
    let mut all: Vec<T> = rows
        .iter()
        .filter(|row| page.after.as_ref().is_none_or(|after| id(row) > *after))
        .cloned()
        .collect();
    all.sort_by_key(&id);
    let has_more = all.len() > page.limit as usize;
    all.truncate(page.limit as usize);
    Page { items: all, has_more }
}

fn empty<T>() -> Asked<Page<T>> {
    Ok(Page {
        items: Vec::new(),
        has_more: false,
    })
}

#[async_trait]
impl Commit for Memory {
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        self.ask(|_| ())?;
        let mut rows = self.rows();
        for write in work.writes() {
            if let Write::IdempotencyKey(new) = write
                && rows
                    .idempotency
                    .iter()
                    .any(|old| old.owner == new.owner && old.key.key == new.key.key)
            {
                return Err(CommitError::Conflict(Conflict::IdempotencyKey));
            }
        }
        for write in work.writes().to_vec() {
            match write {
                Write::Tenant(row) => rows.tenants.push(row),
                Write::Organization(row) => put(&mut rows.organizations, row, |r| (r.tenant_id, r.id.clone())),
                Write::User(row) => put(&mut rows.users, row, |r| (r.tenant_id, r.id.clone())),
                Write::Product(row) => put(&mut rows.products, row, |r| (r.tenant_id, r.id.clone())),
                Write::ApiKey(row) => rows.api_keys.push(row),
                Write::RevokeApiKey { id, at, .. } => {
                    for key in rows.api_keys.iter_mut().filter(|key| key.id == id) {
                        key.revoked_at = Some(at);
                    }
                }
                Write::Account(row) => put(&mut rows.accounts, row, |r| r.id),
                Write::Secret(row) => rows.secrets.push(row),
                Write::IdempotencyKey(row) => rows.idempotency.push(row),
                Write::Operation(mut row) => {
                    row.version += 1;
                    put(&mut rows.operations, row, |r| r.id);
                }
                Write::CheckoutSession(mut row) => {
                    row.version += 1;
                    put(&mut rows.sessions, row, |r| r.id);
                }
                Write::Customer(row) => put(&mut rows.customers, row, |r| r.id),
                Write::Subscription(row) => put(&mut rows.subscriptions, row, |r| r.id),
                Write::Inbox(row) => put(&mut rows.inbox, row, |r| r.id),
                _ => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl DirectoryRepository for Memory {
    async fn tenant(&self, id: TenantId) -> Asked<Option<Tenant>> {
        self.ask(|rows| rows.tenants.iter().find(|row| row.id == id).cloned())
    }
    async fn tenants(&self, page: &PageRequest) -> Asked<Page<Tenant>> {
        self.ask(|rows| page_of(&rows.tenants, page, |row| row.id.to_string()))
    }
    async fn organization(&self, tenant_id: TenantId, id: &str) -> Asked<Option<Organization>> {
        self.ask(|rows| {
            let mut all = rows.organizations.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn user(&self, tenant_id: TenantId, id: &str) -> Asked<Option<User>> {
        self.ask(|rows| {
            let mut all = rows.users.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn product(&self, tenant_id: TenantId, id: &str) -> Asked<Option<Product>> {
        self.ask(|rows| {
            let mut all = rows.products.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn product_by_price(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Product>> {
        Ok(None)
    }
}

#[async_trait]
impl AccountRepository for Memory {
    async fn account(&self, id: ProviderAccountId) -> Asked<Option<ProviderAccount>> {
        self.ask(|rows| rows.accounts.iter().find(|row| row.id == id).cloned())
    }
    async fn accounts(&self, tenant_id: TenantId) -> Asked<Vec<ProviderAccount>> {
        self.ask(|rows| {
            let all = rows.accounts.iter();
            all.filter(|row| row.tenant_id == tenant_id).cloned().collect()
        })
    }
    async fn secrets(&self, id: ProviderAccountId, _: Timestamp) -> Asked<Vec<SealedSecret>> {
        self.ask(|rows| {
            rows.secrets
                .iter()
                .filter(|row| row.account_id == id)
                .cloned()
                .collect()
        })
    }
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Asked<Option<ApiKey>> {
        self.ask(|rows| rows.api_keys.iter().find(|row| row.hash == *hash).cloned())
    }
    async fn api_keys(&self, tenant_id: TenantId) -> Asked<Vec<ApiKey>> {
        self.ask(|rows| {
            let all = rows.api_keys.iter();
            all.filter(|row| row.tenant_id == tenant_id).cloned().collect()
        })
    }
}

#[async_trait]
impl OperationRepository for Memory {
    async fn operation(&self, id: OperationId) -> Asked<Option<Operation>> {
        self.ask(|rows| rows.operations.iter().find(|row| row.id == id).cloned())
    }
    async fn exchanges(&self, _: OperationId) -> Asked<Vec<Exchange>> {
        Ok(Vec::new())
    }
    async fn abandoned_operations(&self, _: Timestamp, _: u32) -> Asked<Vec<Operation>> {
        Ok(Vec::new())
    }
    async fn idempotency_record(&self, owner: &str, key: &str) -> Asked<Option<IdempotencyRecord>> {
        self.ask(|rows| {
            let mut all = rows.idempotency.iter();
            all.find(|row| row.owner == owner && row.key.key == key).cloned()
        })
    }
}

#[async_trait]
impl CustomerRepository for Memory {
    async fn customer(&self, tenant_id: TenantId, id: CustomerId) -> Asked<Option<Customer>> {
        self.ask(|rows| {
            let mut all = rows.customers.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn customer_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Customer>> {
        Ok(None)
    }
    async fn customers(&self, _: TenantId, page: &PageRequest) -> Asked<Page<Customer>> {
        self.ask(|rows| page_of(&rows.customers, page, |row| row.id.to_string()))
    }
}

#[async_trait]
impl CheckoutSessionRepository for Memory {
    async fn checkout_session(&self, tenant_id: TenantId, id: CheckoutSessionId) -> Asked<Option<CheckoutSession>> {
        self.ask(|rows| {
            let mut all = rows.sessions.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn checkout_session_by_provider_reference(
        &self,
        _: ProviderAccountId,
        _: &str,
    ) -> Asked<Option<CheckoutSession>> {
        Ok(None)
    }
    async fn checkout_sessions(&self, _: TenantId, page: &PageRequest) -> Asked<Page<CheckoutSession>> {
        self.ask(|rows| page_of(&rows.sessions, page, |row| row.id.to_string()))
    }
}

#[async_trait]
impl SubscriptionRepository for Memory {
    async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Asked<Option<Subscription>> {
        self.ask(|rows| {
            let mut all = rows.subscriptions.iter();
            all.find(|row| row.tenant_id == tenant_id && row.id == id).cloned()
        })
    }
    async fn subscription_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Subscription>> {
        Ok(None)
    }
    async fn subscriptions_by_customer(&self, _: TenantId, _: CustomerId) -> Asked<Vec<Subscription>> {
        Ok(Vec::new())
    }
    async fn active_subscriptions_by_customer(&self, _: TenantId, _: CustomerId) -> Asked<Vec<Subscription>> {
        Ok(Vec::new())
    }
    async fn subscriptions_expiring_before(&self, _: Timestamp, _: u32) -> Asked<Vec<Subscription>> {
        Ok(Vec::new())
    }
    async fn subscriptions(
        &self,
        tenant_id: TenantId,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Asked<Page<Subscription>> {
        self.ask(|rows| {
            let mine = |row: &&Subscription| {
                row.tenant_id == tenant_id && filter.status.is_none_or(|status| row.status() == status)
            };
            let wanted: Vec<Subscription> = rows.subscriptions.iter().filter(mine).cloned().collect();
            page_of(&wanted, page, |row| row.id.to_string())
        })
    }
}

#[async_trait]
impl PurchaseRepository for Memory {
    async fn purchase(&self, _: TenantId, _: PurchaseId) -> Asked<Option<Purchase>> {
        Ok(None)
    }
    async fn purchase_by_subscription(&self, _: TenantId, _: SubscriptionId) -> Asked<Option<Purchase>> {
        Ok(None)
    }
    async fn purchase_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Purchase>> {
        Ok(None)
    }
    async fn purchase_by_provider_transaction(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Purchase>> {
        Ok(None)
    }
    async fn purchases_by_customer(&self, _: TenantId, _: CustomerId) -> Asked<Vec<Purchase>> {
        Ok(Vec::new())
    }
    async fn purchases(&self, _: TenantId, _: &PurchaseFilter, _: &PageRequest) -> Asked<Page<Purchase>> {
        empty()
    }
}

#[async_trait]
impl PaymentRepository for Memory {
    async fn payment(&self, _: TenantId, _: PaymentId) -> Asked<Option<Payment>> {
        Ok(None)
    }
    async fn payment_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Payment>> {
        Ok(None)
    }
    async fn payment_by_any_reference(&self, _: ProviderAccountId, _: &[String]) -> Asked<Option<Payment>> {
        Ok(None)
    }
    async fn payments(&self, _: TenantId, _: &PageRequest) -> Asked<Page<Payment>> {
        empty()
    }
    async fn refund(&self, _: TenantId, _: RefundId) -> Asked<Option<Refund>> {
        Ok(None)
    }
    async fn refund_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Refund>> {
        Ok(None)
    }
    async fn dispute_by_provider_reference(&self, _: ProviderAccountId, _: &str) -> Asked<Option<Dispute>> {
        Ok(None)
    }
}

#[async_trait]
impl InboxRepository for Memory {
    async fn inbox_entry(&self, id: InboxId) -> Asked<Option<InboxEntry>> {
        self.ask(|rows| rows.inbox.iter().find(|row| row.id == id).cloned())
    }
    async fn due_inbox_entries(&self, _: Timestamp, _: u32) -> Asked<Vec<InboxEntry>> {
        Ok(Vec::new())
    }
    async fn inbox_count(&self, _: InboxStatus) -> Asked<u64> {
        Ok(0)
    }
    async fn known_event_keys(&self, _: ProviderAccountId, _: &[String]) -> Asked<Vec<String>> {
        Ok(Vec::new())
    }
    async fn events(&self, _: TenantId, _: &PageRequest) -> Asked<Page<OutboxEvent>> {
        empty()
    }
}

#[async_trait]
impl Store for Memory {
    async fn ping(&self) -> Asked<()> {
        self.ask(|_| ())
    }
}
