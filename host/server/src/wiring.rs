//! The composition root: puts configuration and adapters together into an [`Application`].

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use tillgate_application::ports::{Metrics, PluginRejected};
use tillgate_application::{Application, Ports, RetryPolicy, Settings};
use tillgate_egress::{Client, Options as EgressOptions, OriginOverrides};
use tillgate_plugin_host::{PluginHost, PluginHostOptions};
use tillgate_storage::{Database, DatabaseOptions};
use tillgate_telemetry::PrometheusMetrics;
use tillgate_vault::{MasterKey, Vault};

use crate::clock::{SystemClock, SystemIds};
use crate::config::{Config, ConfigError};
use crate::event_sender::EgressEventSender;
use crate::telemetry;

/// Why the gateway can't be put together. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WiringError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database can't be used.
    #[error("database: {0}")]
    Database(String),
    /// It has to be migrated first.
    #[error(
        "the database has {} pending migration(s) ({}); run `tillgate migrate`, or start with --migrate",
        .0.len(),
        .0.join(", ")
    )]
    PendingMigrations(Vec<String>),
    /// Plugins can't be loaded.
    #[error("plugins: {0}")]
    Plugins(String),
    /// No TLS, no randomness.
    #[error("{0}")]
    Machine(String),
}

/// What runs, and what has to be closed in the end.
pub(crate) struct Wired {
    ports: Ports,
    operation_lease_ms: i64,
    retries: RetryPolicy,
    pub(crate) plugin_host: Arc<PluginHost>,
    pub(crate) database: Database,
    pub(crate) metrics: Arc<PrometheusMetrics>,
    /// Components that weren't loaded, and why.
    pub(crate) rejected: Vec<(PathBuf, PluginRejected)>,
}

impl Wired {
    /// The application, as it is reached under this URL.
    pub(crate) fn application(&self, public_url: String) -> Arc<Application> {
        let settings = Settings {
            public_url,
            operation_lease_ms: self.operation_lease_ms,
            retries: self.retries,
        };
        Application::new(self.ports.clone(), settings)
    }
}

/// What is done about pending migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrations {
    /// They are applied.
    Apply,
    /// They are an error.
    Refuse,
}

/// Opens the database.
pub(crate) async fn open_database(config: &Config, migrations: Migrations) -> Result<Database, WiringError> {
    open(DatabaseOptions::new(&config.database.url), migrations).await
}

async fn open(options: DatabaseOptions, migrations: Migrations) -> Result<Database, WiringError> {
    let failed = |error: tillgate_storage::OpenError| WiringError::Database(error.to_string());
    let database = Database::connect(&options).await.map_err(failed)?;
    match migrations {
        Migrations::Apply => {
            database.migrate().await.map_err(failed)?;
        }
        Migrations::Refuse => {
            let pending = database.pending_migrations().await.map_err(failed)?;
            if !pending.is_empty() {
                return Err(WiringError::PendingMigrations(pending));
            }
        }
    }
    Ok(database)
}

/// Puts everything together.
pub(crate) async fn wire(config: &Config, migrations: Migrations) -> Result<Wired, WiringError> {
    let (current, old) = master_keys(config)?;
    let vault = Vault::new(&current, &old).map_err(|error| WiringError::Machine(error.to_string()))?;
    let metrics = telemetry::metrics();
    let (plugin_host, rejected) = open_plugins(config, &current, metrics.clone())?;
    let options = DatabaseOptions::new(&config.database.url).with_metrics(metrics.clone());
    let database = open(options, migrations).await?;
    let plugin_host = Arc::new(plugin_host);
    let event_sender =
        EgressEventSender::new(origin_overrides(config)?).map_err(|error| WiringError::Machine(error.to_string()))?;
    let ports = Ports {
        store: Arc::new(database.clone()),
        gateway: plugin_host.clone(),
        plugins: plugin_host.clone(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds::default()),
        sealer: Arc::new(vault),
        metrics: metrics.clone(),
        events: Arc::new(event_sender),
    };
    Ok(Wired {
        ports,
        operation_lease_ms: millis(config.operations.lease_seconds),
        retries: RetryPolicy {
            max: config.operations.retries_max,
            base_ms: i64::try_from(config.operations.retry_base_ms).unwrap_or(i64::MAX),
            deadline_ms: millis(config.operations.retry_deadline_seconds),
        },
        plugin_host,
        database,
        metrics,
        rejected,
    })
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// The origins that may be reached though they aren't https to a public address.
fn origin_overrides(config: &Config) -> Result<OriginOverrides, ConfigError> {
    OriginOverrides::parse(config.egress.origin_overrides.iter().map(String::as_str)).map_err(|error| {
        ConfigError::Key {
            key: "egress.origin_overrides".to_owned(),
            reason: error.to_string(),
        }
    })
}

/// Loads the plugins. What isn't accepted is told.
pub(crate) fn open_plugins(
    config: &Config,
    master: &MasterKey,
    metrics: Arc<dyn Metrics>,
) -> Result<(PluginHost, Vec<(PathBuf, PluginRejected)>), WiringError> {
    let client = Client::new(EgressOptions::default()).map_err(|error| WiringError::Machine(error.to_string()))?;
    let directory = config.plugins.directory.clone();
    let cache = config
        .plugins
        .cache_directory
        .clone()
        .unwrap_or_else(|| directory.join(".cache"));
    let mut options = PluginHostOptions::new(directory, origin_overrides(config)?);
    options.metrics = metrics;
    options.cache_directory = Some(cache);
    options.cache_key = master.derive("plugin artifacts");
    options.max_component_bytes = config.plugins.component_max_bytes;
    options.exchange_timeout = std::time::Duration::from_secs(config.egress.timeout_seconds);
    PluginHost::open(options, client).map_err(|error| WiringError::Plugins(error.to_string()))
}

/// The master key that seals, and the old ones that still open.
pub(crate) fn master_keys(config: &Config) -> Result<(MasterKey, Vec<MasterKey>), ConfigError> {
    let wrong = |key: &str, reason: String| ConfigError::Key {
        key: key.to_owned(),
        reason,
    };
    let Some(text) = &config.secrets.master_key else {
        let example = "for example from `openssl rand -base64 32`";
        return Err(wrong(
            "secrets.master_key",
            format!("is missing; give 32 bytes in base64, {example}, here or as TILLGATE_MASTER_KEY"),
        ));
    };
    let current = MasterKey::from_base64(text).map_err(|error| wrong("secrets.master_key", error.to_string()))?;
    let old = config
        .secrets
        .old_master_keys
        .iter()
        .map(|text| MasterKey::from_base64(text))
        .collect::<Result<_, _>>()
        .map_err(|error| wrong("secrets.old_master_keys", error.to_string()))?;
    Ok((current, old))
}

/// Random bytes in base64: a master key of one's own.
pub(crate) fn random_base64(bytes: usize) -> Result<String, WiringError> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| WiringError::Machine(error.to_string()))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(random))
}
