//! The library: the directory of components, and what is loaded of it.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tillgate_application::ports::{PluginInfo, PluginRejected};

use crate::component::rejected;
use crate::load::{LoadedPlugin, Loader, digest_of};
use crate::registry::Registry;

/// Size, and when it was last changed.
type Seen = (u64, Option<std::time::SystemTime>);

/// What a file of a component is called.
const EXTENSION: &str = "wasm";

/// The directory of components, and what is loaded of it.
pub(crate) struct Library {
    pub(crate) registry: Registry,
    loader: Loader,
    directory: PathBuf,
    /// Files that were looked at, with their size and when they were last changed: each is read once.
    seen: Mutex<HashMap<PathBuf, Seen>>,
    /// Held while a plugin is put beside the others: two of the same name and version can't both find the place free.
    adding: Mutex<()>,
    compiled: AtomicUsize,
}

impl Library {
    /// Opens a directory, made if it isn't there. Nothing is loaded yet.
    pub(crate) fn open(directory: &Path, loader: Loader) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            registry: Registry::default(),
            loader,
            directory: directory.to_owned(),
            seen: Mutex::default(),
            adding: Mutex::default(),
            compiled: AtomicUsize::new(0),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How many components were compiled so far.
    pub(crate) fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// Loads every component of the directory that wasn't looked at yet, in the order of their names. Answers those
    /// that weren't accepted.
    pub(crate) fn load_new(&self) -> std::io::Result<Vec<(PathBuf, PluginRejected)>> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.directory)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
        paths.sort_unstable();
        let mut refused = Vec::new();
        for path in paths {
            if !self.is_new(&path) {
                continue;
            }
            let loaded = self.read(&path).and_then(|bytes| self.add(&bytes, |_| Ok(())));
            if let Err(rejected) = loaded {
                refused.push((path, rejected));
            }
        }
        Ok(refused)
    }

    /// Whether a file wasn't looked at before, as it is now.
    fn is_new(&self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else {
            // Gone again, or unreadable: reading it says which, once.
            return true;
        };
        let now = (metadata.len(), metadata.modified().ok());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(path.to_owned(), now) != Some(now)
    }

    /// Loads a component, and keeps it in the directory. The same component again is no change.
    pub(crate) fn install(&self, bytes: &[u8]) -> Result<Arc<LoadedPlugin>, PluginRejected> {
        self.add(bytes, |info| self.keep(info, bytes))
    }

    /// Loads a component beside the others. `keep` runs when it is good, just before it can be used.
    fn add(
        &self,
        bytes: &[u8],
        keep: impl FnOnce(&PluginInfo) -> Result<(), PluginRejected>,
    ) -> Result<Arc<LoadedPlugin>, PluginRejected> {
        let candidate = self.loader.check(bytes)?;
        let (name, version) = (&candidate.manifest.plugin.name, &candidate.manifest.plugin.version);
        if let Some(known) = self.same(name, version, &candidate.digest)? {
            return Ok(known);
        }
        let (plugin, compiled) = self.loader.load(candidate)?;
        self.compiled.fetch_add(usize::from(compiled), Ordering::Relaxed);
        let _alone = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let info = &plugin.info;
        if let Some(known) = self.same(&info.name, &info.version, &info.digest)? {
            return Ok(known);
        }
        keep(info)?;
        self.registry.put(Arc::clone(&plugin));
        Ok(plugin)
    }

    /// The same plugin, if it is loaded. Another one of its name and version is refused: a version never changes.
    fn same(&self, name: &str, version: &str, digest: &str) -> Result<Option<Arc<LoadedPlugin>>, PluginRejected> {
        match self.registry.by_name(name, Some(version)) {
            Some(known) if known.info.digest != digest => Err(version_taken(name, version, &known.info.digest)),
            known => Ok(known),
        }
    }

    /// Writes a component into the directory, whole or not at all.
    fn keep(&self, info: &PluginInfo, bytes: &[u8]) -> Result<(), PluginRejected> {
        let path = self
            .directory
            .join(format!("{}-{}.{EXTENSION}", info.name, info.version));
        // Another host that shares the directory may have been faster. A broken file there is replaced.
        if let Ok(there) = self.read(&path) {
            let digest = digest_of(&there);
            if digest == info.digest {
                return Ok(());
            }
            if self.loader.check(&there).is_ok() {
                return Err(version_taken(&info.name, &info.version, &digest));
            }
        }
        write_whole(&path, bytes).map_err(|error| {
            rejected(
                "storage_failed",
                format!("the component could not be kept: {}: {error}", path.display()),
            )
        })
    }

    /// Reads a file, no further than a component may be large.
    fn read(&self, path: &Path) -> Result<Vec<u8>, PluginRejected> {
        let unreadable = |error: std::io::Error| rejected("storage_failed", format!("{}: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        self.loader.check_size(size)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(size).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }
}

fn version_taken(name: &str, version: &str, digest: &str) -> PluginRejected {
    rejected(
        "version_taken",
        format!("{name} {version} is there with another digest ({digest}); a version never changes"),
    )
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".installing-")
        // A component is no secret: an operator may look at it.
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(directory)?.sync_all()
}
