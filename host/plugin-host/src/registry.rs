//! The plugins that are loaded: read without waiting, replaced as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use crate::load::LoadedPlugin;

/// Plugins by name, each name's newest version first.
type Loaded = Vec<Arc<LoadedPlugin>>;

/// The plugins that are loaded. The lock is held for the moment it takes to copy or put a pointer.
#[derive(Default)]
pub(crate) struct Registry(RwLock<Arc<Loaded>>);

impl Registry {
    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn by_digest(&self, digest: &str) -> Option<Arc<LoadedPlugin>> {
        self.all().iter().find(|plugin| plugin.info.digest == digest).cloned()
    }

    /// The one with this name and version; the newest where none is given.
    pub(crate) fn by_name(&self, name: &str, version: Option<&str>) -> Option<Arc<LoadedPlugin>> {
        self.all()
            .iter()
            .find(|plugin| plugin.info.name == name && version.is_none_or(|version| version == plugin.info.version))
            .cloned()
    }

    /// Puts one more beside the others. Whoever calls it lets nobody else do so meanwhile.
    pub(crate) fn put(&self, plugin: Arc<LoadedPlugin>) {
        let mut all: Loaded = self.all().iter().cloned().chain([plugin]).collect();
        all.sort_by_cached_key(|plugin| {
            let version = semver::Version::parse(&plugin.info.version).ok();
            (plugin.info.name.clone(), std::cmp::Reverse(version))
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
    }
}
