//! A database with nothing in it, and what can be put into it: ids and times are made of small numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::inbox::{InboxEntry, InboxStatus, OutboxEvent};
use tillgate_application::operation::{
    IdempotencyKey, IdempotencyRecord, Operation, OperationRequest, OperationStatus,
};
use tillgate_application::ports::{
    CommitError, Conflict, Effect, Exchange, ExchangeMethod, ExchangeRequest, PageRequest, PortalRequest, Store,
    UnitOfWork, WebhookRequest, Write,
};
use tillgate_domain::{
    ApiKeyId, CheckoutSession, CheckoutSessionId, CheckoutStatus, CheckoutType, Customer, CustomerId, Dispute,
    DisputeFacts, DisputeId, EventId, FactSource, FactStamp, InboxId, Mode, Money, NewCheckoutSession, NewPurchase,
    NewSubscription, OperationId, Organization, Payment, PaymentFacts, PaymentId, PaymentState, PaymentStatus, Product,
    ProviderAccountId, Purchase, PurchaseId, PurchaseStatus, PurchaseType, Refund, RefundFacts, RefundId, RefundState,
    Subscription, SubscriptionId, SubscriptionStatus, Tenant, TenantId, Terms, Timestamp, User,
};
use tillgate_storage::{Database, DatabaseOptions};

/// A text that breaks whatever is put together by hand or counts bytes.
pub(crate) const AWKWARD: &str = "O'Brien \"--;\\ $1 ? %_ \r\n\t Zoë 客户 👩‍👩‍👧 \u{202e}\u{feff}";

/// A migrated database of its own, gone after the test.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) url: String,
    directory: Option<Arc<TempDir>>,
}

/// The server's URL with another database.
fn with_name(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(a, o)| (a, Some(o)));
    let (address, _) = address.rsplit_once('/').expect("the URL names a database");
    options.map_or_else(
        || format!("{address}/{name}"),
        |options| format!("{address}/{name}?{options}"),
    )
}

/// The URL of a PostgreSQL server for tests.
pub(crate) fn postgres_server() -> String {
    std::env::var("TILLGATE_TEST_POSTGRES_URL")
        .expect("TILLGATE_TEST_POSTGRES_URL is not set: run `cargo xtask test`")
}

/// Runs statements where no port leads.
pub(crate) async fn execute(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
        connection.execute(sql).await.expect("the statement runs");
        connection.close().await.expect("the connection closes");
    } else {
        let mut connection = PgConnection::connect(url).await.expect("the server answers");
        connection.execute(sql).await.expect("the statement runs");
        connection.close().await.expect("the connection closes");
    }
}

