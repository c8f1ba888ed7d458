//! The real time, and real ids.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tillgate_application::ports::{Clock, Ids};
use tillgate_domain::Timestamp;

/// The machine's clock.
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock port's one real implementation"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, millis: i64) {
        tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
    }
}

/// ULIDs that never repeat and never go back, also within one millisecond: events sort as they were recorded.
#[derive(Default)]
pub(crate) struct SystemIds {
    last: Mutex<u128>,
}

/// Bits of a ULID that are random.
const RANDOM_BITS: u32 = 80;

impl Ids for SystemIds {
    fn next(&self, now: Timestamp) -> u128 {
        let millis = u128::from(now.as_millis().unsigned_abs()) & ((1 << 48) - 1);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if (*last >> RANDOM_BITS) >= millis {
            *last + 1
        } else {
            let mut random = [0_u8; 16];
            self.fill_secret(&mut random);
            // The highest bit stays free, so that counting up doesn't carry into the time.
            (millis << RANDOM_BITS) | (u128::from_be_bytes(random) & ((1 << (RANDOM_BITS - 1)) - 1))
        };
        *last
    }

    #[expect(
        clippy::expect_used,
        reason = "without randomness no key may be made; the vault checks it at the start"
    )]
    fn fill_secret(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_goes_back() {
        let ids = SystemIds::default();
        let mut last = 0;
        for millis in [1_000, 1_000, 1_001, 900, 1_002] {
            let id = ids.next(Timestamp::from_millis(millis));
            assert!(id > last);
            last = id;
        }
    }
}
