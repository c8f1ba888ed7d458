//! The plugin host: the engine, the plugins, and the way out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{GatewayError, PluginRejected};
use tillgate_egress::{Client, OriginOverrides};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::component::{Inspection, read, rejected};
use crate::drive::overloaded;
use crate::engine::{Ticker, new_engine};
use crate::exchange::Exchanger;
use crate::limits;
use crate::load::{LoadedPlugin, Loader, digest_of};

/// How a plugin host is set up.
#[derive(Debug, Clone)]
pub struct PluginHostOptions {
    /// The directory of components. Made if it isn't there.
    pub directory: PathBuf,
    /// Where compiled plugins are kept between starts; none keeps none.
    pub cache_directory: Option<PathBuf>,
    /// Authenticates what is kept there. Secret, and the same at every start.
    pub cache_key: [u8; 32],
    /// Origins that accounts may name in place of endpoints.
    pub origin_overrides: OriginOverrides,
    /// Largest component, in bytes.
    pub max_component_bytes: u64,
    /// For how long one exchange may take.
    pub exchange_timeout: Duration,
}

impl PluginHostOptions {
    /// The defaults for a directory, without a cache.
    #[must_use]
    pub fn new(directory: PathBuf, origin_overrides: OriginOverrides) -> Self {
        Self {
            directory,
            cache_directory: None,
            cache_key: [0; 32],
            origin_overrides,
            max_component_bytes: limits::COMPONENT_BYTES_MAX,
            exchange_timeout: limits::EXCHANGE_TIMEOUT,
        }
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
    /// The sandbox can't be set up on this machine.
    #[error("the sandbox: {0}")]
    Engine(String),
}

/// Plugins that were loaded, in the order of name and version, newest first.
pub(crate) type Loaded = Vec<Arc<LoadedPlugin>>;

/// Loads plugins and runs their steps.
pub struct PluginHost {
    pub(crate) exchanger: Exchanger,
    pub(crate) loader: Loader,
    pub(crate) directory: PathBuf,
    loaded: RwLock<Arc<Loaded>>,
    installing: Mutex<()>,
    compiled: AtomicUsize,
    turns: Semaphore,
    _ticker: Ticker,
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl PluginHost {
    /// Loads every component of the directory. One that isn't accepted is told, and hides no other.
    ///
    /// # Errors
    /// The directory can't be read, or the sandbox can't be set up.
    pub fn open(
        options: PluginHostOptions,
        client: Client,
    ) -> Result<(Self, Vec<(PathBuf, PluginRejected)>), PluginHostError> {
        let failed = |error: wasmtime::Error| PluginHostError::Engine(format!("{error:#}"));
        let at = |path: &Path, error: std::io::Error| PluginHostError::Directory {
            path: path.to_owned(),
            error,
        };
        let engine = new_engine().map_err(failed)?;
        let ticker = Ticker::start(&engine).map_err(|error| PluginHostError::Engine(error.to_string()))?;
        std::fs::create_dir_all(&options.directory).map_err(|error| at(&options.directory, error))?;
        let cache = match &options.cache_directory {
            None => None,
            Some(path) => Some(Cache::open(path, options.cache_key).map_err(|error| at(path, error))?),
        };
        let loader = Loader::new(engine, cache, options.max_component_bytes).map_err(failed)?;
        let host = Self {
            exchanger: Exchanger {
                client,
                origin_overrides: options.origin_overrides,
                timeout: options.exchange_timeout,
            },
            loader,
            directory: options.directory.clone(),
            loaded: RwLock::default(),
            installing: Mutex::default(),
            compiled: AtomicUsize::new(0),
            turns: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
            _ticker: ticker,
        };
        let rejected = host
            .load_directory(options.max_component_bytes)
            .map_err(|error| at(&options.directory, error))?;
        Ok((host, rejected))
    }

    /// Reads a component's manifest, imports and exports. Nothing of it is compiled or run.
    ///
    /// # Errors
    /// What the host would refuse without compiling it.
    pub fn inspect(bytes: &[u8]) -> Result<Inspection, PluginRejected> {
        let read = read(bytes)?;
        let plugin = read.manifest.plugin;
        Ok(Inspection {
            name: plugin.name,
            version: plugin.version,
            title: plugin.title,
            contract: read.manifest.contract,
            digest: digest_of(bytes),
            size_bytes: bytes.len() as u64,
            imports: read.imports,
            exports: read.exports,
            endpoints: read.manifest.endpoints.into_keys().collect(),
            secrets: read.manifest.secrets.into_keys().collect(),
        })
    }

    /// How many components were compiled since the start: none where all were kept.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    fn load_directory(&self, largest: u64) -> std::io::Result<Vec<(PathBuf, PluginRejected)>> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.directory)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        paths.sort_unstable();
        let mut refused = Vec::new();
        for path in paths {
            if let Err(rejected) = load_file(&path, largest).and_then(|bytes| self.add(&bytes)) {
                refused.push((path, rejected));
            }
        }
        Ok(refused)
    }

    /// Loads a component beside the others.
    pub(crate) fn add(&self, bytes: &[u8]) -> Result<Arc<LoadedPlugin>, PluginRejected> {
        let digest = digest_of(bytes);
        if let Some(known) = self.by_digest(&digest) {
            return Ok(known);
        }
        let (plugin, compiled) = self.loader.load(bytes)?;
        self.compiled.fetch_add(usize::from(compiled), Ordering::Relaxed);
        let _alone = self.installing.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.loaded();
        let (name, version) = (&plugin.info.name, &plugin.info.version);
        if let Some(other) = loaded
            .iter()
            .find(|other| other.info.name == *name && other.info.version == *version)
        {
            if other.info.digest == digest {
                return Ok(Arc::clone(other));
            }
            return Err(rejected(
                "version_taken",
                format!(
                    "{name} {version} is loaded with another digest ({}); a version never changes",
                    other.info.digest
                ),
            ));
        }
        let mut all: Loaded = loaded.iter().cloned().chain([Arc::clone(&plugin)]).collect();
        all.sort_by(|one, other| {
            let newest_first = version_of(other).cmp(&version_of(one));
            one.info.name.cmp(&other.info.name).then(newest_first)
        });
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        Ok(plugin)
    }

    /// All plugins, as they are now.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn by_digest(&self, digest: &str) -> Option<Arc<LoadedPlugin>> {
        self.loaded()
            .iter()
            .find(|plugin| plugin.info.digest == digest)
            .cloned()
    }

    /// The plugin an account is pinned to.
    pub(crate) fn plugin_of(&self, account: &ConnectedAccount) -> Result<Arc<LoadedPlugin>, GatewayError> {
        let account = &account.account;
        self.by_digest(&account.plugin_digest)
            .ok_or_else(|| GatewayError::PluginMissing {
                plugin: account.plugin.clone(),
                version: account.plugin_version.clone(),
                digest: account.plugin_digest.clone(),
            })
    }

    /// Waits for a turn: no more steps run at once than there are processors.
    pub(crate) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, GatewayError> {
        match tokio::time::timeout(limits::TURN_TIMEOUT, self.turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(overloaded()),
        }
    }
}

fn version_of(plugin: &LoadedPlugin) -> Option<semver::Version> {
    semver::Version::parse(&plugin.info.version).ok()
}

fn load_file(path: &Path, largest: u64) -> Result<Vec<u8>, PluginRejected> {
    let unreadable = |error: std::io::Error| rejected("storage_failed", format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > largest {
        return Err(rejected(
            "too_large",
            format!("the component has {size} bytes; at most {largest} are allowed"),
        ));
    }
    std::fs::read(path).map_err(unreadable)
}
