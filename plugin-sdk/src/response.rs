//! What the provider answered.

use serde::de::DeserializeOwned;

use crate::error::{kind_of_status, retry_of_unknown};
use crate::json::Json;
use crate::time;
use crate::types::{Effect, ErrorKind, GatewayError, HttpResponse, RetryAdvice, Timestamp};

/// An answer, of whatever status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    inner: HttpResponse,
    effect: Effect,
}

impl Response {
    pub(crate) fn new(inner: HttpResponse, effect: Effect) -> Self {
        Self { inner, effect }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.inner.status)
    }

    /// The body, as received.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.inner.body
    }

    /// What the request would have done when repeated.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The first header of this name that is text, trimmed.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.inner.headers.iter();
        let (_, value) = found.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// The provider's clock: the `Date` header.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        time::parse_http_date(self.header("date")?)
    }

    /// How many milliseconds the provider wants to be left alone: `Retry-After`, as seconds or as a date.
    ///
    /// A date is measured against the provider's own clock, or `now` where it doesn't tell.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<u64> {
        let value = self.header("retry-after")?;
        if let Ok(seconds) = value.parse::<u64>() {
            return seconds.checked_mul(1000);
        }
        let at = time::parse_http_date(value)?;
        let wait = at.saturating_sub(self.date().unwrap_or(now));
        Some(u64::try_from(wait).unwrap_or(0))
    }

    /// The body, understood as JSON.
    ///
    /// # Errors
    ///
    /// `malformed-response` where it isn't what was expected, [`unreadable`](Self::unreadable) being the details.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GatewayError> {
        serde_json::from_slice(self.body()).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// The body, as JSON of which only some fields matter.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn document(&self) -> Result<Json<'_>, GatewayError> {
        Json::read(self.body()).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// The error of an answer that can't be understood. After a write that the provider calls a success, or that it
    /// doesn't call anything, the honest word is that the outcome is unknown.
    #[must_use]
    pub fn unreadable(&self, why: &str) -> GatewayError {
        let message = format!("the provider's answer can't be understood: {why}");
        let refused = (400..500).contains(&self.status());
        if self.effect == Effect::Read || refused {
            GatewayError::new(ErrorKind::MalformedResponse, message)
        } else {
            GatewayError::new(ErrorKind::UnknownOutcome, message).with_retry(retry_of_unknown(self.effect))
        }
        .with_http_status(self.status())
    }

    /// The error of an answer that isn't a success, as its status has it.
    #[must_use]
    pub fn failure(&self, now: Timestamp, message: impl Into<String>) -> GatewayError {
        let kind = kind_of_status(self.status(), self.effect);
        let mut error = GatewayError::new(kind, message).with_http_status(self.status());
        if kind == ErrorKind::UnknownOutcome {
            error.retry = retry_of_unknown(self.effect);
        }
        if let (RetryAdvice::Allowed, Some(wait)) = (error.retry, self.retry_after(now)) {
            error.retry = RetryAdvice::After(wait);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str, effect: Effect) -> Response {
        let headers = headers.iter();
        let headers = headers.map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()));
        Response::new(
            HttpResponse {
                status,
                headers: headers.collect(),
                body: body.as_bytes().to_vec(),
            },
            effect,
        )
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |value| answer(429, &[("Retry-After", value)], "", Effect::Read).retry_after(0);
        assert_eq!(wait("7"), Some(7000));
        assert_eq!(wait("Thu, 01 Jan 1970 00:00:09 GMT"), Some(9000));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("18446744073709551615"), None);
        let dated = [
            ("date", "Thu, 01 Jan 1970 00:00:08 GMT"),
            ("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT"),
        ];
        assert_eq!(answer(429, &dated, "", Effect::Read).retry_after(0), Some(1000));
        let past = [
            ("date", "Thu, 01 Jan 1970 00:00:30 GMT"),
            ("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT"),
        ];
        assert_eq!(answer(429, &past, "", Effect::Read).retry_after(0), Some(0));
    }

    #[test]
    fn garbage_after_a_write_leaves_the_outcome_open() {
        let kind = |status, effect| {
            let parsed = answer(status, &[], "<html>", effect).json::<serde_json::Value>();
            parsed.unwrap_err().kind
        };
        assert_eq!(kind(200, Effect::Read), ErrorKind::MalformedResponse);
        assert_eq!(kind(200, Effect::Write), ErrorKind::UnknownOutcome);
        assert_eq!(kind(302, Effect::Write), ErrorKind::UnknownOutcome);
        assert_eq!(kind(400, Effect::Write), ErrorKind::MalformedResponse);
    }

    #[test]
    fn failures_follow_the_status() {
        let error = answer(503, &[("retry-after", "2")], "", Effect::IdempotentWrite).failure(0, "x");
        assert_eq!(error.kind, ErrorKind::UnknownOutcome);
        assert_eq!(error.retry, RetryAdvice::After(2000));
        let error = answer(404, &[("retry-after", "2")], "", Effect::Read).failure(0, "x");
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(error.retry, RetryAdvice::Never);
        assert_eq!(error.http_status, Some(404));
    }
}
