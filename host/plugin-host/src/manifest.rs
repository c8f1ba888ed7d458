//! The manifest: what a plugin says of itself and asks for. TOML in a custom section, read before anything is compiled.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tillgate_domain::Mode;

use crate::limits::{MEMORY_BYTES, STEP_FUEL, STEP_FUEL_MAX};

/// The custom section's name.
pub(crate) const SECTION: &str = "tillgate:manifest";

/// A whole manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The contract it is built against.
    pub(crate) contract: String,
    pub(crate) plugin: Plugin,
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(crate) credentials: BTreeMap<String, Credential>,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Setting>,
    pub(crate) behavior: Behavior,
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// Who it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
}

/// Where it may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Endpoint {
    pub(crate) host: Host,
    #[serde(default)]
    pub(crate) path_prefix: String,
    pub(crate) port: Option<u16>,
}

/// A host, or one for each mode. It may be a template of settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Host {
    /// The same for both.
    One(String),
    /// One each.
    ByMode {
        /// With real money.
        live: String,
        /// Without.
        test: String,
    },
}

impl Host {
    /// The host, or template, for a mode.
    pub(crate) fn for_mode(&self, mode: Mode) -> &str {
        match (self, mode) {
            (Self::One(host), _) => host,
            (Self::ByMode { live, .. }, Mode::Live) => live,
            (Self::ByMode { test, .. }, Mode::Test) => test,
        }
    }
}

/// What the operator has to give.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) prefixes: Prefixes,
    #[serde(default)]
    pub(crate) key: KeyForm,
}

/// What a secret may begin with.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Prefixes {
    /// In both modes.
    Any(Vec<String>),
    /// In each.
    ByMode {
        /// With real money.
        live: Vec<String>,
        /// Without.
        test: Vec<String>,
    },
}

impl Default for Prefixes {
    fn default() -> Self {
        Self::Any(Vec::new())
    }
}

impl Prefixes {
    /// Those of a mode; none means any.
    pub(crate) fn for_mode(&self, mode: Mode) -> &[String] {
        match (self, mode) {
            (Self::Any(prefixes), _) => prefixes,
            (Self::ByMode { live, .. }, Mode::Live) => live,
            (Self::ByMode { test, .. }, Mode::Test) => test,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        let (one, two): (&[String], &[String]) = match self {
            Self::Any(prefixes) => (prefixes, &[]),
            Self::ByMode { live, test } => (live, test),
        };
        one.iter().chain(two)
    }
}

/// How an HMAC key is made of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyForm {
    /// The text's bytes.
    #[default]
    Utf8,
    /// What the text is in base64, after a matching prefix.
    Base64,
    /// What the text is in hex.
    Hex,
    /// The SHA-1 of the text's bytes.
    Sha1,
}

/// How a secret is attached to a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    deny_unknown_fields,
    tag = "scheme",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(crate) enum Credential {
    /// `Authorization: Bearer …`
    Bearer { secret: String, endpoints: Vec<String> },
    /// `Authorization: Basic …`
    Basic {
        /// The user name itself,
        username: Option<String>,
        /// or the secret that is the user name.
        username_secret: Option<String>,
        /// The secret that is the password; empty where there is none.
        secret: Option<String>,
        endpoints: Vec<String>,
    },
    /// A header of its own.
    Header {
        name: String,
        secret: String,
        endpoints: Vec<String>,
    },
    /// A query parameter.
    Query {
        name: String,
        secret: String,
        endpoints: Vec<String>,
    },
}

impl Credential {
    /// The only endpoints it is sent to.
    pub(crate) fn endpoints(&self) -> &[String] {
        match self {
            Self::Bearer { endpoints, .. }
            | Self::Basic { endpoints, .. }
            | Self::Header { endpoints, .. }
            | Self::Query { endpoints, .. } => endpoints,
        }
    }

    fn secrets(&self) -> Vec<&String> {
        match self {
            Self::Bearer { secret, .. } | Self::Header { secret, .. } | Self::Query { secret, .. } => vec![secret],
            Self::Basic {
                secret,
                username_secret,
                ..
            } => secret.iter().chain(username_secret).collect(),
        }
    }
}

