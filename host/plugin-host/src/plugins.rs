//! The plugins, as the use cases see them.

use async_trait::async_trait;
use tillgate_application::ports::{AccountInput, InvalidField, PluginInfo, PluginRejected, Plugins};

use crate::check_account::check_account;
use crate::component::rejected;
use crate::host::PluginHost;

#[async_trait]
impl Plugins for PluginHost {
    fn list(&self) -> Vec<PluginInfo> {
        self.loaded().iter().map(|plugin| plugin.info.clone()).collect()
    }

    fn find(&self, digest: &str) -> Option<PluginInfo> {
        self.by_digest(digest).map(|plugin| plugin.info.clone())
    }

    fn resolve(&self, name: &str, version: Option<&str>) -> Option<PluginInfo> {
        // Newest first, so that without a version the first of the name is it.
        self.loaded()
            .iter()
            .find(|plugin| plugin.info.name == name && version.is_none_or(|version| version == plugin.info.version))
            .map(|plugin| plugin.info.clone())
    }

    async fn install(&self, component: Vec<u8>) -> Result<PluginInfo, PluginRejected> {
        // Compiling takes a good part of a second of computing; the runtime goes on with the rest meanwhile.
        let plugin = tokio::task::block_in_place(|| {
            let plugin = self.add(&component)?;
            self.keep(&plugin.info, &component)
                .map_err(|error| rejected("storage_failed", format!("the component could not be kept: {error}")))?;
            Ok::<_, PluginRejected>(plugin)
        })?;
        Ok(plugin.info.clone())
    }

    fn check_account(&self, digest: &str, input: &AccountInput<'_>) -> Vec<InvalidField> {
        match self.by_digest(digest) {
            Some(plugin) => check_account(&plugin.manifest, &self.exchanger.origin_overrides, input),
            None => vec![InvalidField {
                field: "plugin".to_owned(),
                message: "is not loaded".to_owned(),
            }],
        }
    }
}

impl PluginHost {
    fn keep(&self, info: &PluginInfo, component: &[u8]) -> std::io::Result<()> {
        let known = std::fs::read_dir(&self.directory)?
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "wasm"))
            .any(|entry| std::fs::read(entry.path()).is_ok_and(|bytes| bytes == component));
        if known {
            return Ok(());
        }
        let name = format!("{}-{}.wasm", info.name, info.version);
        let temporary = self.directory.join(format!(".{name}.{}.tmp", std::process::id()));
        std::fs::write(&temporary, component)?;
        std::fs::rename(temporary, self.directory.join(name))
    }
}
