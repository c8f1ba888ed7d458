//! Whom and what a tenant has: its organizations, users and products, under its own ids.

use std::collections::BTreeMap;

use crate::{DomainError, ProviderAccountId, TenantId, Timestamp};

/// Whether real money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Real customers and real money.
    Live,
    /// The provider's test environment.
    Test,
}

impl Mode {
    /// `live` or `test`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(DomainError::InvalidText {
                field: "mode",
                rule: "must be live or test",
            }),
        }
    }
}

/// A customer of the platform team's deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Whether its money is real.
    pub mode: Mode,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One of a tenant's organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id of it.
    pub id: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it was last put.
    pub updated_at: Timestamp,
}

/// One of a tenant's users.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id of them.
    pub id: String,
    /// Their address.
    pub email: Option<String>,
    /// Their name, for people.
    pub name: Option<String>,
    /// When they became known.
    pub created_at: Timestamp,
    /// When they were last put.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a tenant sells, and the price it has at each provider account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id of it.
    pub id: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// The provider's id of its price, by provider account.
    pub prices: BTreeMap<ProviderAccountId, String>,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it was last put.
    pub updated_at: Timestamp,
}

/// The longest of a tenant's own ids, in bytes.
const EXTERNAL_ID_MAX: usize = 128;

/// Whether a text can be one of a tenant's own ids: 1 to 128 of `A-Z a-z 0-9 . _ : -`, so that it fits in a URL and in
/// every provider's metadata.
#[must_use]
pub fn valid_external_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= EXTERNAL_ID_MAX
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}
