//! Settings: what is not secret of a provider account.

use serde::Deserialize;

use super::pattern;
use crate::limits::SETTING_BYTES;

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

impl Setting {
    /// Whether a value is one for it.
    ///
    /// # Errors
    /// What the value must be.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        if value.len() > SETTING_BYTES || value.chars().any(char::is_control) {
            return Err(format!(
                "must be at most {SETTING_BYTES} bytes, without control characters"
            ));
        }
        match self.kind {
            SettingType::Integer if value.parse::<i64>().is_err() => return Err("must be a whole number".to_owned()),
            SettingType::Boolean if !matches!(value, "true" | "false") => {
                return Err("must be true or false".to_owned());
            }
            SettingType::String if value.trim() != value || value.is_empty() => {
                return Err("must not be blank, or have white space around it".to_owned());
            }
            _ => {}
        }
        match &self.pattern {
            Some(text) if !pattern::compile(text)?.is_match(value) => Err(format!("must match {text}")),
            _ => Ok(()),
        }
    }
}
