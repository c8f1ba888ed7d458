//! Secrets: sealed at rest, opened as late as possible, never printed.

use std::fmt;

use tillgate_domain::{ProviderAccountId, TenantId};
use zeroize::Zeroizing;

/// A secret in the clear. It has no printing form, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret in.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself. Name the reason where it is used.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a sealed secret is bound to: opened for anything else, it doesn't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretBinding<'a> {
    /// Whose.
    pub tenant_id: TenantId,
    /// For which account; none for what belongs to the tenant alone.
    pub account_id: Option<ProviderAccountId>,
    /// Under which name.
    pub name: &'a str,
}

/// Why a sealed secret can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a master key that isn't configured.
    #[error("sealed with a master key that is not configured (key id {key_id})")]
    UnknownKey {
        /// The id of that key: the first bytes of a hash of it.
        key_id: String,
    },
    /// It was changed, or belongs to something else.
    #[error("the sealed secret was changed, or belongs to something else")]
    Broken,
}

/// Seals and opens secrets with the master key.
pub trait Sealer: Send + Sync {
    /// Seals a secret for one binding.
    fn seal(&self, binding: SecretBinding<'_>, secret: &Secret) -> Vec<u8>;

    /// Opens it again.
    ///
    /// # Errors
    /// [`SealError`] where the key is unknown or the seal is broken.
    fn open(&self, binding: SecretBinding<'_>, sealed: &[u8]) -> Result<Secret, SealError>;
}
