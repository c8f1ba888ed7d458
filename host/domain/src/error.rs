//! The rules that can be broken.

/// A broken rule of the domain, by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// The subscription's status doesn't allow this.
    #[error("cannot {action} a subscription with status {status}")]
    InvalidSubscriptionStatus {
        /// The status it has.
        status: &'static str,
        /// What was attempted.
        action: &'static str,
    },
    /// A number of seats out of bounds.
    #[error("seats must be between 1 and {max}, not {given}")]
    InvalidSeats {
        /// What was given.
        given: u64,
        /// The most there can be.
        max: u64,
    },
    /// A trial that is too long or empty.
    #[error("a trial is between 1 and {max} days long, not {given}")]
    InvalidTrial {
        /// What was given, in days.
        given: u32,
        /// The longest there can be, in days.
        max: u32,
    },
    /// A trial on something that isn't a subscription.
    #[error("only a subscription can have a trial")]
    TrialWithoutSubscription,
    /// The purchase's status doesn't allow this.
    #[error("cannot {action} a purchase with status {status}")]
    InvalidPurchaseStatus {
        /// The status it has.
        status: &'static str,
        /// What was attempted.
        action: &'static str,
    },
    /// The payment's status doesn't allow this.
    #[error("cannot {action} a payment with status {status}")]
    InvalidPaymentStatus {
        /// The status it has.
        status: &'static str,
        /// What was attempted.
        action: &'static str,
    },
    /// A text that is empty, too long or has characters that don't belong.
    #[error("{field} {rule}")]
    InvalidText {
        /// Which text.
        field: &'static str,
        /// What it has to be like.
        rule: &'static str,
    },
}
