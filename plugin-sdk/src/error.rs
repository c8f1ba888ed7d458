//! Errors: what a failure means, and whether trying again makes sense.

use std::fmt;

use crate::types::{Effect, ErrorKind, GatewayError, Reached, RetryAdvice, TransportFailure};

/// The contract's limit for a message.
const MESSAGE_LIMIT: usize = 4096;

impl GatewayError {
    /// An error of this kind, with the retry advice such an error usually deserves.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::RateLimited | ErrorKind::Unavailable => RetryAdvice::Allowed,
            _ => RetryAdvice::Never,
        };
        Self {
            kind,
            message: message.into(),
            provider_code: None,
            decline_code: None,
            parameter: None,
            http_status: None,
            request_id: None,
            retry,
            extra: Vec::new(),
        }
    }

    /// With the provider's error code.
    #[must_use]
    pub fn with_provider_code(mut self, code: Option<String>) -> Self {
        self.provider_code = code;
        self
    }

    /// With the provider's reason for a decline.
    #[must_use]
    pub fn with_decline_code(mut self, code: Option<String>) -> Self {
        self.decline_code = code;
        self
    }

    /// With the parameter that is at fault.
    #[must_use]
    pub fn with_parameter(mut self, parameter: Option<String>) -> Self {
        self.parameter = parameter;
        self
    }

    /// With the provider's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// With the status of the answer that failed.
    #[must_use]
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// With other advice than the usual.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryAdvice) -> Self {
        self.retry = retry;
        self
    }

    /// Cut to what the contract allows.
    pub(crate) fn within_limits(mut self) -> Self {
        let end = self.message.floor_char_boundary(MESSAGE_LIMIT);
        self.message.truncate(end);
        self
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GatewayError {}

/// What a status means where the provider's body doesn't say more.
///
/// A server error on a write leaves open whether the write was performed.
#[must_use]
pub fn kind_of_status(status: u16, effect: Effect) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::Declined,
        404 | 410 => ErrorKind::NotFound,
        405 | 501 => ErrorKind::Unsupported,
        409 | 412 | 423 => ErrorKind::Conflict,
        408 | 425 => ErrorKind::Unavailable,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 if effect == Effect::Read => ErrorKind::Unavailable,
        500..=599 => ErrorKind::UnknownOutcome,
        _ => ErrorKind::MalformedResponse,
    }
}

/// The advice for a failure of unknown outcome: to repeat what can't happen twice.
#[must_use]
pub fn retry_of_unknown(effect: Effect) -> RetryAdvice {
    match effect {
        Effect::Read | Effect::IdempotentWrite => RetryAdvice::Allowed,
        Effect::Write => RetryAdvice::Never,
    }
}

/// A request that got no answer. As a [`GatewayError`] it tells apart what certainly didn't happen from what may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// What the host saw.
    pub failure: TransportFailure,
    /// What repeating the request would do.
    pub effect: Effect,
}

impl NoAnswer {
    /// Whether the provider may have performed a write.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.effect != Effect::Read && self.failure.reached != Reached::NotSent
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.failure.reached {
            Reached::NotSent => "the provider could not be reached",
            Reached::MaybeSent => "the provider didn't answer",
            Reached::Sent => "the provider's answer could not be read",
        };
        write!(f, "{what} ({}): {}", self.failure.kind, self.failure.message)
    }
}

impl std::error::Error for NoAnswer {}

impl From<NoAnswer> for GatewayError {
    fn from(none: NoAnswer) -> Self {
        let message = none.to_string();
        if none.is_outcome_unknown() {
            Self::new(ErrorKind::UnknownOutcome, message).with_retry(retry_of_unknown(none.effect))
        } else {
            Self::new(ErrorKind::Unavailable, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reached: Reached, effect: Effect) -> GatewayError {
        let failure = TransportFailure {
            reached,
            kind: "timeout".into(),
            message: "10 s".into(),
        };
        NoAnswer { failure, effect }.into()
    }

    #[test]
    fn what_was_not_sent_was_not_done() {
        for effect in [Effect::Read, Effect::IdempotentWrite, Effect::Write] {
            let error = failed(Reached::NotSent, effect);
            assert_eq!(error.kind, ErrorKind::Unavailable);
            assert_eq!(error.retry, RetryAdvice::Allowed);
        }
    }

    #[test]
    fn a_write_that_was_maybe_sent_has_an_unknown_outcome() {
        for reached in [Reached::MaybeSent, Reached::Sent] {
            let read = failed(reached, Effect::Read);
            assert_eq!(read.kind, ErrorKind::Unavailable);
            let idempotent = failed(reached, Effect::IdempotentWrite);
            assert_eq!(idempotent.kind, ErrorKind::UnknownOutcome);
            assert_eq!(idempotent.retry, RetryAdvice::Allowed);
            let write = failed(reached, Effect::Write);
            assert_eq!(write.kind, ErrorKind::UnknownOutcome);
            assert_eq!(write.retry, RetryAdvice::Never);
        }
    }

    #[test]
    fn every_status_means_something() {
        let kind = |status| kind_of_status(status, Effect::Write);
        assert_eq!(kind(400), ErrorKind::InvalidRequest);
        assert_eq!(kind(401), ErrorKind::Unauthorized);
        assert_eq!(kind(402), ErrorKind::Declined);
        assert_eq!(kind(404), ErrorKind::NotFound);
        assert_eq!(kind(409), ErrorKind::Conflict);
        assert_eq!(kind(422), ErrorKind::InvalidRequest);
        assert_eq!(kind(429), ErrorKind::RateLimited);
        assert_eq!(kind(503), ErrorKind::UnknownOutcome);
        assert_eq!(kind_of_status(503, Effect::Read), ErrorKind::Unavailable);
        assert_eq!(kind(302), ErrorKind::MalformedResponse);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let error = GatewayError::new(ErrorKind::Conflict, "é".repeat(4000)).within_limits();
        assert_eq!(error.message.len(), 4096);
        let error = GatewayError::new(ErrorKind::Conflict, format!("x{}", "é".repeat(4000)));
        assert_eq!(error.within_limits().message.len(), 4095);
    }
}
