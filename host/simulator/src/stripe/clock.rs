//! Simulated time: the real clock plus an offset, or a frozen instant.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Seconds in one day.
pub(super) const DAY: i64 = 86_400;

/// The largest step of one advance: five years of monthly renewals.
pub(super) const MAX_ADVANCE_SECONDS: i64 = 5 * 366 * DAY;

/// Seconds since the Unix epoch on the wall: the time of signatures, which
/// receivers compare with their own clock, and the base of simulated time.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulator's only reading of the wall clock"
)]
pub(super) fn wall_seconds() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What time it is for the simulated provider.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// Goes with the wall clock, shifted by this many seconds.
    Ticking(i64),
    /// Stands still until it is moved.
    Frozen(i64),
}

impl Clock {
    pub(super) fn new(frozen_at: Option<i64>) -> Self {
        frozen_at.map_or(Self::Ticking(0), Self::Frozen)
    }

    pub(super) fn now(&self) -> i64 {
        match self {
            Self::Ticking(offset) => wall_seconds() + offset,
            Self::Frozen(at) => *at,
        }
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        match self {
            Self::Ticking(offset) => *offset += seconds,
            Self::Frozen(at) => *at += seconds,
        }
    }
}

/// A length of billing period as prices state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub(super) const NAMES: [&'static str; 4] = ["day", "month", "week", "year"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn span(self, times: i64) -> Span {
        match self {
            Self::Day => Span::new().days(times),
            Self::Week => Span::new().weeks(times),
            Self::Month => Span::new().months(times),
            Self::Year => Span::new().years(times),
        }
    }
}

/// The first boundary after `after` of the cycle that starts at `anchor`.
///
/// Boundaries count from the anchor, not from each other, so that the 31st
/// comes back after a short month, as Stripe's billing cycle anchor does.
pub(super) fn next_boundary(anchor: i64, interval: Interval, count: i64, after: i64) -> i64 {
    // No real period is longer, so the first guess is never beyond the boundary.
    let longest = count.max(1)
        * match interval {
            Interval::Day => DAY,
            Interval::Week => 7 * DAY,
            Interval::Month => 31 * DAY,
            Interval::Year => 366 * DAY,
        };
    let mut cycle = ((after - anchor).max(0) / longest).max(1);
    loop {
        let boundary = plus(anchor, interval, cycle * count.max(1));
        if boundary > after {
            return boundary;
        }
        cycle += 1;
    }
}

fn plus(anchor: i64, interval: Interval, times: i64) -> i64 {
    let Ok(start) = Timestamp::from_second(anchor) else {
        return i64::MAX;
    };
    let civil: DateTime = start.to_zoned(TimeZone::UTC).datetime();
    civil
        .checked_add(interval.span(times))
        .ok()
        .and_then(|moved| moved.to_zoned(TimeZone::UTC).ok())
        .map_or(i64::MAX, |moved| moved.timestamp().as_second())
}

/// The `Date` header's form, e.g. `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
pub(super) fn imf_fixdate(unix: i64) -> String {
    Timestamp::from_second(unix)
        .ok()
        .and_then(|at| rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok())
        .unwrap_or_default()
}

/// RFC 3339 with milliseconds, as thin events state their time.
pub(super) fn rfc3339(unix: i64) -> String {
    Timestamp::from_second(unix).map_or_else(
        |_| String::new(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
    )
}

/// A date for people, e.g. `3 January 2027`.
pub(super) fn readable_date(unix: i64) -> String {
    Timestamp::from_second(unix).map_or_else(|_| String::new(), |at| at.strftime("%-d %B %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAN_31: i64 = 1_769_817_600; // 2026-01-31T00:00:00Z

    #[test]
    fn months_are_counted_from_the_anchor() {
        let february = next_boundary(JAN_31, Interval::Month, 1, JAN_31);
        assert_eq!(rfc3339(february), "2026-02-28T00:00:00.000Z");
        let march = next_boundary(JAN_31, Interval::Month, 1, february);
        assert_eq!(rfc3339(march), "2026-03-31T00:00:00.000Z");
    }

    #[test]
    fn years_and_multiples_work() {
        let next = next_boundary(JAN_31, Interval::Year, 1, JAN_31);
        assert_eq!(rfc3339(next), "2027-01-31T00:00:00.000Z");
        let quarter = next_boundary(JAN_31, Interval::Month, 3, JAN_31 + 100 * DAY);
        assert_eq!(rfc3339(quarter), "2026-07-31T00:00:00.000Z");
    }

    #[test]
    fn dates_have_the_form_http_wants() {
        assert_eq!(imf_fixdate(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let mut clock = Clock::new(Some(100));
        clock.advance(5);
        assert_eq!(clock.now(), 105);
    }
}
