//! The plugins a host has.

use async_trait::async_trait;
use tillgate_application::ports::{
    AccountInput, CancelMode, Capability, InvalidField, PluginInfo, PluginRejected, Plugins, SecretInfo,
};

/// Versions 0.0.1, 0.1.0 and 0.2.0 of a plugin named `acme`. The newest one no longer cancels at once, the oldest one has
/// only what every provider has.
#[derive(Debug, Default)]
pub struct FakePlugins;

/// The secrets an account of it needs.
const SECRETS: [&str; 2] = ["api_key", "webhook_secret"];

fn version(version: &str) -> PluginInfo {
    PluginInfo {
        digest: format!("digest-of-{version}"),
        name: "acme".to_owned(),
        version: version.to_owned(),
        title: "Acme".to_owned(),
        description: "Pays.".to_owned(),
        contract: "0.1".to_owned(),
        capabilities: match version {
            "0.0.1" => vec![Capability::Checkout, Capability::Subscriptions, Capability::Webhooks],
            _ => Capability::ALL.to_vec(),
        },
        cancel_modes: match version {
            "0.1.0" => vec![CancelMode::Immediate, CancelMode::AtPeriodEnd],
            _ => vec![CancelMode::AtPeriodEnd],
        },
        quantity: "native".to_owned(),
        idempotency: "full".to_owned(),
        endpoints: [("api".to_owned(), "https://api.acme.example".to_owned())].into(),
        secrets: SECRETS
            .map(|name| SecretInfo {
                name: name.to_owned(),
                description: String::new(),
                required: true,
            })
            .to_vec(),
        settings: Vec::new(),
        size_bytes: 4,
    }
}

#[async_trait]
impl Plugins for FakePlugins {
    fn list(&self) -> Vec<PluginInfo> {
        vec![version("0.2.0"), version("0.1.0"), version("0.0.1")]
    }

    fn find(&self, digest: &str) -> Option<PluginInfo> {
        self.list().into_iter().find(|plugin| plugin.digest == digest)
    }

    fn resolve(&self, name: &str, version: Option<&str>) -> Option<PluginInfo> {
        self.list()
            .into_iter()
            .find(|plugin| plugin.name == name && version.is_none_or(|version| plugin.version == version))
    }

    async fn install(&self, component: Vec<u8>) -> Result<PluginInfo, PluginRejected> {
        if component.starts_with(b"\0asm") {
            return Ok(version("0.2.0"));
        }
        Err(PluginRejected {
            code: "not_a_component",
            message: "it doesn't begin as WebAssembly does".to_owned(),
        })
    }

    fn check_account(&self, _: &str, input: &AccountInput<'_>) -> Vec<InvalidField> {
        let given = |wanted: &str| input.secrets.iter().any(|(name, _)| name == wanted);
        let unknown = input
            .secrets
            .iter()
            .filter(|(name, _)| !SECRETS.contains(&name.as_str()))
            .map(|(name, _)| (name.as_str(), "is not a secret of this plugin"));
        let missing = SECRETS
            .into_iter()
            .filter(|name| input.complete && !given(name))
            .map(|name| (name, "is required"));
        unknown
            .chain(missing)
            .map(|(name, message)| InvalidField {
                field: format!("secrets.{name}"),
                message: message.to_owned(),
            })
            .collect()
    }
}