/// A setting's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SettingType {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A setting of a provider account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Setting {
    #[serde(rename = "type")]
    pub(crate) kind: SettingType,
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) pattern: Option<String>,
    #[serde(default)]
    pub(crate) account_reference: bool,
}

/// How the provider behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Behavior {
    #[expect(
        dead_code,
        reason = "an author has to say it; the host orders by what each fact carries"
    )]
    pub(crate) ordering: Ordering,
    pub(crate) idempotency: Idempotency,
    #[serde(default)]
    pub(crate) cancel_modes: Vec<CancelMode>,
    #[serde(default)]
    pub(crate) quantity: Quantity,
    #[serde(default)]
    pub(crate) coverage: Coverage,
}

/// What orders its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ordering {
    /// Events carry full snapshots and a time.
    Snapshot,
    /// Events only say that something changed.
    Refetch,
    /// Objects carry a version.
    Versioned,
    /// Events come in order.
    Fifo,
}

/// Which writes can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Idempotency {
    Full,
    Partial,
    None,
}

/// A way of canceling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CancelMode {
    Immediate,
    AtPeriodEnd,
}

/// What seats are at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Quantity {
    /// A quantity.
    Native,
    /// Another amount.
    Amount,
    /// Nothing.
    #[default]
    None,
}

/// How much of a webhook's body its proof covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Coverage {
    /// All of it.
    #[default]
    Body,
    /// Some fields.
    Fields,
}

/// What a step needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) fuel: u64,
    pub(crate) memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: STEP_FUEL,
            memory: MEMORY_BYTES,
        }
    }
}

impl Manifest {
    /// Reads a manifest, and checks that it is sound.
    ///
    /// # Errors
    /// Says which key is wrong, and why.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', " "))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The setting that names the account at the provider, if one does.
    pub(crate) fn account_reference_setting(&self) -> Option<&str> {
        self.settings
            .iter()
            .find(|(_, setting)| setting.account_reference)
            .map(|(name, _)| name.as_str())
    }

    fn check(&self) -> Result<(), String> {
        if !valid_name(&self.plugin.name, '-') {
            return Err("plugin.name must be a letter and up to 39 of a-z 0-9 -".to_owned());
        }
        semver::Version::parse(&self.plugin.version).map_err(|error| format!("plugin.version: {error}"))?;
        for (table, names) in self.names() {
            if let Some(name) = names.iter().find(|name| !valid_name(name, '_')) {
                return Err(format!("{table}.{name}: a name is a letter and up to 39 of a-z 0-9 _"));
            }
        }
        self.check_endpoints()?;
        self.check_credentials()?;
        for (name, setting) in &self.settings {
            if let Some(pattern) = &setting.pattern {
                anchored(pattern).map_err(|error| format!("settings.{name}.pattern: {error}"))?;
            }
        }
        if self
            .settings
            .values()
            .filter(|setting| setting.account_reference)
            .count()
            > 1
        {
            return Err("settings: at most one can be the account-reference".to_owned());
        }
        if self.limits.fuel == 0 || self.limits.fuel > STEP_FUEL_MAX {
            return Err(format!("limits.fuel must be between 1 and {STEP_FUEL_MAX}"));
        }
        if self.limits.memory == 0 || self.limits.memory > MEMORY_BYTES {
            return Err(format!("limits.memory must be between 1 and {MEMORY_BYTES}"));
        }
        Ok(())
    }

