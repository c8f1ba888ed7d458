//! From bytes to a plugin that can run: read, compiled or taken from the cache, linked, and checked for its types.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tillgate_application::ports::{self as app, PluginInfo, PluginRejected, SecretInfo, SettingInfo};
use tillgate_domain::Mode;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::Cache;
use crate::component::{Read, read, rejected};
use crate::contract::v0_1;
use crate::grants::Grants;
use crate::manifest::{CancelMode, Manifest};
use crate::step::{StepState, new_store};

/// A plugin that can run.
pub(crate) struct LoadedPlugin {
    pub(crate) info: PluginInfo,
    pub(crate) manifest: Manifest,
    pub(crate) pre: InstancePre<StepState>,
    pub(crate) capabilities: v0_1::Capabilities,
}

/// Where plugins are made.
pub(crate) struct Loader {
    engine: Engine,
    linker: Linker<StepState>,
    cache: Option<Cache>,
    grants: Grants,
    component_bytes_max: u64,
}

/// A component that is worth compiling.
pub(crate) struct Candidate<'a> {
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    exports: Vec<String>,
    bytes: &'a [u8],
}

/// SHA-256 in hex: what a plugin is known by.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Loader {
    pub(crate) fn new(
        engine: Engine,
        cache: Option<Cache>,
        grants: Grants,
        component_bytes_max: u64,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        v0_1::add_to_linker(&mut linker)?;
        Ok(Self {
            engine,
            linker,
            cache,
            grants,
            component_bytes_max,
        })
    }

    /// What can be refused without compiling it.
    pub(crate) fn check<'a>(&self, bytes: &'a [u8]) -> Result<Candidate<'a>, PluginRejected> {
        self.check_size(bytes.len() as u64)?;
        let Read { manifest, exports, .. } = read(bytes)?;
        self.grants
            .allow(&manifest)
            .map_err(|reason| rejected("manifest_invalid", format!("manifest: {reason}")))?;
        Ok(Candidate {
            digest: digest_of(bytes),
            manifest,
            exports,
            bytes,
        })
    }

    pub(crate) fn check_size(&self, size: u64) -> Result<(), PluginRejected> {
        let most = self.component_bytes_max;
        if size > most {
            return Err(rejected(
                "too_large",
                format!("the component has {size} bytes; at most {most} are allowed"),
            ));
        }
        Ok(())
    }

    /// Compiles and links a component. Answers whether it had to be compiled.
    pub(crate) fn load(&self, candidate: Candidate<'_>) -> Result<(Arc<LoadedPlugin>, bool), PluginRejected> {
        let (component, compiled) = self.compile(&candidate)?;
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
        let (capabilities, names) = v0_1::Capabilities::find(&pre, &candidate.exports)?;
        check_types(&pre, &candidate.manifest, &capabilities)?;
        let mut info = info(&candidate.manifest, candidate.digest, candidate.bytes.len() as u64);
        info.capabilities = names;
        let plugin = LoadedPlugin {
            info,
            manifest: candidate.manifest,
            pre,
            capabilities,
        };
        Ok((Arc::new(plugin), compiled))
    }

    fn compile(&self, candidate: &Candidate<'_>) -> Result<(Component, bool), PluginRejected> {
        let compiled = match &self.cache {
            Some(cache) => cache.component(&self.engine, &candidate.digest, candidate.bytes),
            None => Component::new(&self.engine, candidate.bytes).map(|component| (component, true)),
        };
        compiled.map_err(|error| rejected("does_not_compile", format!("the component does not compile: {error:#}")))
    }
}

/// Checks the functions' types on an instance that is made for this, and bounded as any step: names alone don't tell.
fn check_types(
    pre: &InstancePre<StepState>,
    manifest: &Manifest,
    capabilities: &v0_1::Capabilities,
) -> Result<(), PluginRejected> {
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let does_not_start =
            |error: wasmtime::Error| rejected("does_not_compile", format!("the component does not start: {error:#}"));
        let mut store = new_store(pre, &manifest.limits).map_err(does_not_start)?;
        let instance = pre.instantiate(&mut store).map_err(does_not_start)?;
        capabilities.check_types(&mut store, &instance)
    }));
    checked.unwrap_or_else(|_| {
        Err(rejected(
            "does_not_compile",
            "the host panicked while it started the component",
        ))
    })
}

fn info(manifest: &Manifest, digest: String, size_bytes: u64) -> PluginInfo {
    let endpoints: BTreeMap<String, String> = manifest
        .endpoints
        .iter()
        .map(|(name, endpoint)| (name.clone(), format!("https://{}", endpoint.host.get(Mode::Live))))
        .collect();
    let cancel_mode = |mode: &CancelMode| match mode {
        CancelMode::Immediate => app::CancelMode::Immediate,
        CancelMode::AtPeriodEnd => app::CancelMode::AtPeriodEnd,
    };
    PluginInfo {
        digest,
        name: manifest.plugin.name.clone(),
        version: manifest.plugin.version.clone(),
        title: manifest.plugin.title.clone(),
        description: manifest.plugin.description.clone(),
        contract: manifest.contract.clone(),
        capabilities: Vec::new(),
        cancel_modes: manifest.behavior.cancel_modes.iter().map(cancel_mode).collect(),
        quantity: manifest.behavior.quantity.as_str().to_owned(),
        idempotency: manifest.behavior.idempotency.as_str().to_owned(),
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
