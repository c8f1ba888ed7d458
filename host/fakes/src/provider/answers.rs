//! What comes back from the provider, and what it means.

use tillgate_application::ports::{
    ChangeOutcome, ExchangeOutcome, FailureKind, GatewayError, ProviderFailure, Reached, RetryAdvice,
};
use tillgate_domain::Timestamp;

pub(super) const fn scheduled(at: Timestamp) -> ChangeOutcome {
    ChangeOutcome::Scheduled {
        effective_at: Some(at),
        subscription: None,
    }
}

pub(super) fn response(status: u16, body: String) -> ExchangeOutcome {
    ExchangeOutcome::Response {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
    }
}

pub(super) fn lost() -> ExchangeOutcome {
    ExchangeOutcome::Failed {
        reached: Reached::MaybeSent,
        kind: "timed_out".to_owned(),
        message: "no answer in time".to_owned(),
    }
}

pub(super) fn failure(kind: FailureKind, message: &str) -> Box<ProviderFailure> {
    Box::new(ProviderFailure {
        kind,
        message: message.to_owned(),
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry: match kind {
            FailureKind::Declined | FailureKind::NotFound => RetryAdvice::Never,
            _ => RetryAdvice::Allowed,
        },
    })
}

pub(super) fn answer_in(outcome: ExchangeOutcome) -> Result<String, GatewayError> {
    match outcome {
        ExchangeOutcome::Response { status: 200, body, .. } => Ok(String::from_utf8_lossy(&body).into_owned()),
        ExchangeOutcome::Response { status: 429, body, .. } => {
            let mut failure = failure(FailureKind::RateLimited, "slow down");
            let millis = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
            failure.retry = millis.map_or(RetryAdvice::Allowed, RetryAdvice::After);
            Err(GatewayError::NotSent(failure))
        }
        ExchangeOutcome::Response { status: 409, .. } => {
            Err(GatewayError::NotSent(failure(FailureKind::Conflict, "locked")))
        }
        ExchangeOutcome::Response { status: 402, .. } => {
            Err(GatewayError::Rejected(failure(FailureKind::Declined, "card declined")))
        }
        ExchangeOutcome::Response { status: 400, .. } => Err(GatewayError::Rejected(failure(
            FailureKind::InvalidRequest,
            "more than is left",
        ))),
        ExchangeOutcome::Response { .. } => {
            Err(GatewayError::Rejected(failure(FailureKind::NotFound, "no such thing")))
        }
        ExchangeOutcome::Failed {
            reached: Reached::NotSent,
            message,
            ..
        } => Err(GatewayError::NotSent(failure(FailureKind::Unavailable, &message))),
        ExchangeOutcome::Failed { message, .. } => Err(GatewayError::UnknownOutcome(failure(
            FailureKind::UnknownOutcome,
            &message,
        ))),
    }
}
