//! What the provider does: charge, renew, retry, settle, expire.

pub(super) mod checkout;
pub(super) mod due;
pub(super) mod invoices;
pub(super) mod payments;
pub(super) mod refunds;
pub(super) mod subscriptions;