impl World {
    /// A SQLite file that isn't migrated.
    pub(crate) async fn fresh_on_sqlite() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let url = format!("sqlite://{}", directory.path().join("tillgate.db").display());
        Self::open(url, Some(Arc::new(directory))).await
    }

    /// A PostgreSQL database that isn't migrated.
    pub(crate) async fn fresh_on_postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = postgres_server();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("contract_{}_{number}", std::process::id());
        execute(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self::open(with_name(&server, &name), None).await
    }

    async fn open(url: String, directory: Option<Arc<TempDir>>) -> Self {
        let database = Database::connect(&DatabaseOptions::new(&url)).await.expect("it opens");
        Self {
            store: database.store(),
            database,
            url,
            directory,
        }
    }

    /// With the schema.
    pub(crate) async fn migrated(self) -> Self {
        self.database.migrate().await.expect("it migrates");
        self
    }

    /// The same database, opened anew.
    pub(crate) async fn reopened(&self) -> Self {
        self.database.close().await;
        Self::open(self.url.clone(), self.directory.clone()).await
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Leaves nothing behind.
    pub(crate) async fn end(self) {
        self.database.close().await;
        if !self.is_sqlite() {
            let name = self.url.rsplit_once('/').expect("the URL names a database").1;
            let name = name.split('?').next().unwrap_or(name);
            execute(
                &postgres_server(),
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await;
        }
    }

    pub(crate) async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<(), CommitError> {
        self.store.commit(unit(writes)).await
    }

    /// Commits what nothing stands against.
    pub(crate) async fn put(&self, writes: impl IntoIterator<Item = Write>) {
        self.commit(writes).await.expect("nothing stands against it");
    }

    /// Commits what something stands against.
    pub(crate) async fn conflict(&self, writes: impl IntoIterator<Item = Write>) -> Conflict {
        match self.commit(writes).await {
            Err(CommitError::Conflict(conflict)) => conflict,
            other => panic!("a conflict was expected, not {other:?}"),
        }
    }

    /// Tenants 1 and 2, and account 1 of the first and 2 of the second.
    pub(crate) async fn with_accounts(self) -> Self {
        self.put([
            Write::Tenant(tenant(1)),
            Write::Tenant(tenant(2)),
            Write::Account(account(1, 1)),
            Write::Account(account(2, 2)),
        ])
        .await;
        self
    }

    /// And customers 1 and 2 of the first account.
    pub(crate) async fn with_customers(self) -> Self {
        let world = self.with_accounts().await;
        world
            .put([Write::Customer(customer(1)), Write::Customer(customer(2))])
            .await;
        world
    }
}

pub(crate) fn unit(writes: impl IntoIterator<Item = Write>) -> UnitOfWork {
    let mut unit = UnitOfWork::new();
    for write in writes {
        unit.push(write);
    }
    unit
}

pub(crate) fn page(limit: u32, after: Option<String>) -> PageRequest {
    PageRequest { limit, after }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

macro_rules! ids {
    ($($name:ident: $kind:ident;)*) => {$(
        pub(crate) const fn $name(number: u128) -> $kind {
            $kind::from_bits(number)
        }
    )*};
}

ids! {
    tenant_id: TenantId;
    account_id: ProviderAccountId;
    api_key_id: ApiKeyId;
    customer_id: CustomerId;
    session_id: CheckoutSessionId;
    subscription_id: SubscriptionId;
    purchase_id: PurchaseId;
    payment_id: PaymentId;
    refund_id: RefundId;
    dispute_id: DisputeId;
    event_id: EventId;
    operation_id: OperationId;
    inbox_id: InboxId;
}

pub(crate) fn euros(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

pub(crate) fn tenant(number: u128) -> Tenant {
    Tenant {
        id: tenant_id(number),
        name: format!("Tenant {number}"),
        mode: Mode::Test,
        created_at: at(0),
    }
}

pub(crate) fn organization(id: &str) -> Organization {
    Organization {
        tenant_id: tenant_id(1),
        id: id.to_owned(),
        name: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn user(id: &str) -> User {
    User {
        tenant_id: tenant_id(1),
        id: id.to_owned(),
        email: None,
        name: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn product(id: &str, prices: &[(u128, &str)]) -> Product {
    Product {
        tenant_id: tenant_id(1),
        id: id.to_owned(),
        name: None,
        prices: prices
            .iter()
            .map(|(account, price)| (account_id(*account), (*price).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn account(number: u128, tenant: u128) -> ProviderAccount {
    ProviderAccount {
        id: account_id(number),
        tenant_id: tenant_id(tenant),
        name: format!("account-{number}"),
        plugin: "stripe".to_owned(),
        plugin_version: "1.0.0".to_owned(),
        plugin_digest: "00".repeat(32),
        is_default: false,
        settings: Vec::new(),
        endpoint_overrides: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
        version: 0,
    }
}

pub(crate) fn secret(name: &str, sealed: &[u8], created: i64) -> SealedSecret {
    SealedSecret {
        account_id: account_id(1),
        tenant_id: tenant_id(1),
        name: name.to_owned(),
        sealed: sealed.to_vec(),
        created_at: at(created),
        expires_at: None,
    }
}

pub(crate) fn api_key(number: u8) -> ApiKey {
    ApiKey {
        id: api_key_id(number.into()),
        tenant_id: tenant_id(1),
        name: format!("Key {number}"),
        hash: [number; 32],
        hint: "tg_test_12".to_owned(),
        created_at: at(0),
        revoked_at: None,
    }
}

pub(crate) fn customer(number: u128) -> Customer {
    Customer {
        id: customer_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        provider_reference: format!("cus_{number}"),
        email: None,
        organization_id: None,
        user_id: None,
        created_at: at(0),
        updated_at: at(0),
        version: 0,
        events: Vec::new(),
    }
}

pub(crate) fn new_session(number: u128) -> NewCheckoutSession {
    NewCheckoutSession {
        id: session_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        checkout_type: CheckoutType::OneTime,
        product_id: "pro".to_owned(),
        customer_id: None,
        customer_email: None,
        organization_id: None,
        user_id: None,
        seats: 1,
        trial_period_days: None,
        success_url: "https://example.com/yes".to_owned(),
        cancel_url: "https://example.com/no".to_owned(),
        metadata: Vec::new(),
    }
}

pub(crate) fn session(number: u128) -> CheckoutSession {
    let (status, payment) = (CheckoutStatus::Pending, PaymentStatus::Unpaid);
    CheckoutSession::restore(new_session(number), status, payment, at(0), at(0), 0)
}

pub(crate) fn new_subscription(number: u128, customer: u128) -> NewSubscription {
    NewSubscription {
        id: subscription_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        customer_id: customer_id(customer),
        product_id: None,
        provider_reference: format!("sub_{number}"),
        trial_period_days: None,
    }
}

pub(crate) const STAMP: FactStamp = FactStamp {
    object_version: None,
    as_of: None,
    source: FactSource::Answer,
};

pub(crate) fn subscription(number: u128, customer: u128, status: SubscriptionStatus, terms: Terms) -> Subscription {
    let new = new_subscription(number, customer);
    Subscription::restore(new, status, status.as_str().to_owned(), terms, STAMP, at(0), at(0), 0)
}

pub(crate) fn new_purchase(number: u128, customer: u128) -> NewPurchase {
    NewPurchase {
        id: purchase_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        customer_id: Some(customer_id(customer)),
        product_id: None,
        checkout_session_id: None,
        provider_reference: format!("pur_{number}"),
        provider_transaction_id: Some(format!("txn_{number}")),
        amount: None,
    }
}

pub(crate) fn purchase(number: u128, customer: u128, of: Option<u128>) -> Purchase {
    let mut made = match of {
        Some(subscription) => {
            Purchase::create_subscription(new_purchase(number, customer), subscription_id(subscription), at(0))
        }
        None => Purchase::create_one_time(new_purchase(number, customer), at(0)),
    };
    made.events.clear();
    made
}

pub(crate) const PURCHASE_KINDS: [(PurchaseType, PurchaseStatus); 4] = [
    (PurchaseType::OneTime, PurchaseStatus::Pending),
    (PurchaseType::Subscription, PurchaseStatus::Active),
    (PurchaseType::OneTime, PurchaseStatus::Completed),
    (PurchaseType::OneTime, PurchaseStatus::Failed),
];

pub(crate) fn payment(number: u128, aliases: &[&str]) -> Payment {
    Payment {
        id: payment_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        facts: PaymentFacts {
            provider_reference: format!("pi_{number}"),
            state: PaymentState::Succeeded,
            amount: euros(1_000),
            customer_id: None,
            subscription_id: None,
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            failure_reason: None,
            attempt: None,
            next_attempt_at: None,
            invoice_url: None,
            receipt_url: None,
            as_of: None,
        },
        refunded_amount: 0,
        created_at: at(0),
        updated_at: at(0),
        version: 0,
        events: Vec::new(),
    }
}

pub(crate) fn refund(number: u128) -> Refund {
    Refund {
        id: refund_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        payment_id: None,
        facts: RefundFacts {
            provider_reference: format!("re_{number}"),
            state: RefundState::Pending,
            amount: euros(100),
            payment_references: Vec::new(),
            reason: None,
            failure_reason: None,
            as_of: None,
        },
        created_at: at(0),
        updated_at: at(0),
        version: 0,
        events: Vec::new(),
    }
}

pub(crate) fn dispute(number: u128) -> Dispute {
    Dispute {
        id: dispute_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        payment_id: None,
        facts: DisputeFacts {
            provider_reference: format!("dp_{number}"),
            amount: euros(100),
            payment_references: Vec::new(),
            reason: None,
            provider_status: "needs_response".to_owned(),
            evidence_due_at: None,
            as_of: None,
        },
        created_at: at(0),
        updated_at: at(0),
        version: 0,
        events: Vec::new(),
    }
}

pub(crate) fn operation(number: u128, status: OperationStatus, lease_until: i64) -> Operation {
    Operation {
        id: operation_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        plugin_digest: "00".repeat(32),
        request: OperationRequest::CreatePortalSession {
            request: PortalRequest {
                customer_reference: "cus_1".to_owned(),
                return_url: "https://example.com".to_owned(),
            },
        },
        status,
        lease_until: at(lease_until),
        attempts: 1,
        answer: None,
        failure: None,
        created_at: at(0),
        updated_at: at(0),
        version: 0,
    }
}

pub(crate) fn exchange(path: &str) -> Exchange {
    Exchange {
        request: ExchangeRequest {
            method: ExchangeMethod::Post,
            endpoint: "api".to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            effect: Effect::IdempotentWrite,
            credential: None,
        },
        outcome: None,
    }
}

pub(crate) fn idempotency(owner: &str, key: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        owner: owner.to_owned(),
        key: IdempotencyKey {
            key: key.to_owned(),
            fingerprint: [7; 32],
        },
        operation_id: None,
        answer: None,
        created_at: at(0),
    }
}

pub(crate) fn inbox(number: u128, status: InboxStatus, next_attempt: i64) -> InboxEntry {
    InboxEntry {
        id: inbox_id(number),
        tenant_id: tenant_id(1),
        account_id: account_id(1),
        request: WebhookRequest {
            method: "POST".to_owned(),
            url: "https://example.com/hook".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            remote_ip: None,
            received_at_ms: at(0).as_millis(),
        },
        fetch_back: false,
        provider_types: String::new(),
        status,
        attempts: 0,
        next_attempt_at: at(next_attempt),
        error: None,
        received_at: at(0),
        processed_at: None,
        version: 0,
    }
}

pub(crate) fn event_key(key: &str) -> Write {
    Write::EventKey {
        account_id: account_id(1),
        dedupe_key: key.to_owned(),
        inbox_id: inbox_id(1),
        at: at(0),
    }
}

pub(crate) fn event(number: u128) -> OutboxEvent {
    OutboxEvent {
        id: event_id(number),
        tenant_id: tenant_id(1),
        event_type: "customer.created".to_owned(),
        aggregate_id: customer_id(1).to_string(),
        payload: "{}".to_owned(),
        created_at: at(0),
    }
}
