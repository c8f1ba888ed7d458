//! How often an account's webhooks may fail their proof.
//!
//! Counted are failures alone, and only after the proof failed. A limit asked before the proof would be cheaper, and
//! would turn genuine webhooks away whenever somebody floods the account with false ones: which is which only the proof
//! says. What the proof itself costs is bounded elsewhere, by the turns plugins take and by the size of a body. What this
//! limit does is to tell whoever keeps failing to come back later, in a way that an operator notices.
//!
//! The limit is a host's own, for each account a token bucket that refills steadily. An account's bucket is one time: when
//! it will be full again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tillgate_domain::{ProviderAccountId, Timestamp};

use crate::bounds::{WEBHOOK_FAILURE_BUCKETS_MAX, WEBHOOK_FAILURE_PAUSE_MS, WEBHOOK_FAILURES_BURST};

/// How long an empty bucket takes to be full again, in milliseconds.
const REFILL_MS: i64 = WEBHOOK_FAILURES_BURST * WEBHOOK_FAILURE_PAUSE_MS;

/// The failures of each account.
#[derive(Default)]
pub(crate) struct WebhookFailures {
    full_at: Mutex<HashMap<ProviderAccountId, Timestamp>>,
}

impl WebhookFailures {
    /// Counts a failure. Answers for how many seconds to stay away where there were too many.
    pub(crate) fn count(&self, account: ProviderAccountId, now: Timestamp) -> Result<(), u64> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WEBHOOK_FAILURE_BUCKETS_MAX && !all.contains_key(&account) {
            // A full bucket says no more than none.
            all.retain(|_, full_at| *full_at > now);
            if all.len() >= WEBHOOK_FAILURE_BUCKETS_MAX {
                all.clear();
            }
        }
        let full_at = all.entry(account).or_insert(now);
        // Never further than a whole refill away, not even where the clock was set back.
        *full_at = (*full_at).clamp(now, now.plus_millis(REFILL_MS));
        let after = full_at.plus_millis(WEBHOOK_FAILURE_PAUSE_MS);
        let too_much = after.as_millis().saturating_sub(now.as_millis()) - REFILL_MS;
        if too_much > 0 {
            return Err(too_much.unsigned_abs().div_ceil(1_000));
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(bits: u128) -> ProviderAccountId {
        ProviderAccountId::from_bits(bits)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    /// How many failures in a row are taken at a time.
    fn taken(failures: &WebhookFailures, id: u128, now: Timestamp) -> i64 {
        let mut count = 0;
        while failures.count(account(id), now).is_ok() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_bucket_empties_and_refills_steadily_for_each_account() {
        let failures = WebhookFailures::default();
        assert_eq!(taken(&failures, 1, at(0)), WEBHOOK_FAILURES_BURST);
        assert_eq!(failures.count(account(1), at(0)), Err(1));
        assert_eq!(taken(&failures, 2, at(0)), WEBHOOK_FAILURES_BURST, "another account's");
        assert_eq!(taken(&failures, 1, at(999)), 0);
        assert_eq!(taken(&failures, 1, at(3_000)), 3);
        assert_eq!(taken(&failures, 1, at(10 * REFILL_MS)), WEBHOOK_FAILURES_BURST);
    }

    #[test]
    fn a_clock_that_is_set_back_ends_no_account_for_long() {
        let failures = WebhookFailures::default();
        assert_eq!(taken(&failures, 1, at(100 * REFILL_MS)), WEBHOOK_FAILURES_BURST);
        assert_eq!(failures.count(account(1), at(0)), Err(1));
        assert_eq!(taken(&failures, 1, at(REFILL_MS)), WEBHOOK_FAILURES_BURST);
    }

    #[test]
    fn there_are_never_more_buckets_than_allowed() {
        let failures = WebhookFailures::default();
        for id in 0..2 * WEBHOOK_FAILURE_BUCKETS_MAX + 1 {
            assert_eq!(failures.count(account(id as u128), at(0)), Ok(()));
            assert!(failures.full_at.lock().unwrap().len() <= WEBHOOK_FAILURE_BUCKETS_MAX);
        }
    }
}
