//! Drives an operation: step, exchange, step, … until the plugin has a result.

#[cfg(test)]
mod tests;

use std::time::Instant;

use tillgate_application::ports::{
    Effect, Exchange, ExchangeOutcome, ExchangeRequest, FailureKind, GatewayError, Journal, Metrics, PluginFault,
    PluginInfo, ProviderFailure, RetryAdvice, StoreError,
};
use tracing::Instrument as _;

use crate::exchange::{Outside, RequestRefused};
use crate::journal;
use crate::limits::{EXCHANGES_MAX, JOURNAL_BYTES_MAX};
use crate::observe;
use crate::step::fault;
use crate::turns::{Patience, Turns};

/// What a step answered.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// One more exchange, please.
    Send(ExchangeRequest),
    /// The result.
    Done(T),
    /// None.
    Failed(ProviderFailure),
}

/// Runs one step of an operation from the start, with what came back so far.
pub(crate) type Run<'a, T> = dyn Fn(&[Exchange]) -> Result<Step<T>, Box<PluginFault>> + Send + Sync + 'a;

/// One operation that is driven.
pub(crate) struct Drive<'a, O> {
    pub(crate) plugin: &'a PluginInfo,
    pub(crate) operation: &'static str,
    pub(crate) outside: O,
    pub(crate) turns: &'a Turns,
    pub(crate) metrics: &'a dyn Metrics,
}

impl<O: Outside> Drive<'_, O> {
    /// Drives it to its end.
    pub(crate) async fn run<T: Send>(&self, journal: &mut dyn Journal, run: &Run<'_, T>) -> Result<T, GatewayError> {
        self.resume(journal, run).await?;
        loop {
            match self.step(journal.recorded(), run).await? {
                Step::Done(value) => return Ok(value),
                Step::Failed(failure) => return Err(self.failed(failure, journal.recorded())),
                Step::Send(request) => {
                    if journal.recorded().len() >= EXCHANGES_MAX {
                        let message = format!("the plugin wants more than {EXCHANGES_MAX} exchanges");
                        return Err(self.fault("too_many_exchanges", message));
                    }
                    let prepared = self.outside.prepare(&request).map_err(|reason| self.refused(reason))?;
                    journal.sending(&request).await.map_err(GatewayError::Journal)?;
                    self.exchange(journal, &request, prepared).await?;
                }
            }
        }
    }

    /// Goes on where a host stopped between sending a request and recording what came back.
    async fn resume<T: Send>(&self, journal: &mut dyn Journal, run: &Run<'_, T>) -> Result<(), GatewayError> {
        let Some((request, before)) = journal::unanswered(journal.recorded()) else {
            return Ok(());
        };
        // The plugin is a pure function: it has to ask for the same again.
        match self.step(before, run).await? {
            Step::Send(again) if again == *request => {}
            Step::Send(_) | Step::Done(_) | Step::Failed(_) => {
                let message = "the plugin asked for something else when its step was run again";
                return Err(self.fault("nondeterministic", message));
            }
        }
        if request.effect == Effect::Write {
            // Sent a second time it could be done a second time.
            let outcome = journal::interrupted();
            return journal.received(outcome).await.map_err(GatewayError::Journal);
        }
        let request = request.clone();
        let prepared = self.outside.prepare(&request).map_err(|reason| self.refused(reason))?;
        self.exchange(journal, &request, prepared).await
    }

    async fn step<T: Send>(&self, recorded: &[Exchange], run: &Run<'_, T>) -> Result<Step<T>, GatewayError> {
        if !journal::is_complete(recorded) {
            let message = "an exchange before the last lacks its outcome".to_owned();
            return Err(GatewayError::Journal(StoreError::Corrupt(message)));
        }
        let size = journal::size(recorded);
        if size > JOURNAL_BYTES_MAX {
            let message = format!("the journal has {size} bytes; at most {JOURNAL_BYTES_MAX}");
            return Err(self.fault("journal_too_large", message));
        }
        let patience = if recorded.is_empty() {
            Patience::Bounded
        } else {
            Patience::Endless
        };
        self.turns
            .run(patience, || {
                observe::step(self.metrics, self.plugin, self.operation, || run(recorded))
            })
            .await?
            .map_err(GatewayError::PluginFault)
    }

    async fn exchange(
        &self,
        journal: &mut dyn Journal,
        request: &ExchangeRequest,
        prepared: O::Prepared,
    ) -> Result<(), GatewayError> {
        let span = observe::exchange_span(self.plugin, self.operation, request, self.outside.account());
        let began = Instant::now();
        let answer = self.outside.send(prepared).instrument(span.clone()).await;
        observe::exchanged(
            self.metrics,
            self.plugin,
            self.operation,
            &span,
            &answer,
            began.elapsed(),
        );
        let (outcome, refused) = match answer {
            Ok(outcome) => (outcome, None),
            // Recorded as not sent, so that nobody takes the request for one that may be under way.
            Err(reason) => (journal::refused(&reason), Some(reason)),
        };
        journal.received(outcome).await.map_err(GatewayError::Journal)?;
        refused.map_or(Ok(()), |reason| Err(self.refused(reason)))
    }

    /// What a plugin's failure means for the operation.
    pub(crate) fn failed(&self, failure: ProviderFailure, recorded: &[Exchange]) -> GatewayError {
        let failure = Box::new(journal::corrected(failure, recorded));
        match failure.kind {
            FailureKind::UnknownOutcome => GatewayError::UnknownOutcome(failure),
            // Nothing was done; the same may be possible later, or once an operator has put another key.
            FailureKind::RateLimited
            | FailureKind::Unavailable
            | FailureKind::Unauthorized
            | FailureKind::MalformedResponse => GatewayError::NotSent(failure),
            FailureKind::Conflict if failure.retry != RetryAdvice::Never => GatewayError::NotSent(failure),
            FailureKind::Unsupported => GatewayError::Unsupported {
                provider: self.plugin.name.clone(),
                capability: format!("{} for this ({})", self.operation, failure.message),
            },
            FailureKind::InvalidRequest | FailureKind::NotFound | FailureKind::Conflict | FailureKind::Declined => {
                GatewayError::Rejected(failure)
            }
        }
    }

    fn refused(&self, reason: RequestRefused) -> GatewayError {
        self.fault("request_refused", reason)
    }

    pub(crate) fn fault(&self, kind: &'static str, message: impl Into<String>) -> GatewayError {
        self.metrics.plugin_fault(&self.plugin.name, self.operation, kind);
        GatewayError::PluginFault(fault(self.plugin, self.operation, kind, message))
    }
}

/// What came back so far, without the requests: what a guest is given.
pub(crate) fn outcomes(recorded: &[Exchange]) -> impl Iterator<Item = &ExchangeOutcome> {
    recorded.iter().filter_map(|exchange| exchange.outcome.as_ref())
}
