//! A gateway, a provider, and a tenant connected to it.

use crate::{Database, Gateway, GatewayOptions, Provider, Tenant};

/// All of it.
pub struct World {
    /// The simulated provider.
    pub provider: Provider,
    /// The gateway.
    pub gateway: Gateway,
    /// The tenant.
    pub tenant: Tenant,
}

impl World {
    /// Starts them.
    pub async fn new(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    /// Starts them, with more in the environment of the gateway.
    pub async fn with(database: Database, environment: &[(&str, &str)]) -> Self {
        let provider = Provider::start().await;
        let options = GatewayOptions {
            database,
            origin_overrides: vec![provider.url.clone()],
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let gateway = Gateway::start(options).await;
        let tenant = Tenant::create(&gateway, &provider).await;
        Self {
            provider,
            gateway,
            tenant,
        }
    }

    /// Delivers what webhooks wait, and waits for their effect.
    pub async fn webhooks(&self) {
        self.provider.deliver().await;
        self.tenant.settled().await;
    }
}
