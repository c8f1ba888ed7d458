//! From bytes to a plugin that can run: read, compiled or taken from the cache, linked, and checked for its types.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tillgate_application::ports::{self as app, Capability, PluginInfo, PluginRejected, SecretInfo, SettingInfo};
use tillgate_domain::Mode;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::cache::Cache;
use crate::component::{Read, read, rejected};
use crate::contract::v0_1::{self, shared};
use crate::manifest::{CancelMode, Idempotency, Manifest, Quantity};
use crate::step::StepState;

/// A plugin that can run.
pub(crate) struct LoadedPlugin {
    pub(crate) info: PluginInfo,
    pub(crate) manifest: Manifest,
    pub(crate) pre: InstancePre<StepState>,
    pub(crate) checkout: Option<v0_1::checkout::CheckoutCapabilityIndices>,
    pub(crate) portal: Option<v0_1::portal::PortalCapabilityIndices>,
    pub(crate) subscriptions: Option<v0_1::subscriptions::SubscriptionsCapabilityIndices>,
    pub(crate) webhooks: Option<v0_1::webhooks::WebhooksCapabilityIndices>,
}

/// Where plugins are made.
pub(crate) struct Loader {
    engine: Engine,
    linker: Linker<StepState>,
    cache: Option<Cache>,
    component_bytes_max: u64,
}

/// SHA-256 in hex: what a plugin is known by.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Loader {
    pub(crate) fn new(engine: Engine, cache: Option<Cache>, component_bytes_max: u64) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        shared::Imports::add_to_linker::<_, HasSelf<StepState>>(&mut linker, |state| state)?;
        Ok(Self {
            engine,
            linker,
            cache,
            component_bytes_max,
        })
    }

    /// Loads a component. Answers whether it had to be compiled.
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<(Arc<LoadedPlugin>, bool), PluginRejected> {
        let size = bytes.len() as u64;
        if size > self.component_bytes_max {
            let most = self.component_bytes_max;
            return Err(rejected(
                "too_large",
                format!("the component has {size} bytes; at most {most} are allowed"),
            ));
        }
        let Read { manifest, exports, .. } = read(bytes)?;
        let digest = digest_of(bytes);
        let (component, compiled) = self.compile(&digest, bytes)?;
        let pre = self.linker.instantiate_pre(&component).map_err(|error| {
            rejected(
                "import_refused",
                format!("the component's imports have wrong types: {error:#}"),
            )
        })?;
        // Fails only where the system gives no memory for it; then the first instances are a little slower.
        if let Err(error) = component.initialize_copy_on_write_image() {
            tracing::debug!(%error, "no copy-on-write image");
        }
        let mut plugin = LoadedPlugin {
            info: info(&manifest, digest, size),
            manifest,
            pre,
            checkout: None,
            portal: None,
            subscriptions: None,
            webhooks: None,
        };
        plugin.find_capabilities(&exports)?;
        Ok((Arc::new(plugin), compiled))
    }

    fn compile(&self, digest: &str, bytes: &[u8]) -> Result<(Component, bool), PluginRejected> {
        let compiled = match &self.cache {
            Some(cache) => cache.component(&self.engine, digest, bytes),
            None => Component::new(&self.engine, bytes).map(|component| (component, true)),
        };
        compiled.map_err(|error| rejected("does_not_compile", format!("the component does not compile: {error:#}")))
    }
}

impl LoadedPlugin {
    fn find_capabilities(&mut self, exports: &[String]) -> Result<(), PluginRejected> {
        for export in exports {
            let Some(name) = export.strip_prefix(v0_1::PACKAGE) else {
                continue;
            };
            let interface = name.split('@').next().unwrap_or(name);
            let known = Capability::ALL
                .into_iter()
                .find(|capability| capability.as_str() == interface);
            let Some(capability) = known else {
                return Err(rejected(
                    "export_wrong_type",
                    format!(
                        "the component exports {export}, which contract {} does not have",
                        v0_1::VERSION
                    ),
                ));
            };
            self.take(capability).map_err(|error| {
                rejected(
                    "export_wrong_type",
                    format!("the component's export {export} has a wrong type: {error:#}"),
                )
            })?;
            self.info.capabilities.push(capability);
        }
        if self.info.capabilities.is_empty() {
            return Err(rejected(
                "no_capability",
                "the component exports no capability of the contract",
            ));
        }
        self.info.capabilities.sort_unstable();
        self.info.capabilities.dedup();
        Ok(())
    }

    fn take(&mut self, capability: Capability) -> wasmtime::Result<()> {
        let pre = &self.pre;
        match capability {
            Capability::Checkout => self.checkout = Some(v0_1::checkout::CheckoutCapabilityIndices::new(pre)?),
            Capability::Portal => self.portal = Some(v0_1::portal::PortalCapabilityIndices::new(pre)?),
            Capability::Subscriptions => {
                self.subscriptions = Some(v0_1::subscriptions::SubscriptionsCapabilityIndices::new(pre)?);
            }
            Capability::Webhooks => self.webhooks = Some(v0_1::webhooks::WebhooksCapabilityIndices::new(pre)?),
        }
        Ok(())
    }
}

fn info(manifest: &Manifest, digest: String, size_bytes: u64) -> PluginInfo {
    let endpoints: BTreeMap<String, String> = manifest
        .endpoints
        .iter()
        .map(|(name, endpoint)| (name.clone(), format!("https://{}", endpoint.host.for_mode(Mode::Live))))
        .collect();
    PluginInfo {
        digest,
        name: manifest.plugin.name.clone(),
        version: manifest.plugin.version.clone(),
        title: manifest.plugin.title.clone(),
        description: manifest.plugin.description.clone(),
        contract: manifest.contract.clone(),
        capabilities: Vec::new(),
        cancel_modes: manifest
            .behavior
            .cancel_modes
            .iter()
            .map(|mode| match mode {
                CancelMode::Immediate => app::CancelMode::Immediate,
                CancelMode::AtPeriodEnd => app::CancelMode::AtPeriodEnd,
            })
            .collect(),
        quantity: match manifest.behavior.quantity {
            Quantity::Native => "native",
            Quantity::Amount => "amount",
            Quantity::None => "none",
        }
        .to_owned(),
        idempotency: match manifest.behavior.idempotency {
            Idempotency::Full => "full",
            Idempotency::Partial => "partial",
            Idempotency::None => "none",
        }
        .to_owned(),
        endpoints,
        secrets: manifest
            .secrets
            .iter()
            .map(|(name, secret)| SecretInfo {
                name: name.clone(),
                description: secret.description.clone(),
                required: secret.required,
            })
            .collect(),
        settings: manifest
            .settings
            .iter()
            .map(|(name, setting)| SettingInfo {
                name: name.clone(),
                description: setting.description.clone(),
                required: setting.required,
            })
            .collect(),
        size_bytes,
    }
}
