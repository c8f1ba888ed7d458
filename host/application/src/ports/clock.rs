//! Time and ids.

use tillgate_domain::Timestamp;

/// The only source of time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The only source of ids and randomness.
pub trait Ids: Send + Sync {
    /// 128 bits of a ULID for the given time: sortable by it, and never the same twice.
    fn next(&self, now: Timestamp) -> u128;

    /// Fills `bytes` with what nobody can guess: key material.
    fn fill_secret(&self, bytes: &mut [u8]);
}
