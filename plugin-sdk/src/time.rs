//! Times as providers write them, as milliseconds since 1970.

use crate::types::Timestamp;

const DAY: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Unix seconds. Nothing where the time is too far off to be written in milliseconds.
#[must_use]
pub fn from_unix_seconds(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(1000)
}

/// Unix seconds of a time, rounded down.
#[must_use]
pub fn to_unix_seconds(at: Timestamp) -> i64 {
    at.div_euclid(1000)
}

/// Reads RFC 3339, such as `2026-11-23T10:00:00.5+01:00`. Digits below the millisecond are cut; the leap second is the
/// second after it.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separated =
        bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't' | b' '));
    if !separated {
        return None;
    }
    let date = date(digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?)?;
    let clock = clock(bytes, 11)?;
    let mut rest = &bytes[19..];
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        for place in 0..3 {
            let digit = fraction[..length].get(place).map_or(0, |b| b - b'0');
            millis = millis * 10 + i64::from(digit);
        }
        rest = &fraction[length..];
    }
    Some(date * DAY + clock + millis - offset(rest)?)
}

/// Writes RFC 3339 in UTC, with milliseconds only where there are any.
#[must_use]
pub fn to_rfc3339(at: Timestamp) -> String {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let in_day = at.rem_euclid(DAY);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, millis) = (in_day / 1000 % 60, in_day % 1000);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if millis != 0 {
        text.push_str(&format!(".{millis:03}"));
    }
    text.push('Z');
    text
}

/// Reads the date of an HTTP header, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7; the two forms
/// that were obsolete in 1999 aren't read).
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 29
        && bytes[3..5] == *b", "
        && bytes[7] == b' '
        && bytes[11] == b' '
        && bytes[16] == b' '
        && bytes[25..] == *b" GMT";
    if !shape {
        return None;
    }
    let month = MONTHS.iter().position(|m| m.as_bytes() == &bytes[8..11])?;
    let month = i64::try_from(month).ok()? + 1;
    let days = date(digits(bytes, 12, 4)?, month, digits(bytes, 5, 2)?)?;
    let weekday = WEEKDAYS[usize::try_from(days.rem_euclid(7)).ok()?];
    if weekday.as_bytes() != &bytes[..3] {
        return None;
    }
    Some(days * DAY + clock(bytes, 17)?)
}

/// `length` digits at `start`.
fn digits(bytes: &[u8], start: usize, length: usize) -> Option<i64> {
    let digits = bytes.get(start..start + length)?;
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// `hh:mm:ss` at `start`, as milliseconds.
fn clock(bytes: &[u8], start: usize) -> Option<i64> {
    if bytes.get(start + 2) != Some(&b':') || bytes.get(start + 5) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(bytes, start, 2)?, digits(bytes, start + 3, 2)?);
    let second = digits(bytes, start + 6, 2)?;
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 3600 + minute * 60 + second) * 1000)
}

/// `Z`, `+hh:mm` or `-hh:mm`, as milliseconds.
fn offset(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes {
        b"Z" | b"z" => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(bytes, 1, 2)?, digits(bytes, 4, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// Days since 1970 of a date that exists. The year begins in March, so that the leap day is its last.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Year, month and day of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc3339_is_read() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_rfc3339("2018-08-02T10:10:20Z"), Some(1_533_204_620_000));
        assert_eq!(parse_rfc3339("2018-08-02t12:10:20.5+02:00"), Some(1_533_204_620_500));
        assert_eq!(
            parse_rfc3339("2018-08-02 04:40:20.123456789-05:30"),
            Some(1_533_204_620_123)
        );
        assert_eq!(parse_rfc3339("2000-02-29T00:00:00Z"), Some(951_782_400_000));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59.999Z"), Some(-1));
        assert_eq!(parse_rfc3339("2016-12-31T23:59:60Z"), Some(1_483_228_800_000));
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "2018",
            "2018-08-02",
            "2018-08-02T10:10:20",
            "2018-13-02T10:10:20Z",
            "2018-02-29T10:10:20Z",
            "1900-02-29T00:00:00Z",
            "2018-08-02T24:10:20Z",
            "2018-08-02T10:60:20Z",
            "2018-08-02T10:10:61Z",
            "2018-08-02T10:10:20.Z",
            "2018-08-02T10:10:20+2:00",
            "2018-08-02T10:10:20+0200",
            "2018-08-02T10:10:20+24:00",
            "2018-08-02T10:10:20ZZ",
            "2018_08_02T10:10:20Z",
            "2018-08-00T10:10:20Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text:?}");
        }
    }

    #[test]
    fn http_dates_are_read() {
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(
            parse_http_date("Thu, 02 Aug 2018 10:10:20 GMT"),
            Some(1_533_204_620_000)
        );
        for text in [
            "",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Xyz 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:3７GMT",
        ] {
            assert_eq!(parse_http_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn seconds_are_scaled() {
        assert_eq!(from_unix_seconds(1_533_204_620), Some(1_533_204_620_000));
        assert_eq!(from_unix_seconds(i64::MAX), None);
        assert_eq!(to_unix_seconds(1999), 1);
        assert_eq!(to_unix_seconds(-1), -1);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(at in -62_167_219_200_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_rfc3339(&to_rfc3339(at)), Some(at));
        }

        #[test]
        fn the_calendar_goes_both_ways(days in -1_000_000_i64..3_000_000) {
            let (year, month, day) = civil(days);
            prop_assert_eq!(date(year, month, day), Some(days));
        }

        #[test]
        fn nothing_panics(text in ".*", bytes in "[0-9TZ:. +-]{0,40}") {
            for text in [text, bytes] {
                _ = parse_rfc3339(&text);
                _ = parse_http_date(&text);
            }
        }
    }
}
