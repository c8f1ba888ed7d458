//! A gateway in memory, and what a test needs of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillgate_application::ports::{ProviderEvent, Secret};
use tillgate_application::{
    Application, ApplicationError, Caller, CreateCheckoutSession, CreateProviderAccount, CreateTenant, Ports,
    PutOrganization, PutProduct, PutUser, RetryPolicy, Settings, WebhookAnswer, create_provider_account, create_tenant,
    put_organization, put_product, put_user, receive_webhook,
};
use tillgate_domain::{CheckoutType, Mode, ProviderAccountId, TenantId, Timestamp};

use crate::{
    FakeEndpoints, FakePlugins, FakeProvider, Fuse, ManualClock, MemoryStore, PlainSealer, RecordingMetrics, SeededIds,
    webhook,
};

/// When a world begins, in seconds since 1970.
pub const NOW: i64 = 1_700_000_000;

/// A gateway with a tenant, its default account at `acme`, an organization, a user and a product.
pub struct World {
    /// What is stored.
    pub store: Arc<MemoryStore>,
    /// The provider.
    pub provider: Arc<FakeProvider>,
    /// Tenants' event endpoints.
    pub endpoints: Arc<FakeEndpoints>,
    /// The time.
    pub clock: Arc<ManualClock>,
    /// What stops the host.
    pub fuse: Arc<Fuse>,
    /// What was counted, by all hosts.
    pub metrics: Arc<RecordingMetrics>,
    /// The host.
    pub app: Arc<Application>,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: ProviderAccountId,
    ids: Arc<SeededIds>,
    retries: RetryPolicy,
}

impl World {
    /// A gateway in which nothing happened yet.
    #[must_use]
    pub fn empty() -> Self {
        let fuse = Arc::new(Fuse::default());
        let store = Arc::new(MemoryStore::over(&MemoryStore::default(), Arc::clone(&fuse)));
        let provider = Arc::new(FakeProvider::over(&FakeProvider::default(), Arc::clone(&fuse)));
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let ids = Arc::new(SeededIds::default());
        let metrics = Arc::new(RecordingMetrics::default());
        let endpoints = Arc::new(FakeEndpoints::default());
        Self {
            app: host(
                &store,
                &provider,
                &endpoints,
                &clock,
                &ids,
                &metrics,
                RetryPolicy::NEVER,
            ),
            endpoints,
            metrics,
            store,
            provider,
            clock,
            fuse,
            tenant_id: TenantId::from_bits(0),
            account_id: ProviderAccountId::from_bits(0),
            ids,
            retries: RetryPolicy::NEVER,
        }
    }

    /// A gateway that is set up.
    ///
    /// # Errors
    /// Setting it up failed.
    ///
    /// # Panics
    /// Never: the ids are ids.
    pub async fn new() -> Result<Self, ApplicationError> {
        let mut world = Self::empty();
        let operator = Caller::operator();
        let new = CreateTenant {
            name: "Initech".to_owned(),
            mode: Mode::Test,
        };
        let tenant = create_tenant(&world.app, &operator, new).await?;
        world.tenant_id = tenant.id.parse().expect("an id");
        world.account_id = world.connect("main", true).await?;
        let organization = PutOrganization {
            tenant_id: world.tenant_id,
            id: "org_1".to_owned(),
            name: None,
        };
        put_organization(&world.app, organization).await?;
        let user = PutUser {
            tenant_id: world.tenant_id,
            id: "user_1".to_owned(),
            email: None,
            name: None,
        };
        put_user(&world.app, user).await?;
        let product = PutProduct {
            tenant_id: world.tenant_id,
            id: "pro".to_owned(),
            name: None,
            prices: BTreeMap::from([(world.account_id, "price_1".to_owned())]),
        };
        put_product(&world.app, product).await?;
        Ok(world)
    }

    /// Connects the tenant to `acme` once more.
    ///
    /// # Errors
    /// It failed.
    ///
    /// # Panics
    /// Never: the id is one.
    pub async fn connect(&self, name: &str, default: bool) -> Result<ProviderAccountId, ApplicationError> {
        let secret = |text: &str| Secret::new(text.to_owned());
        let new = CreateProviderAccount {
            tenant_id: self.tenant_id,
            name: name.to_owned(),
            plugin: "acme".to_owned(),
            version: Some("0.1.0".to_owned()),
            default,
            settings: Vec::new(),
            endpoint_overrides: Vec::new(),
            secrets: vec![
                ("api_key".to_owned(), secret("sk_1")),
                ("webhook_secret".to_owned(), secret("whsec_1")),
            ],
        };
        let account = create_provider_account(&self.app, &Caller::operator(), new).await?;
        Ok(account.id.parse().expect("an id"))
    }

