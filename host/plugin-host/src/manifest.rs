//! The manifest: what a plugin says of itself and asks for. TOML in a custom section, read before anything is compiled.

mod behavior;
mod check;
mod credential;
mod endpoint;
mod pattern;
mod secret;
mod setting;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use tillgate_domain::Mode;

pub(crate) use behavior::{Behavior, CancelMode, Coverage};
pub(crate) use credential::Credential;
pub(crate) use endpoint::Endpoint;
pub(crate) use secret::{KeyForm, Secret};
pub(crate) use setting::Setting;

use crate::limits::{MEMORY_BYTES, STEP_FUEL};

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

/// Something that is the same in both modes, or has a value for each.
#[derive(Debug, Clone)]
pub(crate) struct PerMode<T> {
    live: T,
    test: T,
}

impl<T> PerMode<T> {
    pub(crate) fn get(&self, mode: Mode) -> &T {
        match mode {
            Mode::Live => &self.live,
            Mode::Test => &self.test,
        }
    }
}

impl<T: Default> Default for PerMode<T> {
    fn default() -> Self {
        Self {
            live: T::default(),
            test: T::default(),
        }
    }
}

impl<'de, T: Deserialize<'de> + Clone> Deserialize<'de> for PerMode<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Each<T> {
            live: T,
            test: T,
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be one value, or { live = …, test = … }")]
        enum Form<T> {
            One(T),
            Each(Each<T>),
        }
        Ok(match Form::<T>::deserialize(deserializer)? {
            Form::One(both) => Self {
                live: both.clone(),
                test: both,
            },
            Form::Each(Each { live, test }) => Self { live, test },
        })
    }
}

/// Why a manifest isn't accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ManifestError {
    /// It is built against a contract this host doesn't know.
    Contract(String),
    /// A key is wrong: which one, and why.
    Invalid(String),
}

impl Manifest {
    /// Reads a manifest, and checks that it is sound. The contract is looked at first: the keys of another one aren't
    /// this one's to judge.
    ///
    /// # Errors
    /// Says which key is wrong, and why.
    pub(crate) fn parse(bytes: &[u8], contracts: &[&str]) -> Result<Self, ManifestError> {
        let text = str::from_utf8(bytes).map_err(|_| ManifestError::Invalid("is not UTF-8".to_owned()))?;
        if let Some(contract) = contract_of(text)
            && !contracts.contains(&contract.as_str())
        {
            return Err(ManifestError::Contract(contract));
        }
        let manifest = Self::read(text).map_err(ManifestError::Invalid)?;
        check::check(&manifest).map_err(ManifestError::Invalid)?;
        Ok(manifest)
    }

    fn read(text: &str) -> Result<Self, String> {
        let deserializer = toml::Deserializer::parse(text).map_err(|error| at_line(text, &error))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            let error = at_line(text, error.inner());
            if path == "." { error } else { format!("{path}: {error}") }
        })
    }

    /// The setting that names the account at the provider, if one does.
    pub(crate) fn account_reference_setting(&self) -> Option<&str> {
        self.settings
            .iter()
            .find(|(_, setting)| setting.account_reference)
            .map(|(name, _)| name.as_str())
    }
}

fn contract_of(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    table.get("contract")?.as_str().map(str::to_owned)
}

/// One line about an error, with the line where it is.
fn at_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
            format!("{message} (line {line})")
        }
        None => message,
    }
}
