//! The ports, on [`Database`]: each question goes to the repository of its kind.

use std::convert::Infallible;
use std::time::Instant;

use async_trait::async_trait;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::event_endpoint::{Delivery, EventEndpoint};
use tillgate_application::import::Import;
use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary, KnownEvent, OutboxEvent};
use tillgate_application::operation::{IdempotencyRecord, Operation};
use tillgate_application::ports::{
    AccountRepository, Announcement, CheckoutSessionRepository, Commit, CommitError, CommitOutcome, CustomerFilter,
    CustomerRepository, DeliveryFilter, DirectoryRepository, EventFilter, EventRepository, Exchange, Expiring,
    FollowChanges, ImportRepository, InboxRepository, OperationRepository, Page, PageRequest, PaymentFilter,
    PaymentRepository, PurchaseFilter, PurchaseRepository, RefundFilter, RetentionRepository, Store, StoreError,
    SubscriptionFilter, SubscriptionRepository, UnitOfWork,
};
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, DeliveryId, Dispute, EventEndpointId, EventId, ImportId,
    InboxId, OperationId, Organization, Payment, PaymentId, Product, ProviderAccountId, Purchase, PurchaseId, Refund,
    RefundId, Subscription, SubscriptionId, Tenant, TenantId, Timestamp, User,
};
use tracing::Instrument as _;

use crate::Database;

type Found<T> = Result<Option<T>, StoreError>;
type All<T> = Result<Vec<T>, StoreError>;
type Listed<T> = Result<Page<T>, StoreError>;

macro_rules! delegate {
    ($($port:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {$(
        #[async_trait]
        impl $port for Database {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.store().$name($($argument),*).await
            })*
        }
    )*};
}

#[async_trait]
impl Commit for Database {
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        let span = tracing::info_span!("commit", writes = work.writes().len(), outcome = tracing::field::Empty);
        let began = Instant::now();
        let committed = self.store().commit(work).instrument(span.clone()).await;
        let outcome = match &committed {
            Ok(()) => CommitOutcome::Committed,
            Err(CommitError::Conflict(_)) => CommitOutcome::Conflict,
            Err(CommitError::Store(_)) => CommitOutcome::Failed,
        };
        span.record("outcome", outcome.as_str());
        if let Some(metrics) = self.metrics() {
            metrics.commit(outcome, began.elapsed());
        }
        committed
    }
}

