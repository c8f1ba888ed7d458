//! Time and ids.

use async_trait::async_trait;
use tillgate_domain::Timestamp;

/// The only source of time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits for so many milliseconds.
    async fn sleep(&self, millis: i64);
}

/// The only source of ids and randomness.
pub trait Ids: Send + Sync {
    /// 128 bits of a ULID for the given time: sortable by it, and never the same twice.
    fn next(&self, now: Timestamp) -> u128;

    /// Fills `bytes` with what nobody can guess: key material.
    fn fill_secret(&self, bytes: &mut [u8]);
}
