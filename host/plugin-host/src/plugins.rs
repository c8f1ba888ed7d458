//! The plugins, as the use cases see them.

use std::sync::Arc;

use async_trait::async_trait;
use tillgate_application::ports::{AccountInput, InvalidField, PluginInfo, PluginRejected, Plugins};

use crate::check_account::check_account;
use crate::component::rejected;
use crate::host::PluginHost;

#[async_trait]
impl Plugins for PluginHost {
    fn list(&self) -> Vec<PluginInfo> {
        self.library
            .registry
            .all()
            .iter()
            .map(|plugin| plugin.info.clone())
            .collect()
    }

    fn find(&self, digest: &str) -> Option<PluginInfo> {
        self.library
            .registry
            .by_digest(digest)
            .map(|plugin| plugin.info.clone())
    }

    fn resolve(&self, name: &str, version: Option<&str>) -> Option<PluginInfo> {
        self.library
            .registry
            .by_name(name, version)
            .map(|plugin| plugin.info.clone())
    }

    async fn install(&self, component: Vec<u8>) -> Result<PluginInfo, PluginRejected> {
        let library = Arc::clone(&self.library);
        // Compiling takes a good part of a second of computing.
        let installed = tokio::task::spawn_blocking(move || library.install(&component)).await;
        let plugin = installed
            .map_err(|error| rejected("does_not_compile", format!("compiling the component failed: {error}")))??;
        Ok(plugin.info.clone())
    }

    fn check_account(&self, digest: &str, input: &AccountInput<'_>) -> Vec<InvalidField> {
        match self.library.registry.by_digest(digest) {
            Some(plugin) => check_account(&plugin.manifest, &self.exchanger.origin_overrides, input),
            None => vec![InvalidField {
                field: "plugin".to_owned(),
                message: "is not loaded".to_owned(),
            }],
        }
    }
}