delegate! {
    FollowChanges {
        follow_changes(heed: &(dyn Fn(Announcement) + Send + Sync)) -> Result<Infallible, StoreError>;
    }
    Store {
        ping() -> Result<(), StoreError>;
    }
    DirectoryRepository {
        tenant(id: TenantId) -> Found<Tenant>;
        tenants(page: &PageRequest) -> Listed<Tenant>;
        organization(tenant_id: TenantId, id: &str) -> Found<Organization>;
        user(tenant_id: TenantId, id: &str) -> Found<User>;
        product(tenant_id: TenantId, id: &str) -> Found<Product>;
        product_by_price(account_id: ProviderAccountId, price: &str) -> Found<Product>;
    }
    AccountRepository {
        account(id: ProviderAccountId) -> Found<ProviderAccount>;
        accounts(tenant_id: TenantId) -> All<ProviderAccount>;
        secrets(id: ProviderAccountId, at: Timestamp) -> All<SealedSecret>;
        api_key_by_hash(hash: &[u8; 32]) -> Found<ApiKey>;
        api_keys(tenant_id: TenantId) -> All<ApiKey>;
    }
    OperationRepository {
        operation(id: OperationId) -> Found<Operation>;
        exchanges(id: OperationId) -> All<Exchange>;
        abandoned_operations(at: Timestamp, limit: u32) -> All<Operation>;
        idempotency_record(owner: &str, key: &str) -> Found<IdempotencyRecord>;
    }
    CustomerRepository {
        customer(tenant_id: TenantId, id: CustomerId) -> Found<Customer>;
        customer_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Customer>;
        customers(tenant_id: TenantId, filter: &CustomerFilter, page: &PageRequest) -> Listed<Customer>;
    }
    CheckoutSessionRepository {
        checkout_session(tenant_id: TenantId, id: CheckoutSessionId) -> Found<CheckoutSession>;
        checkout_session_by_provider_reference(account_id: ProviderAccountId, reference: &str)
            -> Found<CheckoutSession>;
        checkout_sessions(tenant_id: TenantId, page: &PageRequest) -> Listed<CheckoutSession>;
    }
    SubscriptionRepository {
        subscription(tenant_id: TenantId, id: SubscriptionId) -> Found<Subscription>;
        subscription_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Subscription>;
        subscriptions_by_customer(tenant_id: TenantId, customer_id: CustomerId) -> All<Subscription>;
        active_subscriptions_by_customer(tenant_id: TenantId, customer_id: CustomerId) -> All<Subscription>;
        subscriptions_expiring_before(before: Timestamp, limit: u32) -> All<Subscription>;
        overdue_subscriptions(ended_before: Timestamp, asked_before: Timestamp, limit: u32) -> All<Subscription>;
        subscriptions(tenant_id: TenantId, filter: &SubscriptionFilter, page: &PageRequest) -> Listed<Subscription>;
    }
    PurchaseRepository {
        purchase(tenant_id: TenantId, id: PurchaseId) -> Found<Purchase>;
        purchase_by_subscription(tenant_id: TenantId, subscription_id: SubscriptionId) -> Found<Purchase>;
        purchase_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Purchase>;
        purchase_by_provider_transaction(account_id: ProviderAccountId, transaction_id: &str) -> Found<Purchase>;
        purchases_by_customer(tenant_id: TenantId, customer_id: CustomerId) -> All<Purchase>;
        purchases(tenant_id: TenantId, filter: &PurchaseFilter, page: &PageRequest) -> Listed<Purchase>;
    }
    PaymentRepository {
        payment(tenant_id: TenantId, id: PaymentId) -> Found<Payment>;
        payment_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Payment>;
        payment_by_any_reference(account_id: ProviderAccountId, references: &[String]) -> Found<Payment>;
        payments(tenant_id: TenantId, filter: &PaymentFilter, page: &PageRequest) -> Listed<Payment>;
        refund(tenant_id: TenantId, id: RefundId) -> Found<Refund>;
        refunds(tenant_id: TenantId, filter: &RefundFilter, page: &PageRequest) -> Listed<Refund>;
        refunded_total(tenant_id: TenantId, payment_id: PaymentId) -> Result<i64, StoreError>;
        refund_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Refund>;
        dispute_by_provider_reference(account_id: ProviderAccountId, reference: &str) -> Found<Dispute>;
    }
    InboxRepository {
        inbox_entry(id: InboxId) -> Found<InboxEntry>;
        due_inbox_entries(at: Timestamp, except: &[ProviderAccountId], limit: u32) -> All<InboxEntry>;
        inbox_count(status: InboxStatus) -> Result<u64, StoreError>;
        inbox_entries(filter: &InboxFilter, page: &PageRequest) -> Listed<InboxSummary>;
        known_events(account_id: ProviderAccountId, dedupe_keys: &[String]) -> All<KnownEvent>;
    }
    EventRepository {
        events_ordered() -> Result<u64, StoreError>;
        unordered_events(limit: u32) -> All<OutboxEvent>;
        event(tenant_id: TenantId, id: EventId) -> Found<OutboxEvent>;
        event_feed(tenant_id: TenantId, filter: &EventFilter, after: u64, limit: u32) -> All<OutboxEvent>;
        event_endpoint(tenant_id: TenantId, id: EventEndpointId) -> Found<EventEndpoint>;
        event_endpoints(tenant_id: TenantId, page: &PageRequest) -> Listed<EventEndpoint>;
        enabled_event_endpoints(tenant_ids: &[TenantId]) -> All<EventEndpoint>;
        delivery(tenant_id: TenantId, id: DeliveryId) -> Found<Delivery>;
        delivery_of(endpoint_id: EventEndpointId, event_id: EventId) -> Found<Delivery>;
        deliveries(tenant_id: TenantId, endpoint_id: EventEndpointId, filter: &DeliveryFilter, page: &PageRequest)
            -> Listed<Delivery>;
        due_deliveries(at: Timestamp, except: &[EventEndpointId], limit: u32) -> All<Delivery>;
    }
    RetentionRepository {
        remove(what: Expiring, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
    }
    ImportRepository {
        import(id: ImportId) -> Found<Import>;
        running_import(account_id: ProviderAccountId) -> Found<Import>;
    }
}
