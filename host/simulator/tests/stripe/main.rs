//! The Stripe simulator from outside: over HTTP, as its users see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod checkout;
mod faults;
mod lifecycle;
mod serving;
mod webhooks;
mod world;