    /// Runs something to its end, or until the host is stopped: then it answers nothing.
    pub async fn until_stopped<T>(&self, running: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.fuse.blown() => None,
            ended = running => Some(ended),
        }
    }

    /// Starts the host again, with retries: until then it tries everything once.
    pub fn restart_with(&mut self, retries: RetryPolicy) {
        self.retries = retries;
        self.restart();
    }

    /// Starts the host again, on what is stored and with the same provider. What ran in the old one is gone.
    pub fn restart(&mut self) {
        self.fuse = Arc::new(Fuse::default());
        self.store = Arc::new(MemoryStore::over(&self.store, Arc::clone(&self.fuse)));
        self.provider = Arc::new(FakeProvider::over(&self.provider, Arc::clone(&self.fuse)));
        self.app = host(
            &self.store,
            &self.provider,
            &self.endpoints,
            &self.clock,
            &self.ids,
            &self.metrics,
            self.retries,
        );
    }

    /// Another host on the same database and with the same provider.
    #[must_use]
    pub fn another_host(&self) -> Arc<Application> {
        host(
            &self.store,
            &self.provider,
            &self.endpoints,
            &self.clock,
            &self.ids,
            &self.metrics,
            self.retries,
        )
    }

    /// The product's checkout, for the organization and the user.
    #[must_use]
    pub fn checkout(&self, checkout_type: CheckoutType) -> CreateCheckoutSession {
        CreateCheckoutSession {
            tenant_id: self.tenant_id,
            checkout_type,
            product_id: "pro".to_owned(),
            customer_id: None,
            customer_email: None,
            organization_id: Some("org_1".to_owned()),
            user_id: Some("user_1".to_owned()),
            seats: None,
            trial_period_days: None,
            success_url: "https://shop.example/thanks".to_owned(),
            cancel_url: "https://shop.example/cart".to_owned(),
            metadata: Vec::new(),
            provider_account_id: None,
        }
    }

    /// Receives a webhook of these events.
    ///
    /// # Errors
    /// As [`receive_webhook`].
    pub async fn deliver(&self, events: Vec<ProviderEvent>) -> Result<WebhookAnswer, ApplicationError> {
        self.deliver_body(self.provider.body_of(events, false)).await
    }

    /// Receives a webhook with this body.
    ///
    /// # Errors
    /// As [`receive_webhook`].
    pub async fn deliver_body(&self, body: Vec<u8>) -> Result<WebhookAnswer, ApplicationError> {
        receive_webhook(&self.app, self.account_id, webhook(body, "whsec_1")).await
    }

    /// The names of all published events of a kind of thing, e.g. `subscription`, sorted.
    #[must_use]
    pub fn published(&self, about: &str) -> Vec<String> {
        let rows = self.store.rows();
        let mut names: Vec<String> = rows
            .events
            .values()
            .map(|event| event.event_type.clone())
            .filter(|name| name.split('.').next() == Some(about))
            .collect();
        names.sort_unstable();
        names
    }
}

fn host(
    store: &Arc<MemoryStore>,
    provider: &Arc<FakeProvider>,
    endpoints: &Arc<FakeEndpoints>,
    clock: &Arc<ManualClock>,
    ids: &Arc<SeededIds>,
    metrics: &Arc<RecordingMetrics>,
    retries: RetryPolicy,
) -> Arc<Application> {
    let ports = Ports {
        store: Arc::clone(store) as _,
        gateway: Arc::clone(provider) as _,
        plugins: Arc::new(FakePlugins),
        clock: Arc::clone(clock) as _,
        ids: Arc::clone(ids) as _,
        sealer: Arc::new(PlainSealer),
        metrics: Arc::clone(metrics) as _,
        events: Arc::clone(endpoints) as _,
    };
    let public_url = "https://pay.platform.example".to_owned();
    let settings = Settings {
        public_url,
        operation_lease_ms: 300_000,
        retries,
    };
    Application::new(ports, settings)
}
