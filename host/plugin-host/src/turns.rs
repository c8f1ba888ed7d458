//! Turns: no more steps run at once than there are processors.

use tillgate_application::ports::{FailureKind, GatewayError, ProviderFailure, RetryAdvice};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::{OVERLOADED_RETRY_MS, TURN_TIMEOUT};

/// Hands out turns, in the order in which they were asked for.
pub(crate) struct Turns(Semaphore);

/// How long a turn is worth waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Nothing was done yet, so that the host may say that it is overloaded.
    Bounded,
    /// Something was sent: it would be lost. Turns are short, so that one comes.
    Endless,
}

impl Turns {
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Semaphore::new(at_once))
    }

    /// Runs a step when it is its turn, here and now: a step takes less than handing it to another thread would. The
    /// one place to change if steps are to have threads of their own.
    pub(crate) async fn run<T>(&self, patience: Patience, step: impl FnOnce() -> T) -> Result<T, GatewayError> {
        let _turn = self.turn(patience).await?;
        Ok(step())
    }

    async fn turn(&self, patience: Patience) -> Result<SemaphorePermit<'_>, GatewayError> {
        // The semaphore is never closed; if it were, no step would run.
        match patience {
            Patience::Endless => self.0.acquire().await.map_err(|_| overloaded()),
            Patience::Bounded => match tokio::time::timeout(TURN_TIMEOUT, self.0.acquire()).await {
                Ok(Ok(turn)) => Ok(turn),
                Ok(Err(_)) | Err(_) => Err(overloaded()),
            },
        }
    }
}

/// The host itself can't do it now; nothing was done.
fn overloaded() -> GatewayError {
    GatewayError::NotSent(Box::new(ProviderFailure {
        kind: FailureKind::Unavailable,
        message: "the gateway is overloaded".to_owned(),
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry: RetryAdvice::After(OVERLOADED_RETRY_MS),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_did_nothing_yet_is_told_of_an_overload_and_others_wait() {
        let turns = Turns::new(1);
        let taken = turns.turn(Patience::Endless).await.unwrap();
        let error = turns.run(Patience::Bounded, || ()).await.unwrap_err();
        assert!(matches!(error, GatewayError::NotSent(failure) if failure.kind == FailureKind::Unavailable));
        let patient = tokio::time::timeout(TURN_TIMEOUT * 100, turns.run(Patience::Endless, || ())).await;
        assert!(patient.is_err(), "it goes on waiting");
        drop(taken);
        assert_eq!(turns.run(Patience::Bounded, || 7).await, Ok(7));
    }
}
