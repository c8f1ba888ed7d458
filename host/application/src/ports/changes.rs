//! Changes: what processes on one database tell each other, so that none goes on with what it remembers.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use tillgate_domain::{CustomerId, ProviderAccountId, TenantId};

use super::{StoreError, UnitOfWork, Write};

/// Something that a process may keep in memory, and that was changed. Its text form is what processes tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// An account, or its secrets.
    Account(ProviderAccountId),
    /// Any account of a tenant: which is the default may have changed.
    AccountsOf(TenantId),
    /// An API key of a tenant was revoked.
    ApiKeysOf(TenantId),
    /// A customer's subscriptions.
    SubscriptionsOf(CustomerId),
    /// Nobody knows what.
    Anything,
}

impl Change {
    /// Whether it is of what operators configure: rare, and not to be missed.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        !matches!(self, Self::SubscriptionsOf(_))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account:{id}"),
            Self::AccountsOf(id) => write!(f, "accounts:{id}"),
            Self::ApiKeysOf(id) => write!(f, "api_keys:{id}"),
            Self::SubscriptionsOf(id) => write!(f, "subscriptions:{id}"),
            Self::Anything => f.write_str("anything"),
        }
    }
}

/// What isn't understood comes from a newer release: it may be anything.
impl From<&str> for Change {
    fn from(text: &str) -> Self {
        fn id<T: FromStr>(text: &str, change: fn(T) -> Change) -> Option<Change> {
            text.parse().ok().map(change)
        }
        let known = text.split_once(':').and_then(|(what, of)| match what {
            "account" => id(of, Self::Account),
            "accounts" => id(of, Self::AccountsOf),
            "api_keys" => id(of, Self::ApiKeysOf),
            "subscriptions" => id(of, Self::SubscriptionsOf),
            _ => None,
        });
        known.unwrap_or(Self::Anything)
    }
}

impl UnitOfWork {
    /// What it changes of what processes keep in memory, each once.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for write in self.writes() {
            let change = match write {
                Write::Account(account) => Change::AccountsOf(account.tenant_id),
                Write::Secret(secret) => Change::Account(secret.account_id),
                Write::ExpireSecrets { account_id, .. } => Change::Account(*account_id),
                Write::RevokeApiKey { tenant_id, .. } => Change::ApiKeysOf(*tenant_id),
                Write::Subscription(subscription) => Change::SubscriptionsOf(subscription.customer_id),
                _ => continue,
            };
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        changes
    }
}

/// What one hears of other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// From now on everything is heard. What happened before may have been missed.
    Following,
    /// This was changed, and that is committed.
    Changed(Change),
}

/// Tells what other processes change in the same database.
#[async_trait]
pub trait FollowChanges: Send + Sync {
    /// Hears of what others change. A change of this process may be heard too.
    ///
    /// # Errors
    /// The connection was lost: it doesn't end otherwise.
    async fn follow_changes(&self, heed: &(dyn Fn(Announcement) + Send + Sync)) -> Result<Infallible, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_as_text_and_understood() {
        for change in [
            Change::Account(ProviderAccountId::from_bits(1)),
            Change::AccountsOf(TenantId::from_bits(2)),
            Change::ApiKeysOf(TenantId::from_bits(3)),
            Change::SubscriptionsOf(CustomerId::from_bits(4)),
            Change::Anything,
        ] {
            assert_eq!(Change::from(change.to_string().as_str()), change);
        }
    }

    #[test]
    fn what_a_newer_release_tells_may_be_anything() {
        for text in [
            "",
            "prices:prc_1",
            "account:",
            "account:cus_1",
            "account",
            "subscriptions",
        ] {
            assert_eq!(Change::from(text), Change::Anything, "{text}");
        }
    }
}
