//! How a provider behaves.

use serde::Deserialize;

/// How the provider behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Behavior {
    /// Said for the operator; the order of facts follows from what each fact carries.
    #[expect(dead_code, reason = "a word the contract has, checked and not acted upon")]
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
    /// All of them.
    Full,
    /// Some.
    Partial,
    /// None.
    None,
}

impl Idempotency {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// A way of canceling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CancelMode {
    /// Now.
    Immediate,
    /// When the paid period ends.
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

impl Quantity {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Amount => "amount",
            Self::None => "none",
        }
    }
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
