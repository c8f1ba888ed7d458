//! The ports of the use cases, in memory and for tests.
//!
//! [`MemoryStore`] passes the same suite as the real databases. [`FakeProvider`] keeps state and counts what it did, so
//! that a test can say that something was done once. [`Fuse`] stops the host at any point between two steps, as a
//! `kill -9` would, and [`World`] starts it again on what was stored.

mod events;
mod fuse;
mod imports;
mod inbox;
mod metrics;
mod plugins;
mod provider;
mod repositories;
mod retention;
mod rows;
mod small;
mod store;
mod webhooks;
mod world;

pub use events::FakeEndpoints;
pub use fuse::Fuse;
pub use metrics::RecordingMetrics;
pub use plugins::FakePlugins;
pub use provider::{Failing, FakeProvider, Performed};
pub use rows::{EventKeyRow, Rows};
pub use small::{ManualClock, PlainSealer, SeededIds};
pub use store::{CommitFault, MemoryStore};
pub use webhooks::{checkout_completed, dispute, payment, refund, refunded_total, subscription_event, webhook};
pub use world::{NOW, World};
