//! What a provider has already, page by page.

use serde::{Deserialize, Serialize};
use tillgate_domain::Timestamp;

use super::{CheckoutEvent, Field, PaymentEvent, ProviderSubscription};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillKind {
    /// Customers.
    Customers,
    /// Subscriptions, those that have ended as well.
    Subscriptions,
    /// Payments of invoices.
    Payments,
    /// Checkouts that were finished.
    Purchases,
}

impl BackfillKind {
    /// Every kind, in the order in which they are asked for: what is referred to is known before what refers to it.
    pub const ALL: [Self; 4] = [Self::Customers, Self::Subscriptions, Self::Payments, Self::Purchases];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::Payments => "payments",
            Self::Purchases => "purchases",
        }
    }
}

/// Asks for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRequest {
    /// Of what.
    pub kind: BackfillKind,
    /// What the page before said comes next; none for the first.
    pub cursor: Option<String>,
}

/// A customer as the provider has it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderCustomer {
    /// The provider's id.
    pub reference: String,
    /// Its address.
    pub email: Option<String>,
    /// The provider's metadata.
    pub metadata: Vec<Field>,
}

/// Its address is nobody's business.
impl std::fmt::Debug for ProviderCustomer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderCustomer")
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// One of the things listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackfillItem {
    /// A customer.
    Customer(ProviderCustomer),
    /// A subscription.
    Subscription(Box<ProviderSubscription>),
    /// A payment.
    Payment(Box<PaymentEvent>),
    /// A checkout that was finished.
    Purchase {
        /// The checkout.
        checkout: Box<CheckoutEvent>,
        /// What was paid for it, where only the checkout tells of that.
        payment: Option<Box<PaymentEvent>>,
    },
}

/// Something that is listed and can't be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The provider's id, where it can be read.
    pub reference: Option<String>,
    /// Why, in words that are the same for all of its like.
    pub reason: String,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillPage {
    /// What is on it.
    pub items: Vec<BackfillItem>,
    /// What is on it and can't be taken over.
    pub left_out: Vec<LeftOut>,
    /// What to ask for next; none where this was the last page.
    pub next: Option<String>,
    /// The provider's clock when it answered.
    pub as_of: Timestamp,
}
