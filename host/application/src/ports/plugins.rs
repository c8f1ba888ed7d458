//! The plugins the host has.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tillgate_domain::Mode;

use super::{CancelMode, Field, Secret};

/// A capability, by the name of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the contract describes them")]
pub enum Capability {
    Checkout,
    Portal,
    Subscriptions,
    PlanChange,
    Pause,
    Refunds,
    Webhooks,
    Backfill,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 8] = [
        Self::Checkout,
        Self::Portal,
        Self::Subscriptions,
        Self::PlanChange,
        Self::Pause,
        Self::Refunds,
        Self::Webhooks,
        Self::Backfill,
    ];

    /// The name of its interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Portal => "portal",
            Self::Subscriptions => "subscriptions",
            Self::PlanChange => "plan-change",
            Self::Pause => "pause",
            Self::Refunds => "refunds",
            Self::Webhooks => "webhooks",
            Self::Backfill => "backfill",
        }
    }
}

/// What the host knows of a plugin, from its manifest and exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its name for people.
    pub title: String,
    /// What it is, for people.
    pub description: String,
    /// The contract it is built against, e.g. `0.1`.
    pub contract: String,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Ways of canceling it declares.
    pub cancel_modes: Vec<CancelMode>,
    /// `native`, `amount` or `none`.
    pub quantity: String,
    /// `full`, `partial` or `none`.
    pub idempotency: String,
    /// Where it may send: `name` to `https://host`.
    pub endpoints: BTreeMap<String, String>,
    /// Names of the secrets it needs, whether required, and what they are.
    pub secrets: Vec<SecretInfo>,
    /// Names of its settings and what they are.
    pub settings: Vec<SettingInfo>,
    /// Size of the component in bytes.
    pub size_bytes: u64,
}

/// A secret a plugin needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether an account works without.
    pub required: bool,
}

/// A setting a plugin takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInfo {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether an account works without.
    pub required: bool,
}

/// Why a component isn't accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PluginRejected {
    /// In a word: `too_large`, `not_a_component`, `manifest_missing`, `manifest_invalid`, `contract_unsupported`,
    /// `import_refused`, `export_wrong_type`, `no_capability`, `does_not_compile`, `version_taken`, `storage_failed`.
    pub code: &'static str,
    /// What is wrong, naming it.
    pub message: String,
}

/// What an operator gives for an account, to be checked against a plugin's manifest.
#[derive(Debug)]
pub struct AccountInput<'a> {
    /// Live or test, as the tenant is.
    pub mode: Mode,
    /// Settings by name.
    pub settings: &'a [Field],
    /// Endpoint overrides by endpoint name.
    pub endpoint_overrides: &'a [Field],
    /// Secrets by name.
    pub secrets: &'a [(String, Secret)],
    /// Whether every required secret has to be among them: not where a single one is replaced.
    pub complete: bool,
}

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// Where, e.g. `secrets.webhook_secret`.
    pub field: String,
    /// What is wrong. Never holds a secret.
    pub message: String,
}

/// The plugins the host has, by digest and by name.
#[async_trait]
pub trait Plugins: Send + Sync {
    /// All of them, by name, newest version first.
    fn list(&self) -> Vec<PluginInfo>;

    /// The one with this digest.
    fn find(&self, digest: &str) -> Option<PluginInfo>;

    /// The one with this name and version; the newest where none is given.
    fn resolve(&self, name: &str, version: Option<&str>) -> Option<PluginInfo>;

    /// Checks, compiles, keeps and loads a component. The same component again is no change.
    async fn install(&self, component: Vec<u8>) -> Result<PluginInfo, PluginRejected>;

    /// Checks an account against a plugin's manifest. An empty list is good.
    fn check_account(&self, digest: &str, input: &AccountInput<'_>) -> Vec<InvalidField>;
}
