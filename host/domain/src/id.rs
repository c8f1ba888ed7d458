//! Prefixed, sortable ids: `sub_01J…`, the prefix naming the kind and the rest being a ULID.

use std::fmt;
use std::str::FromStr;

use ulid::Ulid;

/// A text that isn't an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an id of the form {prefix}_ followed by 26 characters")]
pub struct IdError {
    /// The prefix that was wanted.
    pub prefix: &'static str,
    /// What was given, cut at 64 characters.
    pub given: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What an id of this kind begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of a ULID's 128 bits: 48 bits of milliseconds, 80 of randomness.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(Ulid(bits))
            }

            /// The 128 bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|rest| rest.len() == 26 && rest.bytes().all(|b| !b.is_ascii_lowercase()))
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { prefix: $prefix, given: text.chars().take(64).collect() })
            }
        }
    )*};
}

ids! {
    /// A tenant.
    TenantId = "tnt";
    /// An API key.
    ApiKeyId = "key";
    /// A tenant's connection to a provider.
    ProviderAccountId = "pac";
    /// A customer.
    CustomerId = "cus";
    /// A checkout session.
    CheckoutSessionId = "cks";
    /// A subscription.
    SubscriptionId = "sub";
    /// A purchase.
    PurchaseId = "pur";
    /// A payment.
    PaymentId = "pay";
    /// A refund.
    RefundId = "ref";
    /// A dispute.
    DisputeId = "dsp";
    /// A domain event.
    EventId = "evt";
    /// An operation: one call of a capability, with its journal.
    OperationId = "op";
    /// A received webhook.
    InboxId = "whk";
    /// An import of what a provider has already.
    ImportId = "imp";
    /// Where a tenant wants events.
    EventEndpointId = "eep";
    /// An event on its way to an endpoint.
    DeliveryId = "dlv";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = SubscriptionId::from_bits(0x0192_0000_0000_1234_5678_9abc_def0_1234);
        assert_eq!(id.to_string().parse::<SubscriptionId>(), Ok(id));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn an_id_of_another_kind_is_refused_by_name() {
        let error = CustomerId::from_bits(1)
            .to_string()
            .parse::<SubscriptionId>()
            .unwrap_err();
        assert_eq!(error.prefix, "sub");
    }

    #[test]
    fn lower_case_and_overlong_ids_are_refused() {
        let good = CustomerId::from_bits(77).to_string();
        assert!(good.to_lowercase().parse::<CustomerId>().is_err());
        assert!(format!("{good}0").parse::<CustomerId>().is_err());
        assert!("cus_".parse::<CustomerId>().is_err());
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let early = EventId::from_bits(1 << 80);
        let late = EventId::from_bits(2 << 80);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
