//! Retries: when the same is tried again, and after which pause.
//!
//! An operation is tried again in place, by running its last step once more under the same idempotency key: what the
//! provider did already it answers again. A write that the provider can't recognize is tried again only if it certainly
//! wasn't performed.

use tillgate_domain::Timestamp;

use crate::Application;
use crate::ports::{
    Effect, Exchange, ExchangeOutcome, FailureKind, GatewayError, Journal, ProviderFailure, Reached, RetryAdvice,
};

/// How often and for how long is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often after the first time.
    pub max: u32,
    /// The longest pause before the first retry, in milliseconds. It doubles.
    pub base_ms: i64,
    /// No retry begins later than this after the first try, in milliseconds: somebody waits for the answer.
    pub deadline_ms: i64,
}

impl RetryPolicy {
    /// Once, and never again.
    pub const NEVER: Self = Self {
        max: 0,
        base_ms: 0,
        deadline_ms: 0,
    };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max: 3,
            base_ms: 1_000,
            deadline_ms: 30_000,
        }
    }
}

/// A journal whose last exchange can be made anew.
pub(crate) trait Repeatable: Journal {
    /// Forgets the last exchange.
    fn forget_last(&mut self);
}

/// The tries of one operation.
pub(crate) struct Tries {
    begun: Timestamp,
    retries: u32,
    maybe_performed: bool,
}

/// Whether the provider may have done what an exchange asks for.
pub(crate) fn may_have_been_performed(exchange: &Exchange) -> bool {
    exchange.request.effect != Effect::Read
        && match &exchange.outcome {
            None => true,
            Some(ExchangeOutcome::Failed { reached, .. }) => *reached != Reached::NotSent,
            Some(ExchangeOutcome::Response { status, .. }) => (200..400).contains(status) || *status >= 500,
        }
}

impl Tries {
    pub(crate) fn begin(app: &Application) -> Self {
        Self {
            begun: app.now(),
            retries: 0,
            maybe_performed: false,
        }
    }

    /// Pauses, if trying again makes sense and there is time for it. Answers whether it is to be tried again.
    pub(crate) async fn again(
        &mut self,
        app: &Application,
        error: &GatewayError,
        journal: &mut dyn Repeatable,
    ) -> bool {
        let Some(pause) = self.pause(app, error, journal.recorded().last()) else {
            return false;
        };
        tracing::info!(%error, pause_ms = pause, retry = self.retries + 1, "provider call is tried again");
        app.ports.clock.sleep(pause).await;
        self.retries += 1;
        self.maybe_performed |= journal.recorded().last().is_some_and(may_have_been_performed);
        journal.forget_last();
        true
    }

    /// Whether a try that was forgotten may have been performed.
    pub(crate) const fn maybe_performed(&self) -> bool {
        self.maybe_performed
    }

    fn pause(&self, app: &Application, error: &GatewayError, last: Option<&Exchange>) -> Option<i64> {
        let policy = &app.settings.retries;
        // Without an exchange nothing was asked of the provider: it is the plugin that says no.
        let last = last?;
        let failure = match error {
            GatewayError::NotSent(failure) | GatewayError::Rejected(failure) => failure,
            GatewayError::UnknownOutcome(failure) if last.request.effect != Effect::Write => failure,
            _ => return None,
        };
        let asked = match failure.retry {
            RetryAdvice::Never => return None,
            RetryAdvice::Allowed => 0,
            RetryAdvice::After(millis) => i64::try_from(millis).unwrap_or(i64::MAX),
        };
        if self.retries >= policy.max {
            return None;
        }
        let longest = policy.base_ms.saturating_mul(1 << self.retries.min(30));
        let pause = jittered(app, longest).max(asked);
        let waited = app.now().as_millis().saturating_sub(self.begun.as_millis());
        (waited.saturating_add(pause) <= policy.deadline_ms).then_some(pause)
    }
}

/// A refusal that came after a try which may have been performed says nothing about that one, unless the same request
/// would have been refused then as well.
pub(crate) fn corrected(error: GatewayError, maybe_performed: bool) -> GatewayError {
    let definite = |kind: FailureKind| {
        matches!(
            kind,
            FailureKind::InvalidRequest | FailureKind::NotFound | FailureKind::Declined | FailureKind::Unsupported
        )
    };
    match error {
        GatewayError::NotSent(failure) | GatewayError::Rejected(failure)
            if maybe_performed && !definite(failure.kind) =>
        {
            let message = format!(
                "an earlier try may have been performed; the last one: {}",
                failure.message
            );
            GatewayError::UnknownOutcome(Box::new(ProviderFailure {
                kind: FailureKind::UnknownOutcome,
                message,
                ..*failure
            }))
        }
        error => error,
    }
}

/// Between half of it and all of it: those who failed together don't come back together.
fn jittered(app: &Application, longest: i64) -> i64 {
    let mut random = [0_u8; 2];
    app.ports.ids.fill_secret(&mut random);
    let half = longest / 2;
    half + half * i64::from(u16::from_be_bytes(random)) / i64::from(u16::MAX)
}
