//! What tests begin with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tillgate_application::account::ProviderAccount;
use tillgate_application::ports::{CommitError, Conflict, PageRequest, Store, UnitOfWork, Write};
use tillgate_domain::{
    Customer, CustomerId, Mode, Money, NewCustomer, NewSubscription, ProviderAccountId, Subscription, SubscriptionId,
    Tenant, TenantId, Timestamp,
};
use tillgate_storage::{Database, DatabaseOptions};

/// Any store, as tasks share it.
pub(crate) type Shared = Arc<dyn Store>;

/// A database as any store.
pub(crate) fn shared(database: &Database) -> Shared {
    Arc::new(database.clone())
}

/// Where a test's database is.
pub(crate) struct Place {
    pub(crate) url: String,
    server: Option<(String, String)>,
    _directory: Option<tempfile::TempDir>,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Place {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        Self {
            url,
            server: None,
            _directory: Some(directory),
        }
    }

    pub(crate) async fn postgres() -> Self {
        let server = std::env::var("TILLGATE_TEST_POSTGRES_URL")
            .expect("TILLGATE_TEST_POSTGRES_URL is not set: run `cargo xtask test`, which brings a server up");
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("storage_{}_{number}", std::process::id());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection
            .execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
            .await
            .unwrap();
        connection
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        connection.close().await.unwrap();
        let (base, query) = server
            .split_once('?')
            .map_or((server.as_str(), None), |(base, query)| (base, Some(query)));
        let root = match base
            .find("://")
            .and_then(|scheme| base[scheme + 3..].find('/').map(|slash| scheme + 3 + slash))
        {
            Some(slash) => &base[..slash],
            None => base,
        };
        let url = query.map_or_else(|| format!("{root}/{name}"), |query| format!("{root}/{name}?{query}"));
        Self {
            url,
            server: Some((server, name)),
            _directory: None,
        }
    }

    pub(crate) async fn open(&self) -> Database {
        Database::connect(&DatabaseOptions::new(&self.url)).await.unwrap()
    }

    pub(crate) async fn migrated(&self) -> Database {
        let database = self.open().await;
        database.migrate().await.unwrap();
        database
    }

    /// Removes what a server would keep.
    pub(crate) async fn remove(self) {
        if let Some((server, name)) = self.server {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            connection
                .execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
                .await
                .unwrap();
        }
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn usd(amount: i64) -> Money {
    Money::new(amount, "usd".parse().unwrap())
}

pub(crate) const TENANT: TenantId = TenantId::from_bits(1);
pub(crate) const OTHER_TENANT: TenantId = TenantId::from_bits(2);
pub(crate) const ACCOUNT: ProviderAccountId = ProviderAccountId::from_bits(1);

pub(crate) fn tenant(id: TenantId) -> Tenant {
    Tenant {
        id,
        name: "Tenant é".to_owned(),
        mode: Mode::Test,
        created_at: at(1),
    }
}

pub(crate) fn account(number: u128, tenant_id: TenantId, is_default: bool) -> ProviderAccount {
    ProviderAccount {
        id: ProviderAccountId::from_bits(number),
        tenant_id,
        name: format!("account {number}"),
        plugin: "stripe".to_owned(),
        plugin_version: "1.0.0".to_owned(),
        plugin_digest: "ab".repeat(32),
        is_default,
        settings: vec![("region".to_owned(), "eu".to_owned())],
        endpoint_overrides: Vec::new(),
        created_at: at(2),
        updated_at: at(3),
        version: 0,
    }
}

pub(crate) fn customer(number: u128) -> Customer {
    let new = NewCustomer {
        id: CustomerId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        provider_reference: format!("cus_{number}"),
        email: Some("a@example.com".to_owned()),
    };
    let mut customer = Customer::create(new, at(10));
    customer.events.clear();
    customer
}

pub(crate) fn subscription(number: u128, customer: u128) -> Subscription {
    let new = NewSubscription {
        id: SubscriptionId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        customer_id: CustomerId::from_bits(customer),
        product_id: Some("pro".to_owned()),
        provider_reference: format!("sub_{number}"),
        trial_period_days: None,
    };
    let mut subscription = Subscription::create(new, at(20)).unwrap();
    subscription.events.clear();
    subscription
}

/// As it is read back after it was saved once more.
pub(crate) fn stored<T: Clone>(thing: &T, version: impl FnOnce(&mut T)) -> T {
    let mut thing = thing.clone();
    version(&mut thing);
    thing
}

pub(crate) async fn commit(database: &Shared, writes: impl IntoIterator<Item = Write>) -> Result<(), CommitError> {
    let mut work = UnitOfWork::new();
    for write in writes {
        work.push(write);
    }
    database.commit(work).await
}

pub(crate) fn version_conflict(what: &'static str) -> Result<(), CommitError> {
    Err(CommitError::Conflict(Conflict::Version(what)))
}

/// A tenant with an account and a customer, each number 1, and another tenant.
pub(crate) async fn begin(database: &Shared) {
    let writes = [
        Write::Tenant(tenant(TENANT)),
        Write::Tenant(tenant(OTHER_TENANT)),
        Write::Account(account(1, TENANT, true)),
        Write::Customer(customer(1)),
    ];
    commit(database, writes).await.unwrap();
}

pub(crate) fn page(limit: u32, after: Option<&str>) -> PageRequest {
    PageRequest {
        limit,
        after: after.map(str::to_owned),
    }
}
