//! What a journal says: how large it is, what is open in it, what it lets the host believe.

use tillgate_application::ports::{
    Effect, Exchange, ExchangeOutcome, ExchangeRequest, FailureKind, ProviderFailure, Reached,
};

/// The request that was about to be sent when a host stopped, and what came before it.
pub(crate) fn unanswered(recorded: &[Exchange]) -> Option<(&ExchangeRequest, &[Exchange])> {
    match recorded.split_last() {
        Some((Exchange { request, outcome: None }, before)) => Some((request, before)),
        _ => None,
    }
}

/// Whether every exchange has its outcome.
pub(crate) fn is_complete(recorded: &[Exchange]) -> bool {
    recorded.iter().all(|exchange| exchange.outcome.is_some())
}

/// What a guest is given of it, in bytes.
pub(crate) fn size(recorded: &[Exchange]) -> usize {
    let size_of = |exchange: &Exchange| match &exchange.outcome {
        None => 0,
        Some(ExchangeOutcome::Failed { message, .. }) => message.len(),
        Some(ExchangeOutcome::Response { headers, body, .. }) => {
            let headers = headers.iter().map(|(name, value)| name.len() + value.len());
            body.len() + headers.sum::<usize>()
        }
    };
    recorded.iter().map(size_of).sum()
}

/// What is recorded of a request that changes something anew each time, and was under way when a host stopped.
pub(crate) fn interrupted() -> ExchangeOutcome {
    ExchangeOutcome::Failed {
        reached: Reached::MaybeSent,
        kind: "interrupted".to_owned(),
        message: "the host stopped while the request was under way".to_owned(),
    }
}

/// What is recorded of a request that the host would not send.
pub(crate) fn refused(reason: &str) -> ExchangeOutcome {
    ExchangeOutcome::Failed {
        reached: Reached::NotSent,
        kind: "refused".to_owned(),
        message: reason.to_owned(),
    }
}

/// A plugin's word about a failure, corrected by what the host knows: a write that may have been performed is never
/// called failed, and one that was performed is never called not done.
pub(crate) fn corrected(mut failure: ProviderFailure, recorded: &[Exchange]) -> ProviderFailure {
    let says_nothing_was_done = matches!(
        failure.kind,
        FailureKind::Unavailable
            | FailureKind::RateLimited
            | FailureKind::Unauthorized
            | FailureKind::Conflict
            | FailureKind::MalformedResponse
    );
    if is_under_way(recorded) || (says_nothing_was_done && was_done(recorded)) {
        failure.kind = FailureKind::UnknownOutcome;
    }
    failure
}

/// Whether a write may have been performed, and the provider hasn't been heard since.
fn is_under_way(recorded: &[Exchange]) -> bool {
    let is_failure = |exchange: &&Exchange| !matches!(exchange.outcome, Some(ExchangeOutcome::Response { .. }));
    recorded.iter().rev().take_while(is_failure).any(|exchange| {
        exchange.request.effect != Effect::Read
            && !matches!(
                exchange.outcome,
                Some(ExchangeOutcome::Failed {
                    reached: Reached::NotSent,
                    ..
                })
            )
    })
}

/// Whether the last request was a write that must not be sent twice, and the provider accepted it. Some answer with a
/// redirection to what they have made.
fn was_done(recorded: &[Exchange]) -> bool {
    recorded.last().is_some_and(|exchange| {
        exchange.request.effect == Effect::Write
            && matches!(exchange.outcome, Some(ExchangeOutcome::Response { status, .. }) if status < 400)
    })
}
