//! Drives an operation: step, exchange, step, … until the plugin has a result.

use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{
    Effect, Exchange, ExchangeOutcome, ExchangeRequest, FailureKind, GatewayError, Journal, PluginFault,
    ProviderFailure, Reached, RetryAdvice,
};

use crate::contract::v0_1::{self, types};
use crate::exchange::Exchanger;
use crate::limits::{EXCHANGES_MAX, JOURNAL_BYTES_MAX};
use crate::load::LoadedPlugin;
use crate::step::fault;

/// What a step answered.
pub(crate) enum Step<T> {
    /// One more exchange, please.
    Send(types::HttpRequest),
    /// The result.
    Done(T),
    /// None.
    Failed(types::GatewayError),
}

/// One operation that is driven.
pub(crate) struct Drive<'a> {
    pub(crate) plugin: &'a LoadedPlugin,
    pub(crate) operation: &'static str,
    pub(crate) exchanger: &'a Exchanger,
    pub(crate) account: &'a ConnectedAccount,
}

impl Drive<'_> {
    /// Drives it to its end. `step` runs one step with what came back so far.
    pub(crate) async fn run<T>(
        &self,
        journal: &mut dyn Journal,
        step: impl Fn(&[types::Exchange]) -> Result<Step<T>, Box<PluginFault>>,
    ) -> Result<T, GatewayError> {
        self.resume(journal, &step).await?;
        loop {
            let outcomes = self.outcomes(journal.recorded())?;
            match step(&outcomes).map_err(GatewayError::PluginFault)? {
                Step::Done(value) => return Ok(value),
                Step::Failed(error) => return Err(self.failed(error, journal.recorded())),
                Step::Send(request) => {
                    if journal.recorded().len() >= EXCHANGES_MAX {
                        let message = format!("the plugin wants more than {EXCHANGES_MAX} exchanges");
                        return Err(self.fault("too_many_exchanges", message));
                    }
                    let request = v0_1::request(request);
                    let prepared = self.prepare(&request)?;
                    journal.sending(&request).await.map_err(GatewayError::Journal)?;
                    self.exchange(journal, prepared).await?;
                }
            }
        }
    }

    /// Goes on where a host stopped between sending a request and recording what came back.
    async fn resume<T>(
        &self,
        journal: &mut dyn Journal,
        step: &impl Fn(&[types::Exchange]) -> Result<Step<T>, Box<PluginFault>>,
    ) -> Result<(), GatewayError> {
        let recorded = journal.recorded();
        let Some((Exchange { request, outcome: None }, before)) = recorded.split_last() else {
            return Ok(());
        };
        let request = request.clone();
        // The plugin is a pure function: it has to ask for the same again.
        let outcomes = self.outcomes(before)?;
        match step(&outcomes).map_err(GatewayError::PluginFault)? {
            Step::Send(again) if v0_1::request(again.clone()) == request => {}
            Step::Send(_) | Step::Done(_) | Step::Failed(_) => {
                let message = "the plugin asked for something else when its step was run again";
                return Err(self.fault("nondeterministic", message.to_owned()));
            }
        }
        if request.effect == Effect::Write {
            // Sent a second time it could be done a second time.
            let outcome = ExchangeOutcome::Failed {
                reached: Reached::MaybeSent,
                kind: "interrupted".to_owned(),
                message: "the host stopped while the request was under way".to_owned(),
            };
            return journal.received(outcome).await.map_err(GatewayError::Journal);
        }
        let prepared = self.prepare(&request)?;
        self.exchange(journal, prepared).await
    }

    fn prepare(&self, request: &ExchangeRequest) -> Result<tillgate_egress::Request, GatewayError> {
        self.exchanger
            .prepare(&self.plugin.manifest, self.account, request)
            .map_err(|reason| self.fault("request_refused", reason))
    }

    async fn exchange(
        &self,
        journal: &mut dyn Journal,
        prepared: tillgate_egress::Request,
    ) -> Result<(), GatewayError> {
        match self.exchanger.send(prepared).await {
            Ok(outcome) => journal.received(outcome).await.map_err(GatewayError::Journal),
            Err(reason) => {
                // Recorded as not sent, so that nobody takes the request for one that may be under way.
                let outcome = ExchangeOutcome::Failed {
                    reached: Reached::NotSent,
                    kind: "refused".to_owned(),
                    message: reason.clone(),
                };
                journal.received(outcome).await.map_err(GatewayError::Journal)?;
                Err(self.fault("request_refused", reason))
            }
        }
    }

    fn outcomes(&self, recorded: &[Exchange]) -> Result<Vec<types::Exchange>, GatewayError> {
        let outcomes: Vec<&ExchangeOutcome> = recorded
            .iter()
            .filter_map(|exchange| exchange.outcome.as_ref())
            .collect();
        let size: usize = outcomes.iter().map(|outcome| size_of(outcome)).sum();
        if size > JOURNAL_BYTES_MAX {
            let message = format!("the journal has {size} bytes; at most {JOURNAL_BYTES_MAX}");
            return Err(self.fault("journal_too_large", message));
        }
        Ok(outcomes.into_iter().map(v0_1::exchange).collect())
    }

    fn failed(&self, error: types::GatewayError, recorded: &[Exchange]) -> GatewayError {
        let mut failure = v0_1::failure(error);
        if may_be_under_way(recorded) {
            failure.kind = FailureKind::UnknownOutcome;
        }
        self.gateway_error(failure)
    }

    fn gateway_error(&self, failure: ProviderFailure) -> GatewayError {
        match failure.kind {
            FailureKind::UnknownOutcome => GatewayError::UnknownOutcome(Box::new(failure)),
            FailureKind::RateLimited | FailureKind::Unavailable => GatewayError::NotSent(Box::new(failure)),
            FailureKind::Unsupported => GatewayError::Unsupported {
                provider: self.plugin.info.name.clone(),
                capability: failure.message,
            },
            FailureKind::InvalidRequest
            | FailureKind::Unauthorized
            | FailureKind::NotFound
            | FailureKind::Conflict
            | FailureKind::Declined
            | FailureKind::MalformedResponse => GatewayError::Rejected(Box::new(failure)),
        }
    }

    pub(crate) fn fault(&self, kind: &'static str, message: impl Into<String>) -> GatewayError {
        GatewayError::PluginFault(fault(self.plugin, self.operation, kind, message))
    }
}

/// Whether the last request changes something and may have been performed, whatever a plugin says of it.
fn may_be_under_way(recorded: &[Exchange]) -> bool {
    recorded.last().is_some_and(|exchange| {
        exchange.request.effect != Effect::Read
            && matches!(
                exchange.outcome,
                Some(ExchangeOutcome::Failed {
                    reached: Reached::MaybeSent | Reached::Sent,
                    ..
                }) | None
            )
    })
}

fn size_of(outcome: &ExchangeOutcome) -> usize {
    match outcome {
        ExchangeOutcome::Response { headers, body, .. } => {
            body.len()
                + headers
                    .iter()
                    .map(|(name, value)| name.len() + value.len())
                    .sum::<usize>()
        }
        ExchangeOutcome::Failed { message, .. } => message.len(),
    }
}

/// The host itself can't do it now; nothing was done.
pub(crate) fn overloaded() -> GatewayError {
    GatewayError::NotSent(Box::new(ProviderFailure {
        kind: FailureKind::Unavailable,
        message: "the gateway is overloaded".to_owned(),
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry: RetryAdvice::After(1_000),
    }))
}
