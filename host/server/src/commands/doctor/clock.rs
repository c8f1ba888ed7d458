//! This host's clock, compared with those of others: signatures carry a time, and are refused outside their tolerance.

use tillgate_storage::Database;

use super::report::Report;
use super::{OFFLINE, now_ms};

/// From how far off a clock deserves a look, in milliseconds: NTP keeps one within a fraction of a second, and the
/// `Date` of an answer is told in whole seconds.
const SKEW_WARN_MS: i64 = 5_000;

/// From how far off genuine webhooks are soon refused, in milliseconds. Providers sign with a tolerance of 300 s, of
/// which delivering takes its part.
const SKEW_FAIL_MS: i64 = 120_000;

const REMEDY: &str = "Synchronize this host's clock (NTP): a webhook signed outside the tolerance is refused";

/// What another clock says.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// Whose clock.
    pub(crate) of: String,
    /// How far this host's clock is ahead of it, in milliseconds.
    pub(crate) ahead_ms: i64,
}

impl Reading {
    /// Of an answer that tells its time, to a question asked and answered between two times of this host.
    pub(crate) fn new(of: impl Into<String>, asked_ms: i64, answered_ms: i64, theirs_ms: i64) -> Self {
        let middle = asked_ms.saturating_add(answered_ms.saturating_sub(asked_ms) / 2);
        Self {
            of: of.into(),
            ahead_ms: middle.saturating_sub(theirs_ms),
        }
    }
}

/// The database server's clock. A file has none.
pub(crate) async fn of_database(database: &Database, report: &mut Report) -> Option<Reading> {
    let asked = now_ms();
    match database.server_time_ms().await {
        Ok(theirs) => Some(Reading::new("the database", asked, now_ms(), theirs?)),
        Err(error) => {
            let remedy = "Check the rights of the database's user";
            report.warn("clock of the database", error.to_string(), remedy);
            None
        }
    }
}

/// Judges the one that is furthest off.
pub(crate) fn judge(readings: &[Reading], offline: bool, report: &mut Report) {
    let Some(furthest) = readings.iter().max_by_key(|reading| reading.ahead_ms.abs()) else {
        let why = if offline {
            OFFLINE
        } else {
            "no other clock could be asked"
        };
        report.skip("clock", why);
        return;
    };
    let Reading { of, ahead_ms } = furthest;
    let word = if *ahead_ms < 0 { "behind" } else { "ahead of" };
    let seconds = ahead_ms.unsigned_abs() / 1_000;
    let detail = format!("{seconds} s {word} {of}; {} compared", readings.len());
    match ahead_ms.abs() {
        off if off >= SKEW_FAIL_MS => report.fail("clock", detail, REMEDY),
        off if off >= SKEW_WARN_MS => report.warn("clock", detail, REMEDY),
        _ => report.ok(
            "clock",
            format!("within {} s of {} other(s)", SKEW_WARN_MS / 1_000, readings.len()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ahead_ms: i64) -> usize {
        let mut report = Report::default();
        judge(
            &[Reading {
                of: "x".into(),
                ahead_ms,
            }],
            false,
            &mut report,
        );
        report.failed()
    }

    #[test]
    fn a_question_that_took_long_is_no_skew() {
        assert_eq!(Reading::new("x", 1_000, 3_000, 2_000).ahead_ms, 0);
        assert_eq!(Reading::new("x", 10_000, 10_000, 2_000).ahead_ms, 8_000);
    }

    #[test]
    fn a_clock_that_is_off_in_either_direction_fails() {
        assert_eq!(judged(0), 0);
        assert_eq!(judged(SKEW_FAIL_MS - 1), 0);
        assert_eq!(judged(SKEW_FAIL_MS), 1);
        assert_eq!(judged(-SKEW_FAIL_MS), 1);
    }
}
