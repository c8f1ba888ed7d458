//! Stripe's plugin against a scripted Stripe: no sandbox, no network.
#![expect(
    clippy::needless_pass_by_value,
    clippy::result_large_err,
    clippy::unwrap_used,
    reason = "what tests share is test code too, and they are read more often than they fail"
)]

mod backfill;
mod changes;
mod checkout;
mod distortions;
mod fixture;
mod manifest;
mod refunds;
mod signatures;
mod subscriptions;
mod webhooks;
mod webhooks_of_money_back;
