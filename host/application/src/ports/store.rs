//! Repositories: every question the use cases ask of the store. Reads only; writing is [`Commit`]'s.

use async_trait::async_trait;
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, Dispute, ImportId, InboxId, OperationId, Organization,
    Payment, PaymentId, PaymentState, Product, ProviderAccountId, Purchase, PurchaseId, PurchaseStatus, Refund,
    RefundId, Subscription, SubscriptionId, SubscriptionStatus, Tenant, TenantId, Timestamp, User,
};

use super::{Commit, EventRepository, Exchange, Expiring, FollowChanges};
use crate::account::{ApiKey, ProviderAccount, SealedSecret};
use crate::import::Import;
use crate::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary, KnownEvent};
use crate::operation::{IdempotencyRecord, Operation};

/// Why a question to the store has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is full, read-only, or too busy. Trying later may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What is stored can't be understood.
    #[error("the database holds something that can't be understood: {0}")]
    Corrupt(String),
}

/// The most rows on one page.
pub const PAGE_LIMIT_MAX: u32 = 100;

/// Which part of a list is wanted. Lists are ordered by id, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many, 1 to [`PAGE_LIMIT_MAX`].
    pub limit: u32,
    /// Only those after this id, in its text form.
    pub after: Option<String>,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more after the last.
    pub has_more: bool,
}

/// Which subscriptions are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionFilter {
    /// Of this customer.
    pub customer_id: Option<CustomerId>,
    /// Of customers of this organization.
    pub organization_id: Option<String>,
    /// In this status.
    pub status: Option<SubscriptionStatus>,
    /// Not ended, and whose current period or scheduled cancellation ends before this.
    pub expiring_before: Option<Timestamp>,
}

/// Which purchases are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PurchaseFilter {
    /// Of this customer.
    pub customer_id: Option<CustomerId>,
    /// Of this subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// In this status.
    pub status: Option<PurchaseStatus>,
    /// That the provider knows by this id, or that was paid by the transaction with this id.
    pub provider_reference: Option<String>,
}

/// Which payments are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentFilter {
    /// Of this customer.
    pub customer_id: Option<CustomerId>,
    /// Of this subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// In this state.
    pub state: Option<PaymentState>,
    /// That the provider knows by this id, its own or another one.
    pub provider_reference: Option<String>,
}

/// Which customers are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerFilter {
    /// Of this organization.
    pub organization_id: Option<String>,
    /// Of this user.
    pub user_id: Option<String>,
    /// That the provider knows by this id.
    pub provider_reference: Option<String>,
}

/// Which refunds are wanted. All given conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefundFilter {
    /// Of this payment.
    pub payment_id: Option<PaymentId>,
}

/// Tenants, and what each has under its own ids.
#[async_trait]
pub trait DirectoryRepository: Send + Sync {
    /// A tenant.
    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError>;
    /// All tenants.
    async fn tenants(&self, page: &PageRequest) -> Result<Page<Tenant>, StoreError>;
    /// An organization.
    async fn organization(&self, tenant_id: TenantId, id: &str) -> Result<Option<Organization>, StoreError>;
    /// A user.
    async fn user(&self, tenant_id: TenantId, id: &str) -> Result<Option<User>, StoreError>;
    /// A product with its prices.
    async fn product(&self, tenant_id: TenantId, id: &str) -> Result<Option<Product>, StoreError>;
    /// The product that has this price at this account.
    async fn product_by_price(&self, account_id: ProviderAccountId, price: &str)
    -> Result<Option<Product>, StoreError>;
}

/// Provider accounts, their secrets, and API keys.
#[async_trait]
pub trait AccountRepository: Send + Sync {
    /// An account, of whichever tenant.
    async fn account(&self, id: ProviderAccountId) -> Result<Option<ProviderAccount>, StoreError>;
    /// A tenant's accounts.
    async fn accounts(&self, tenant_id: TenantId) -> Result<Vec<ProviderAccount>, StoreError>;
    /// An account's secrets that are active at a time, newest first.
    async fn secrets(&self, id: ProviderAccountId, at: Timestamp) -> Result<Vec<SealedSecret>, StoreError>;
    /// The API key with this hash, revoked or not.
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError>;
    /// A tenant's API keys.
    async fn api_keys(&self, tenant_id: TenantId) -> Result<Vec<ApiKey>, StoreError>;
}