    fn names(&self) -> [(&'static str, Vec<&String>); 4] {
        [
            ("endpoints", self.endpoints.keys().collect()),
            ("secrets", self.secrets.keys().collect()),
            ("credentials", self.credentials.keys().collect()),
            ("settings", self.settings.keys().collect()),
        ]
    }

    fn check_endpoints(&self) -> Result<(), String> {
        for (name, endpoint) in &self.endpoints {
            for mode in [Mode::Live, Mode::Test] {
                let template = endpoint.host.for_mode(mode);
                for setting in placeholders(template).map_err(|error| format!("endpoints.{name}.host: {error}"))? {
                    let known = self.settings.get(&setting);
                    if known.is_none_or(|setting| setting.pattern.is_none() || !setting.required) {
                        return Err(format!(
                            "endpoints.{name}.host names {{{setting}}}, which must be a required setting with a pattern"
                        ));
                    }
                }
                let host = fill(template, |_| "x".to_owned());
                tillgate_egress::Endpoint::https(&host, endpoint.port, &endpoint.path_prefix)
                    .map_err(|error| format!("endpoints.{name}: {error}"))?;
            }
        }
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), String> {
        for (name, credential) in &self.credentials {
            if credential.endpoints().is_empty() {
                return Err(format!("credentials.{name}.endpoints must name at least one endpoint"));
            }
            if let Some(endpoint) = credential
                .endpoints()
                .iter()
                .find(|known| !self.endpoints.contains_key(*known))
            {
                return Err(format!(
                    "credentials.{name}.endpoints names {endpoint:?}, which is no endpoint"
                ));
            }
            if let Some(secret) = credential
                .secrets()
                .into_iter()
                .find(|known| !self.secrets.contains_key(*known))
            {
                return Err(format!("credentials.{name} names {secret:?}, which is no secret"));
            }
        }
        Ok(())
    }
}

fn valid_name(name: &str, separator: char) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

/// A pattern that the whole of a value has to match.
pub(crate) fn anchored(pattern: &str) -> Result<regex_lite::Regex, String> {
    if pattern.len() > 255 {
        return Err("is longer than 255 bytes".to_owned());
    }
    regex_lite::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(64 * 1024)
        .build()
        .map_err(|error| error.to_string())
}

/// The settings a host template names.
fn placeholders(template: &str) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("has { without }")?;
        found.insert(name.to_owned());
        rest = after;
    }
    Ok(found)
}

/// Fills a host template.
pub(crate) fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(&value(name));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
contract = "0.1"
[plugin]
name = "testpay"
version = "0.1.0"
title = "Testpay"
[endpoints.api]
host = "{prefix}-api.testpay.example"
[secrets.api_key]
description = "key"
required = true
prefixes = { live = ["live_"], test = ["test_"] }
[credentials.api_key]
scheme = "bearer"
secret = "api_key"
endpoints = ["api"]
[settings.prefix]
type = "string"
description = "prefix"
required = true
pattern = "[a-z0-9]{1,20}"
[behavior]
ordering = "snapshot"
idempotency = "full"
cancel-modes = ["immediate", "at-period-end"]
"#;

    fn broken(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Manifest::parse(GOOD.replace(from, to).as_bytes()).unwrap_err()
    }

    #[test]
    fn a_sound_manifest_is_read() {
        let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(manifest.plugin.name, "testpay");
        assert_eq!(manifest.limits.fuel, STEP_FUEL);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, named) in [
            ("name = \"testpay\"", "name = \"Test Pay\"", "plugin.name"),
            ("version = \"0.1.0\"", "version = \"one\"", "plugin.version"),
            ("title = \"Testpay\"", "titel = \"Testpay\"", "titel"),
            ("scheme = \"bearer\"", "scheme = \"magic\"", "magic"),
            (
                "endpoints = [\"api\"]",
                "endpoints = [\"other\"]",
                "\"other\", which is no endpoint",
            ),
            (
                "endpoints = [\"api\"]",
                "endpoints = []",
                "credentials.api_key.endpoints",
            ),
            (
                "secret = \"api_key\"",
                "secret = \"nothing\"",
                "\"nothing\", which is no secret",
            ),
            ("{prefix}-api.testpay.example", "{unknown}.testpay.example", "{unknown}"),
            ("{prefix}-api.testpay.example", "127.0.0.1", "endpoints.api"),
            ("pattern = \"[a-z0-9]{1,20}\"", "", "required setting with a pattern"),
            ("ordering = \"snapshot\"", "ordering = \"never\"", "never"),
            ("idempotency = \"full\"", "", "idempotency"),
        ] {
            let error = broken(from, to);
            assert!(error.contains(named), "{named}: {error}");
        }
    }

    #[test]
    fn templates_are_filled() {
        assert_eq!(fill("{a}-x.{b}.example", str::to_uppercase), "A-x.B.example");
    }
}
