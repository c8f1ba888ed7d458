//! Time, ids and the master key.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tillgate_application::ports::{Clock, Ids, SealError, Sealer, Secret, SecretBinding};
use tillgate_domain::Timestamp;

/// A clock that stands still until it is moved. Whoever waits for a time moves it there.
#[derive(Debug)]
pub struct ManualClock(AtomicI64, Mutex<Vec<i64>>);

impl ManualClock {
    /// A clock that shows a time.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()), Mutex::new(Vec::new()))
    }

    /// For how long was waited, each time, in milliseconds.
    #[must_use]
    pub fn pauses(&self) -> Vec<i64> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves it on, in milliseconds.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, millis: i64) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(millis);
        self.advance(millis);
    }
}

/// Ids and secrets that are the same in every run of a test.
#[derive(Debug, Default)]
pub struct SeededIds {
    next: AtomicU64,
    secrets: Mutex<u64>,
}

impl Ids for SeededIds {
    fn next(&self, now: Timestamp) -> u128 {
        let millis = u128::from(now.as_millis().unsigned_abs());
        (millis << 80) | u128::from(self.next.fetch_add(1, Ordering::SeqCst))
    }

    fn fill_secret(&self, bytes: &mut [u8]) {
        let mut seed = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            // A generator by Knuth (MMIX); nothing here has to be hard to guess.
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = seed.to_be_bytes()[0];
        }
    }
}

/// Seals by writing the binding before the secret, so that a seal that was moved doesn't open.
#[derive(Debug, Default)]
pub struct PlainSealer;

fn prefix(binding: SecretBinding<'_>) -> String {
    format!("{:?}/{:?}/{}:", binding.tenant_id, binding.account_id, binding.name)
}

impl Sealer for PlainSealer {
    fn seal(&self, binding: SecretBinding<'_>, secret: &Secret) -> Vec<u8> {
        format!("{}{}", prefix(binding), secret.expose()).into_bytes()
    }

    fn open(&self, binding: SecretBinding<'_>, sealed: &[u8]) -> Result<Secret, SealError> {
        let text = std::str::from_utf8(sealed).map_err(|_| SealError::Broken)?;
        let secret = text.strip_prefix(&prefix(binding)).ok_or(SealError::Broken)?;
        Ok(Secret::new(secret.to_owned()))
    }
}