/// Operations and their journals.
#[async_trait]
pub trait OperationRepository: Send + Sync {
    /// An operation.
    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, StoreError>;
    /// Its exchanges, in order.
    async fn exchanges(&self, id: OperationId) -> Result<Vec<Exchange>, StoreError>;
    /// Operations whose lease is over at a time, running or of unknown outcome, oldest first, at most `limit`.
    async fn abandoned_operations(&self, at: Timestamp, limit: u32) -> Result<Vec<Operation>, StoreError>;
    /// What is known of an owner's idempotency key.
    async fn idempotency_record(&self, owner: &str, key: &str) -> Result<Option<IdempotencyRecord>, StoreError>;
}

/// Customers.
#[async_trait]
pub trait CustomerRepository: Send + Sync {
    /// A customer.
    async fn customer(&self, tenant_id: TenantId, id: CustomerId) -> Result<Option<Customer>, StoreError>;
    /// The customer the provider knows by this id.
    async fn customer_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Customer>, StoreError>;
    /// A tenant's customers.
    async fn customers(
        &self,
        tenant_id: TenantId,
        filter: &CustomerFilter,
        page: &PageRequest,
    ) -> Result<Page<Customer>, StoreError>;
}

/// Checkout sessions.
#[async_trait]
pub trait CheckoutSessionRepository: Send + Sync {
    /// A session.
    async fn checkout_session(
        &self,
        tenant_id: TenantId,
        id: CheckoutSessionId,
    ) -> Result<Option<CheckoutSession>, StoreError>;
    /// The session the provider knows by this id.
    async fn checkout_session_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<CheckoutSession>, StoreError>;
    /// A tenant's sessions.
    async fn checkout_sessions(
        &self,
        tenant_id: TenantId,
        page: &PageRequest,
    ) -> Result<Page<CheckoutSession>, StoreError>;
}

