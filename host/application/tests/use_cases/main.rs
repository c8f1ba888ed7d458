//! Use cases, on fakes: what they decide, and what is left of them when the host stops between any two of their steps.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod caches;
mod changes;
mod conflicting;
mod crashes;
mod dead_letters;
mod events;
mod every_step;
mod faults;
mod given;
mod idempotency;
mod import_and_webhooks;
mod imports;
mod metrics;
mod operations;
mod order;
mod reconciliation;
mod refunds;
mod replays;
mod retention;
mod retries;
mod secrets;
mod unknown;
mod webhooks;
