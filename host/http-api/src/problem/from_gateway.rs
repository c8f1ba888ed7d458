//! How failures of a provider and its plugin become problems.

use tillgate_application::ports::{FailureKind, GatewayError, ProviderFailure, RetryAdvice};
use tillgate_domain::OperationId;

use super::Problem;
use crate::codes::Code;

impl Problem {
    pub(super) fn from_gateway(error: GatewayError, provider: String, operation_id: Option<OperationId>) -> Self {
        let text = error.to_string();
        let problem = match error {
            GatewayError::Unsupported { capability, .. } => Self::new(Code::CapabilityNotSupported, text)
                .with(|extensions| extensions.capability = Some(capability)),
            GatewayError::NotSent(failure) | GatewayError::Rejected(failure) => failed(code_of(failure.kind), *failure),
            GatewayError::UnknownOutcome(failure) => failed(Code::UnknownOutcome, *failure),
            GatewayError::PluginFault(_) => Self::new(Code::PluginFault, text),
            GatewayError::PluginMissing { .. } => Self::new(Code::PluginNotLoaded, text),
            GatewayError::Journal(error) => error.into(),
        };
        problem.with(|extensions| {
            extensions.provider = Some(provider);
            extensions.operation_id = operation_id.map(|id| id.to_string());
        })
    }
}

fn failed(code: Code, failure: ProviderFailure) -> Problem {
    let problem = Problem::new(code, failure.message).with(|extensions| {
        extensions.provider_request_id = failure.request_id;
        extensions.provider_code = failure.provider_code;
        extensions.provider_parameter = failure.parameter;
        extensions.decline_code = failure.decline_code;
    });
    match failure.retry {
        RetryAdvice::After(millis) => problem.retry_after(millis.div_ceil(1000).max(1)),
        RetryAdvice::Allowed | RetryAdvice::Never => problem,
    }
}

/// A failure's code. What is missing at the provider is no 404: the route and our own object are there.
const fn code_of(kind: FailureKind) -> Code {
    match kind {
        FailureKind::InvalidRequest => Code::ProviderRejectedRequest,
        FailureKind::Unauthorized => Code::ProviderUnauthorized,
        FailureKind::NotFound => Code::ProviderObjectMissing,
        FailureKind::Conflict => Code::ProviderConflict,
        FailureKind::RateLimited => Code::ProviderRateLimited,
        FailureKind::Declined => Code::PaymentDeclined,
        FailureKind::Unavailable => Code::ProviderUnavailable,
        FailureKind::Unsupported => Code::CapabilityNotSupported,
        FailureKind::MalformedResponse => Code::ProviderResponseMalformed,
        FailureKind::UnknownOutcome => Code::UnknownOutcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind, retry: RetryAdvice) -> Box<ProviderFailure> {
        Box::new(ProviderFailure {
            kind,
            message: "Your card was declined.".into(),
            provider_code: Some("card_declined".into()),
            decline_code: Some("insufficient_funds".into()),
            parameter: Some("price".into()),
            http_status: Some(402),
            request_id: Some("req_abc".into()),
            retry,
        })
    }

    #[test]
    fn a_decline_keeps_what_the_provider_said() {
        let error = GatewayError::Rejected(failure(FailureKind::Declined, RetryAdvice::Never));
        let id = OperationId::from_bits(7);
        let problem = Problem::from_gateway(error, "acme".into(), Some(id));
        assert_eq!(problem.code().info().code, "payment_declined");
        let said = &problem.0.extensions;
        assert_eq!(said.decline_code.as_deref(), Some("insufficient_funds"));
        assert_eq!(said.provider_request_id.as_deref(), Some("req_abc"));
        assert_eq!(said.operation_id, Some(id.to_string()));
        assert_eq!(said.provider.as_deref(), Some("acme"));
        assert_eq!(problem.0.retry_after_seconds, None);
    }

    #[test]
    fn a_rate_limit_says_when_to_come_back() {
        let error = GatewayError::NotSent(failure(FailureKind::RateLimited, RetryAdvice::After(1_500)));
        let problem = Problem::from_gateway(error, "acme".into(), None);
        assert_eq!(problem.code().info().code, "provider_rate_limited");
        assert_eq!(problem.0.retry_after_seconds, Some(2));
    }

    #[test]
    fn an_unknown_outcome_is_told_as_such_whatever_its_kind() {
        let error = GatewayError::UnknownOutcome(failure(FailureKind::Unavailable, RetryAdvice::Allowed));
        let problem = Problem::from_gateway(error, "acme".into(), None);
        assert_eq!(problem.code().info().status, 504);
    }
}
