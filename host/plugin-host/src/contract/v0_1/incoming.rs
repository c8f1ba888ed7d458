//! From the contract's types to the application's: what a plugin answers, checked.

use tillgate_application::ports as app;
use tillgate_domain::{PaymentStatus, Period, RefundState, SubscriptionSnapshot, SubscriptionStatus, Terms};

use super::values::{Malformed, money, optional_reference, page_url, reference, references, text, time};
use super::{checkout_types, portal_types, refund_types, types};
use crate::limits::{CLIENT_TOKEN_BYTES, MESSAGE_BYTES, REFERENCE_BYTES, RETRY_AFTER_MAX_MS};
use crate::text::cut;

pub(super) fn request(request: types::HttpRequest) -> app::ExchangeRequest {
    app::ExchangeRequest {
        method: match request.method {
            types::HttpMethod::Get => app::ExchangeMethod::Get,
            types::HttpMethod::Post => app::ExchangeMethod::Post,
            types::HttpMethod::Put => app::ExchangeMethod::Put,
            types::HttpMethod::Patch => app::ExchangeMethod::Patch,
            types::HttpMethod::Delete => app::ExchangeMethod::Delete,
        },
        endpoint: request.endpoint,
        path: request.path,
        query: request.query,
        headers: request.headers,
        body: request.body,
        effect: match request.effect {
            types::Effect::Read => app::Effect::Read,
            types::Effect::IdempotentWrite => app::Effect::IdempotentWrite,
            types::Effect::Write => app::Effect::Write,
        },
        credential: request.credential,
    }
}

pub(super) fn failure(error: types::GatewayError) -> app::ProviderFailure {
    use types::ErrorKind;
    app::ProviderFailure {
        kind: match error.kind {
            ErrorKind::InvalidRequest => app::FailureKind::InvalidRequest,
            ErrorKind::Unauthorized => app::FailureKind::Unauthorized,
            ErrorKind::NotFound => app::FailureKind::NotFound,
            ErrorKind::Conflict => app::FailureKind::Conflict,
            ErrorKind::RateLimited => app::FailureKind::RateLimited,
            ErrorKind::Declined => app::FailureKind::Declined,
            ErrorKind::Unavailable => app::FailureKind::Unavailable,
            ErrorKind::UnknownOutcome => app::FailureKind::UnknownOutcome,
            ErrorKind::Unsupported => app::FailureKind::Unsupported,
            ErrorKind::MalformedResponse => app::FailureKind::MalformedResponse,
        },
        message: cut(error.message, MESSAGE_BYTES),
        provider_code: error.provider_code.map(|text| cut(text, REFERENCE_BYTES)),
        decline_code: error.decline_code.map(|text| cut(text, REFERENCE_BYTES)),
        parameter: error.parameter.map(|text| cut(text, REFERENCE_BYTES)),
        http_status: error.http_status,
        request_id: error.request_id.map(|text| cut(text, REFERENCE_BYTES)),
        retry: match error.retry {
            types::RetryAdvice::Never => app::RetryAdvice::Never,
            types::RetryAdvice::Allowed => app::RetryAdvice::Allowed,
            types::RetryAdvice::After(millis) => app::RetryAdvice::After(millis.min(RETRY_AFTER_MAX_MS)),
        },
    }
}

pub(super) fn checkout_session(
    session: checkout_types::CheckoutSession,
) -> Result<app::ProviderCheckoutSession, Malformed> {
    Ok(app::ProviderCheckoutSession {
        reference: reference("reference", session.reference)?,
        target: match session.target {
            checkout_types::CheckoutTarget::Redirect(url) => app::CheckoutTarget::Redirect(page_url("target", url)?),
            checkout_types::CheckoutTarget::ClientToken(token) => {
                if token.is_empty() || token.len() > CLIENT_TOKEN_BYTES {
                    return Err(format!(
                        "target must be 1 to {CLIENT_TOKEN_BYTES} bytes, not {}",
                        token.len()
                    ));
                }
                app::CheckoutTarget::ClientToken(token)
            }
            checkout_types::CheckoutTarget::FormPost(form) => app::CheckoutTarget::FormPost {
                url: page_url("target", form.url)?,
                fields: form.fields,
            },
        },
        payment_status: match session.payment_status {
            checkout_types::PaymentStatus::Unpaid => PaymentStatus::Unpaid,
            checkout_types::PaymentStatus::Paid => PaymentStatus::Paid,
            checkout_types::PaymentStatus::NoPaymentRequired => PaymentStatus::NoPaymentRequired,
        },
        expires_at: time("expires_at", session.expires_at)?,
    })
}

