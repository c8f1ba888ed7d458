//! The plugin host: the engine, the plugins, and the way out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{GatewayError, Metrics, NoMetrics, PluginInfo, PluginRejected};
use tillgate_egress::{Client, OriginOverrides};

use crate::cache::Cache;
use crate::component::{Inspection, inspect};
use crate::engine::{Ticker, new_engine};
use crate::exchange::Exchanger;
use crate::grants::Grants;
use crate::guard::{GuardCounts, Guards};
use crate::library::Library;
use crate::limits;
use crate::load::{LoadedPlugin, Loader};
use crate::turns::Turns;

/// How a plugin host is set up.
#[derive(Clone)]
pub struct PluginHostOptions {
    /// The directory of components. Made if it isn't there.
    pub directory: PathBuf,
    /// Where compiled plugins are kept between starts; none keeps none.
    pub cache_directory: Option<PathBuf>,
    /// Authenticates what is kept there. Secret, random, and the same at every start.
    pub cache_key: [u8; 32],
    /// Origins that accounts may name in place of endpoints.
    pub origin_overrides: OriginOverrides,
    /// Largest component, in bytes.
    pub max_component_bytes: u64,
    /// For how long one exchange may take.
    pub exchange_timeout: Duration,
    /// The most a plugin may ask for.
    pub grants: Grants,
    /// Where steps and exchanges are counted.
    pub metrics: Arc<dyn Metrics>,
}

impl PluginHostOptions {
    /// The defaults for a directory, without a cache and without metrics.
    #[must_use]
    pub fn new(directory: PathBuf, origin_overrides: OriginOverrides) -> Self {
        Self {
            directory,
            cache_directory: None,
            cache_key: [0; 32],
            origin_overrides,
            max_component_bytes: limits::COMPONENT_BYTES_MAX,
            exchange_timeout: limits::EXCHANGE_TIMEOUT,
            grants: Grants::default(),
            metrics: Arc::new(NoMetrics),
        }
    }
}

/// Without the key.
impl std::fmt::Debug for PluginHostOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHostOptions")
            .field("directory", &self.directory)
            .field("cache_directory", &self.cache_directory)
            .field("origin_overrides", &self.origin_overrides)
            .field("max_component_bytes", &self.max_component_bytes)
            .field("exchange_timeout", &self.exchange_timeout)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

/// Why there is no plugin host.
#[derive(Debug, thiserror::Error)]
pub enum PluginHostError {
    /// A directory can't be used.
    #[error("{}: {error}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is a cache, and nothing that authenticates it: whoever can write to it could run code in this process.
    #[error("compiled plugins can't be kept without a key that authenticates them")]
    CacheKeyMissing,
    /// The sandbox can't be set up on this machine.
    #[error("the sandbox: {0}")]
    Engine(String),
}

/// Loads plugins and runs their steps.
pub struct PluginHost {
    pub(crate) library: Arc<Library>,
    pub(crate) exchanger: Exchanger,
    pub(crate) turns: Turns,
    pub(crate) metrics: Arc<dyn Metrics>,
    _ticker: Ticker,
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost")
            .field("directory", &self.library.directory())
            .finish_non_exhaustive()
    }
}

impl PluginHost {
    /// Loads every component of the directory. One that isn't accepted is told, and hides no other.
    ///
    /// # Errors
    /// A directory can't be used, or the sandbox can't be set up.
    pub fn open(
        options: PluginHostOptions,
        client: Client,
    ) -> Result<(Self, Vec<(PathBuf, PluginRejected)>), PluginHostError> {
        let failed = |error: wasmtime::Error| PluginHostError::Engine(format!("{error:#}"));
        let at = |path: &Path, error: std::io::Error| PluginHostError::Directory {
            path: path.to_owned(),
            error,
        };
        let engine = new_engine(&options.grants).map_err(failed)?;
        let ticker = Ticker::start(&engine).map_err(|error| PluginHostError::Engine(error.to_string()))?;
        let cache = match &options.cache_directory {
            None => None,
            Some(_) if options.cache_key == [0; 32] => return Err(PluginHostError::CacheKeyMissing),
            Some(path) => Some(Cache::open(path, options.cache_key).map_err(|error| at(path, error))?),
        };
        let loader = Loader::new(engine, cache, options.grants, options.max_component_bytes).map_err(failed)?;
        let directory = &options.directory;
        let library = Library::open(directory, loader).map_err(|error| at(directory, error))?;
        let rejected = library.load_new().map_err(|error| at(directory, error))?;
        let host = Self {
            library: Arc::new(library),
            exchanger: Exchanger {
                client,
                origin_overrides: options.origin_overrides,
                timeout: options.exchange_timeout,
                guards: Guards::default(),
            },
            turns: Turns::new(std::thread::available_parallelism().map_or(1, usize::from)),
            metrics: options.metrics,
            _ticker: ticker,
        };
        Ok((host, rejected))
    }

    /// Reads a component's manifest, imports and exports. Nothing of it is compiled or run.
    ///
    /// # Errors
    /// What the host would refuse without compiling it.
    pub fn inspect(bytes: &[u8]) -> Result<Inspection, PluginRejected> {
        inspect(bytes)
    }

    /// How many circuits are open, and how many requests are in flight.
    #[must_use]
    pub fn guard_counts(&self) -> GuardCounts {
        self.exchanger.guards.counts()
    }

    /// How many components were compiled since the start: none where all were kept.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.library.compiled()
    }

    /// Loads what came into the directory since the start, from another host or by hand, and answers it. What isn't
    /// accepted is logged, once.
    ///
    /// # Errors
    /// The directory can't be read.
    pub async fn look_for_new(&self) -> std::io::Result<Vec<PluginInfo>> {
        let library = Arc::clone(&self.library);
        let before = self.library.registry.all();
        // Compiling takes a good part of a second of computing.
        let rejected = tokio::task::spawn_blocking(move || library.load_new())
            .await
            .map_err(std::io::Error::other)??;
        for (path, rejected) in rejected {
            tracing::error!(file = %path.display(), code = rejected.code, reason = %rejected.message, "plugin not loaded");
        }
        let known = |plugin: &LoadedPlugin| before.iter().any(|old| old.info.digest == plugin.info.digest);
        let after = self.library.registry.all();
        let new = after.iter().filter(|plugin| !known(plugin));
        Ok(new.map(|plugin| plugin.info.clone()).collect())
    }

    /// The plugin an account is pinned to.
    pub(crate) async fn plugin_of(&self, account: &ConnectedAccount) -> Result<Arc<LoadedPlugin>, GatewayError> {
        let account = &account.account;
        let loaded = || self.library.registry.by_digest(&account.plugin_digest);
        if let Some(plugin) = loaded() {
            return Ok(plugin);
        }
        // Pinned a moment ago, and installed by another host that shares the directory.
        if let Err(error) = self.look_for_new().await {
            tracing::warn!(%error, "the plugin directory can't be read");
        }
        loaded().ok_or_else(|| GatewayError::PluginMissing {
            plugin: account.plugin.clone(),
            version: account.plugin_version.clone(),
            digest: account.plugin_digest.clone(),
        })
    }
}
