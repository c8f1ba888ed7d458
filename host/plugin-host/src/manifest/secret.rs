//! Secrets: what the operator has to give.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use sha1::{Digest as _, Sha1};
use tillgate_domain::Mode;
use zeroize::Zeroizing;

use super::PerMode;

/// Base64 with or without padding: secrets are handed out in both ways.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the operator has to give.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) prefixes: PerMode<Vec<String>>,
    #[serde(default)]
    pub(crate) key: KeyForm,
}

/// How a key is made of a secret.
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

impl Secret {
    /// The prefix a text has, of those of a mode.
    pub(crate) fn prefix_of(&self, mode: Mode, text: &str) -> Option<&str> {
        self.prefixes
            .get(mode)
            .iter()
            .map(String::as_str)
            .find(|prefix| text.starts_with(prefix))
    }

    /// The key that is made of a text. None where it has no such form, or is empty: an empty key proves nothing.
    pub(crate) fn key_of(&self, mode: Mode, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let key = match self.key {
            KeyForm::Utf8 => text.as_bytes().to_vec(),
            KeyForm::Sha1 if text.is_empty() => return None,
            KeyForm::Sha1 => Sha1::digest(text.as_bytes()).to_vec(),
            KeyForm::Hex => hex::decode(text).ok()?,
            KeyForm::Base64 => {
                let bare = &text[self.prefix_of(mode, text).map_or(0, str::len)..];
                BASE64.decode(bare).ok()?
            }
        };
        (!key.is_empty()).then(|| Zeroizing::new(key))
    }
}