pub(super) fn portal_session(session: portal_types::PortalSession) -> Result<app::ProviderPortalSession, Malformed> {
    Ok(app::ProviderPortalSession {
        url: page_url("url", session.url)?,
        expires_at: time("expires_at", session.expires_at)?,
    })
}

fn status(status: types::SubscriptionStatus) -> Option<SubscriptionStatus> {
    use types::SubscriptionStatus as S;
    Some(match status {
        S::Incomplete => SubscriptionStatus::Incomplete,
        S::Trialing => SubscriptionStatus::Trialing,
        S::Active => SubscriptionStatus::Active,
        S::PastDue => SubscriptionStatus::PastDue,
        S::Unpaid => SubscriptionStatus::Unpaid,
        S::Paused => SubscriptionStatus::Paused,
        S::Canceled => SubscriptionStatus::Canceled,
        S::Expired => SubscriptionStatus::Expired,
        S::Unknown => return None,
    })
}

pub(super) fn subscription(given: types::Subscription) -> Result<app::ProviderSubscription, Malformed> {
    let items = given
        .items
        .into_iter()
        .map(|item| {
            Ok(app::ProviderSubscriptionItem {
                reference: reference("items.reference", item.reference)?,
                price_reference: reference("items.price_reference", item.price_reference)?,
                quantity: item.quantity,
            })
        })
        .collect::<Result<Vec<_>, Malformed>>()?;
    // With several, which one counts is for the use case to say: it knows the price of a seat.
    let only = match items.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let period = match (
        time("period_start", given.period_start)?,
        time("period_end", given.period_end)?,
    ) {
        (Some(start), Some(end)) => Some(Period { start, end }),
        _ => None,
    };
    let terms = Terms {
        price_reference: only.map(|item| item.price_reference.clone()),
        seats: only.and_then(|item| item.quantity),
        period,
        trial_end: time("trial_end", given.trial_end)?,
        cancel_at: time("cancel_at", given.cancel_at)?,
        cancel_at_period_end: given.cancel_at_period_end,
        canceled_at: time("canceled_at", given.canceled_at)?,
        ended_at: time("ended_at", given.ended_at)?,
    };
    Ok(app::ProviderSubscription {
        reference: reference("reference", given.reference)?,
        customer_reference: optional_reference("customer_reference", given.customer_reference)?,
        snapshot: SubscriptionSnapshot {
            status: status(given.status),
            provider_status: reference("provider_status", given.provider_status)?,
            terms,
        },
        items,
        correlation_id: optional_reference("correlation_id", given.correlation_id)?,
        metadata: given.metadata,
        object_version: given.object_version,
        as_of: time("as_of", given.as_of)?,
    })
}

pub(super) fn change_outcome(outcome: types::ChangeOutcome) -> Result<app::ChangeOutcome, Malformed> {
    let boxed = |given: Option<types::Subscription>| given.map(|given| subscription(given).map(Box::new)).transpose();
    Ok(match outcome {
        types::ChangeOutcome::Applied(given) => app::ChangeOutcome::Applied(Box::new(subscription(given)?)),
        types::ChangeOutcome::Scheduled(change) => app::ChangeOutcome::Scheduled {
            effective_at: time("effective_at", change.effective_at)?,
            subscription: boxed(change.subscription)?,
        },
        types::ChangeOutcome::ActionRequired(action) => app::ChangeOutcome::ActionRequired {
            url: page_url("url", action.url)?,
            subscription: boxed(action.subscription)?,
        },
    })
}

pub(super) const fn refund_state(state: types::RefundState) -> RefundState {
    match state {
        types::RefundState::Pending => RefundState::Pending,
        types::RefundState::RequiresAction => RefundState::RequiresAction,
        types::RefundState::Succeeded => RefundState::Succeeded,
        types::RefundState::Failed => RefundState::Failed,
        types::RefundState::Canceled => RefundState::Canceled,
    }
}

pub(super) fn refund(given: refund_types::Refund) -> Result<app::ProviderRefund, Malformed> {
    Ok(app::ProviderRefund {
        reference: reference("reference", given.reference)?,
        state: refund_state(given.state),
        amount: money("amount", &given.amount)?,
        payment_references: references("payment_references", given.payment_references)?,
        reason: text(given.reason),
        failure_reason: text(given.failure_reason),
        as_of: time("as_of", given.as_of)?,
    })
}