/// Subscriptions.
#[async_trait]
pub trait SubscriptionRepository: Send + Sync {
    /// A subscription.
    async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Result<Option<Subscription>, StoreError>;
    /// The subscription the provider knows by this id.
    async fn subscription_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Subscription>, StoreError>;
    /// All subscriptions of a customer, oldest first, at most [`PAGE_LIMIT_MAX`].
    async fn subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError>;
    /// A customer's subscriptions that are active, in trial or past due, oldest first, at most [`PAGE_LIMIT_MAX`].
    async fn active_subscriptions_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Subscription>, StoreError>;
    /// Subscriptions not ended whose current period or scheduled cancellation ends before a time, soonest first.
    async fn subscriptions_expiring_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError>;
    /// Subscriptions not ended whose current period or scheduled cancellation ended before a time, and which the provider
    /// wasn't asked about since another one; soonest first, at most `limit`.
    async fn overdue_subscriptions(
        &self,
        ended_before: Timestamp,
        asked_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError>;
    /// A tenant's subscriptions.
    async fn subscriptions(
        &self,
        tenant_id: TenantId,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Result<Page<Subscription>, StoreError>;
}

/// Purchases.
#[async_trait]
pub trait PurchaseRepository: Send + Sync {
    /// A purchase.
    async fn purchase(&self, tenant_id: TenantId, id: PurchaseId) -> Result<Option<Purchase>, StoreError>;
    /// The purchase of a subscription.
    async fn purchase_by_subscription(
        &self,
        tenant_id: TenantId,
        subscription_id: SubscriptionId,
    ) -> Result<Option<Purchase>, StoreError>;
    /// The purchase the provider counts by this id.
    async fn purchase_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Purchase>, StoreError>;
    /// The purchase paid by this transaction.
    async fn purchase_by_provider_transaction(
        &self,
        account_id: ProviderAccountId,
        transaction_id: &str,
    ) -> Result<Option<Purchase>, StoreError>;
    /// A customer's purchases, oldest first, at most [`PAGE_LIMIT_MAX`].
    async fn purchases_by_customer(
        &self,
        tenant_id: TenantId,
        customer_id: CustomerId,
    ) -> Result<Vec<Purchase>, StoreError>;
    /// A tenant's purchases.
    async fn purchases(
        &self,
        tenant_id: TenantId,
        filter: &PurchaseFilter,
        page: &PageRequest,
    ) -> Result<Page<Purchase>, StoreError>;
}

/// Payments, refunds, disputes.
#[async_trait]
pub trait PaymentRepository: Send + Sync {
    /// A payment.
    async fn payment(&self, tenant_id: TenantId, id: PaymentId) -> Result<Option<Payment>, StoreError>;
    /// The payment the provider counts by this id.
    async fn payment_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Payment>, StoreError>;
    /// The payment any of these ids names, by its own reference or an alias.
    async fn payment_by_any_reference(
        &self,
        account_id: ProviderAccountId,
        references: &[String],
    ) -> Result<Option<Payment>, StoreError>;
    /// A tenant's payments.
    async fn payments(
        &self,
        tenant_id: TenantId,
        filter: &PaymentFilter,
        page: &PageRequest,
    ) -> Result<Page<Payment>, StoreError>;
    /// A refund.
    async fn refund(&self, tenant_id: TenantId, id: RefundId) -> Result<Option<Refund>, StoreError>;
    /// A tenant's refunds.
    async fn refunds(
        &self,
        tenant_id: TenantId,
        filter: &RefundFilter,
        page: &PageRequest,
    ) -> Result<Page<Refund>, StoreError>;
    /// How much was given back of a payment by the refunds that are known and didn't fail, in minor units.
    async fn refunded_total(&self, tenant_id: TenantId, payment_id: PaymentId) -> Result<i64, StoreError>;
    /// The refund the provider knows by this id.
    async fn refund_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Refund>, StoreError>;
    /// The dispute the provider knows by this id.
    async fn dispute_by_provider_reference(
        &self,
        account_id: ProviderAccountId,
        reference: &str,
    ) -> Result<Option<Dispute>, StoreError>;
}

/// Received webhooks.
#[async_trait]
pub trait InboxRepository: Send + Sync {
    /// A received webhook.
    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError>;
    /// Those waiting that are due at a time and of no account in `except`, oldest first, at most `limit`.
    async fn due_inbox_entries(
        &self,
        at: Timestamp,
        except: &[ProviderAccountId],
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError>;
    /// Received webhooks of all tenants.
    async fn inbox_entries(&self, filter: &InboxFilter, page: &PageRequest) -> Result<Page<InboxSummary>, StoreError>;
    /// How many are in a status.
    async fn inbox_count(&self, status: InboxStatus) -> Result<u64, StoreError>;
    /// The events among these dedupe keys that were taken in, by key.
    async fn known_events(
        &self,
        account_id: ProviderAccountId,
        dedupe_keys: &[String],
    ) -> Result<Vec<KnownEvent>, StoreError>;
}

/// Imports.
#[async_trait]
pub trait ImportRepository: Send + Sync {
    /// An import.
    async fn import(&self, id: ImportId) -> Result<Option<Import>, StoreError>;
    /// The import of an account that is under way, or was interrupted.
    async fn running_import(&self, account_id: ProviderAccountId) -> Result<Option<Import>, StoreError>;
}

/// What is kept for a while.
#[async_trait]
pub trait RetentionRepository: Send + Sync {
    /// Removes at most `limit` rows of a kind, oldest first, that ended before a time. Answers how many they were.
    ///
    /// What is pending, running, or of an outcome that isn't known is never among them, however old it is; nor is the
    /// dedupe key of a webhook that is still there, or the idempotency key of an operation that is open.
    async fn remove(&self, what: Expiring, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The whole store.
#[async_trait]
pub trait Store:
    Commit
    + FollowChanges
    + DirectoryRepository
    + AccountRepository
    + OperationRepository
    + CustomerRepository
    + CheckoutSessionRepository
    + SubscriptionRepository
    + PurchaseRepository
    + PaymentRepository
    + InboxRepository
    + EventRepository
    + ImportRepository
    + RetentionRepository
{
    /// Whether the database answers and can be written.
    async fn ping(&self) -> Result<(), StoreError>;
}
