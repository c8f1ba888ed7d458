//! Stripe as a provider plugin.
//!
//! - [`checkout`](mod@checkout), [`portal`](mod@portal), [`subscriptions`](mod@subscriptions),
//!   [`plan_change`](mod@plan_change), [`pause`](mod@pause), [`refunds`](mod@refunds), [`webhooks`](mod@webhooks) and
//!   [`backfill`](mod@backfill) are the capabilities.
//! - `changes` is what all changes of a subscription have in common.
//! - `signature` reads the `Stripe-Signature` header; the host computes.
//! - `map` alone knows Stripe's words: its statuses, its event types and the shapes of its objects.
//! - `api` makes requests, `error` reads refusals.
#![cfg_attr(
    not(target_family = "wasm"),
    expect(
        clippy::result_large_err,
        reason = "the contract's error record is what it is, and an operation fails once; in a plugin it is smaller"
    )
)]

mod api;
pub mod backfill;
mod changes;
pub mod checkout;
mod error;
mod map;
pub mod pause;
pub mod plan_change;
pub mod portal;
pub mod refunds;
mod signature;
pub mod subscriptions;
pub mod webhooks;

/// The plugin.
#[derive(Debug, Clone, Copy)]
pub struct Stripe;

tillgate_plugin_sdk::export!(
    Stripe;
    manifest = "manifest.toml";
    checkout, portal, subscriptions, plan_change, pause, refunds, webhooks, backfill
);
