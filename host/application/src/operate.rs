//! Operations: begun durably, carried out, ended durably; replayed by their idempotency key; resumed after a crash.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tillgate_domain::{OperationId, TenantId, Timestamp};
use tracing::Instrument as _;

use crate::account::ConnectedAccount;
use crate::bounds::{CONFLICT_RETRIES_MAX, PLUGIN_DIGEST_SHOWN, SETTLE_PAUSE_MS, SETTLE_WITHIN_MS};
use crate::change_subscription::Taking;
use crate::operation::{Operation, OperationRequest, OperationStatus};
use crate::operation_journal::OperationJournal;
use crate::ports::{
    Capability, CommitError, Conflict, Effect, FailureKind, GatewayCall, GatewayError, Journal as _, ProviderFailure,
    RetryAdvice, StoreError, UnitOfWork, Write,
};
use crate::retry::{Tries, corrected, may_have_been_performed};
use crate::{
    Application, ApplicationError, Caller, cancel_subscription, change_plan, create_checkout_session,
    create_portal_session, create_refund,
};

/// A lease that is never over: nobody goes on with it.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// What a use case wants done at a provider.
pub(crate) struct Wanted {
    pub(crate) tenant_id: TenantId,
    pub(crate) account: Arc<ConnectedAccount>,
    pub(crate) request: OperationRequest,
    /// Written with the operation's beginning.
    pub(crate) alongside: UnitOfWork,
}

/// What an operation wrote and answers, at its end.
pub(crate) struct Ending {
    pub(crate) work: UnitOfWork,
    pub(crate) answer: String,
}

impl Ending {
    pub(crate) fn new(work: UnitOfWork, answer: &impl Serialize) -> Self {
        Self {
            work,
            answer: serde_json::to_string(answer).unwrap_or_default(),
        }
    }
}

/// The operation that was begun with the caller's idempotency key, if there is one.
///
/// To be asked before anything else is checked: what was answered once is answered again, whatever has changed since.
pub(crate) async fn begun_before<T: DeserializeOwned>(
    app: &Arc<Application>,
    caller: &Caller,
) -> Result<Option<T>, ApplicationError> {
    let Some(record) = app.idempotency_record(caller).await? else {
        return Ok(None);
    };
    let Some(id) = record.operation_id else {
        return Err(ApplicationError::IdempotencyKeyReused);
    };
    let operation = app
        .store()
        .operation(id)
        .await?
        .ok_or_else(|| StoreError::Corrupt(format!("operation {id} of an idempotency key is missing")))?;
    continue_operation(app, operation).await.map(Some)
}

/// Begins an operation and carries it out. It goes on though the caller goes away.
pub(crate) async fn begin<T: DeserializeOwned>(
    app: &Arc<Application>,
    caller: &Caller,
    wanted: Wanted,
) -> Result<T, ApplicationError> {
    let now = app.now();
    let mut operation = Operation {
        id: OperationId::from_bits(app.next_id()),
        tenant_id: wanted.tenant_id,
        account_id: wanted.account.account.id,
        plugin_digest: wanted.account.account.plugin_digest.clone(),
        request: wanted.request,
        status: OperationStatus::Running,
        lease_until: now.plus_millis(app.settings.operation_lease_ms),
        attempts: 1,
        answer: None,
        failure: None,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let mut work = wanted.alongside;
    work.writes_first(Some(Write::Operation(operation.clone())));
    work.writes_first(caller.claim(Some(operation.id), None, now));
    match app.commit(work).await {
        Ok(()) => operation.version = 1,
        // Another request with the same key was faster: this one is a repetition of it.
        Err(CommitError::Conflict(Conflict::IdempotencyKey)) => {
            return begun_before(app, caller)
                .await?
                .ok_or(ApplicationError::IdempotencyKeyInUse);
        }
        // Its own id is new: it is another change of the same thing that stands against it.
        Err(CommitError::Conflict(Conflict::Version("operation"))) => {
            return Err(ApplicationError::OperationInProgress(
                operation.request.subject().unwrap_or_default(),
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let way = Way {
        repeatable: caller.idempotency_key.is_some(),
        maybe_performed: false,
    };
    let ended = spawn_run(app, operation, wanted.account, way).await?;
    answer_of(&ended, app).await
}

/// Gives the answer of an operation that was begun before, going on with it where it can.
async fn continue_operation<T: DeserializeOwned>(
    app: &Arc<Application>,
    operation: Operation,
) -> Result<T, ApplicationError> {
    let can_go_on = match operation.status {
        OperationStatus::Running => operation.lease_until < app.now(),
        OperationStatus::NotSent | OperationStatus::UnknownOutcome => true,
        OperationStatus::Succeeded | OperationStatus::Failed => false,
    };
    if !can_go_on {
        if operation.status == OperationStatus::Running {
            return Err(ApplicationError::IdempotencyKeyInUse);
        }
        return answer_of(&operation, app).await;
    }
    match resume(app, operation).await? {
        Some(ended) => answer_of(&ended, app).await,
        None => Err(ApplicationError::IdempotencyKeyInUse),
    }
}

/// Takes an operation over and goes on with it. None if another host was faster.
pub(crate) async fn resume(
    app: &Arc<Application>,
    mut operation: Operation,
) -> Result<Option<Operation>, ApplicationError> {
    let exchanges = app.store().exchanges(operation.id).await?;
    let maybe_performed =
        operation.status == OperationStatus::UnknownOutcome || exchanges.last().is_some_and(may_have_been_performed);
    if maybe_performed && app.now().as_millis() >= operation.created_at.as_millis() + SETTLE_WITHIN_MS {
        return give_up(app, operation).await;
    }
    let account = pinned_account(app, &operation).await?;
    let mut work = UnitOfWork::new();
    if matches!(
        operation.status,
        OperationStatus::NotSent | OperationStatus::UnknownOutcome
    ) && let Some(last) = exchanges.last()
    {
        if operation.status == OperationStatus::UnknownOutcome && last.request.effect == Effect::Write {
            // Sending it again could do it twice: only asking the provider settles this.
            return Ok(Some(operation));
        }
        let from = u32::try_from(exchanges.len() - 1).unwrap_or(u32::MAX);
        work.push(Write::TruncateJournal {
            operation_id: operation.id,
            from,
        });
    }
    let now = app.now();
    operation.status = OperationStatus::Running;
    operation.failure = None;
    operation.attempts += 1;
    operation.lease_until = now.plus_millis(app.settings.operation_lease_ms);
    operation.updated_at = now;
    work.writes_first(Some(Write::Operation(operation.clone())));
    match app.commit(work).await {
        Ok(()) => operation.version += 1,
        Err(CommitError::Conflict(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let way = Way {
        repeatable: true,
        maybe_performed,
    };
    spawn_run(app, operation, account, way).await.map(Some)
}

/// Leaves the outcome unknown for good: by now the provider may have forgotten the idempotency key, and would do it again.
async fn give_up(app: &Application, mut operation: Operation) -> Result<Option<Operation>, ApplicationError> {
    if operation.status == OperationStatus::UnknownOutcome && operation.lease_until == NEVER {
        return Ok(Some(operation));
    }
    operation.status = OperationStatus::UnknownOutcome;
    operation.lease_until = NEVER;
    operation.updated_at = app.now();
    operation.failure.get_or_insert_with(|| {
        let message = "the host stopped while the request was under way, and it was found too late to send it again";
        plain_failure(FailureKind::UnknownOutcome, message.to_owned(), RetryAdvice::Never)
    });
    let mut work = UnitOfWork::new();
    work.push(Write::Operation(operation.clone()));
    match app.commit(work).await {
        Ok(()) => {
            operation.version += 1;
            Ok(Some(operation))
        }
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How an operation is run.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Whether somebody can go on with it later: whoever has its idempotency key.
    repeatable: bool,
    /// Whether an earlier try may have been performed.
    maybe_performed: bool,
}

/// The account with the plugin the operation began with, though the account may be pinned to another by now.
async fn pinned_account(
    app: &Arc<Application>,
    operation: &Operation,
) -> Result<Arc<ConnectedAccount>, ApplicationError> {
    let current = app.account_for(operation.tenant_id, Some(operation.account_id)).await?;
    if current.account.plugin_digest == operation.plugin_digest {
        return Ok(current);
    }
    let mut account = current.account.clone();
    account.plugin_digest.clone_from(&operation.plugin_digest);
    Ok(Arc::new(ConnectedAccount {
        account,
        mode: current.mode,
        webhook_url: current.webhook_url.clone(),
        secrets: current.secrets.clone(),
    }))
}

async fn spawn_run(
    app: &Arc<Application>,
    operation: Operation,
    account: Arc<ConnectedAccount>,
    way: Way,
) -> Result<Operation, ApplicationError> {
    let runner = Arc::clone(app);
    let span = span_of(&operation);
    let task = app
        .tasks
        .spawn(async move { run(&runner, operation, &account, way).await }.instrument(span));
    match task.await {
        Ok(ended) => ended,
        // A fault of ours is no state of the database: it goes on to where such faults are answered.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(StoreError::Unavailable(format!("the operation was stopped: {error}")).into()),
    }
}

/// What everything an operation does is told under, in the log and in traces.
fn span_of(operation: &Operation) -> tracing::Span {
    tracing::info_span!(
        "operation",
        otel.name = operation.request.kind(),
        operation.kind = operation.request.kind(),
        operation.id = %operation.id,
        operation.attempt = operation.attempts,
        tenant.id = %operation.tenant_id,
        account.id = %operation.account_id,
        plugin.digest = operation.plugin_digest.get(..PLUGIN_DIGEST_SHOWN).unwrap_or_default(),
    )
}

async fn run(
    app: &Arc<Application>,
    operation: Operation,
    account: &Arc<ConnectedAccount>,
    mut way: Way,
) -> Result<Operation, ApplicationError> {
    let exchanges = app.store().exchanges(operation.id).await?;
    let mut journal = OperationJournal::new(Arc::clone(&app.ports.store), operation.id, exchanges);
    let idempotency_key = operation.id.to_string();
    let lease = Duration::from_millis(app.settings.operation_lease_ms.unsigned_abs());
    let mut tries = Tries::begin(app);
    let tried = async {
        loop {
            let call = GatewayCall {
                account,
                now: operation.created_at,
                idempotency_key: &idempotency_key,
                journal: &mut journal,
            };
            let outcome = Outcome::of(app, call, &operation.request).await;
            match &outcome {
                Err(error) if tries.again(app, error, &mut journal).await => {}
                _ => return outcome,
            }
        }
    };
    // When the lease is over the operation is anybody's, and goes on from its journal.
    let outcome = tokio::time::timeout(lease, tried).await;
    way.maybe_performed |= tries.maybe_performed() || journal.recorded().iter().any(may_have_been_performed);
    match outcome {
        Err(_) => {
            Err(StoreError::Unavailable("the operation took longer than its lease, and goes on later".into()).into())
        }
        Ok(Err(GatewayError::Journal(error))) => Err(error.into()),
        Ok(outcome) => {
            let outcome = outcome.map_err(|error| corrected(error, way.maybe_performed));
            end(app, operation, account, &journal, outcome, way).await
        }
    }
}

/// What the provider answered to each kind of operation.
pub(crate) enum Outcome {
    Checkout(crate::ports::ProviderCheckoutSession),
    Portal(crate::ports::ProviderPortalSession),
    Change(crate::ports::ChangeOutcome),
    Refund(crate::ports::ProviderRefund),
}

impl Outcome {
    async fn of(app: &Application, call: GatewayCall<'_>, request: &OperationRequest) -> Result<Self, GatewayError> {
        let gateway = &app.ports.gateway;
        match request {
            OperationRequest::CreateCheckoutSession { request, .. } => {
                gateway.create_checkout_session(call, request).await.map(Self::Checkout)
            }
            OperationRequest::CreatePortalSession { request } => {
                gateway.create_portal_session(call, request).await.map(Self::Portal)
            }
            OperationRequest::CancelSubscription { request, .. } => {
                gateway.cancel_subscription(call, request).await.map(Self::Change)
            }
            OperationRequest::UncancelSubscription { reference, .. } => {
                gateway.uncancel_subscription(call, reference).await.map(Self::Change)
            }
            OperationRequest::UpdateSeats { request, .. } => {
                gateway.update_seats(call, request).await.map(Self::Change)
            }
            OperationRequest::ChangePlan { request, .. } => gateway.change_plan(call, request).await.map(Self::Change),
            OperationRequest::PauseSubscription { reference, .. } => {
                gateway.pause_subscription(call, reference).await.map(Self::Change)
            }
            OperationRequest::ResumeSubscription { reference, .. } => {
                gateway.resume_subscription(call, reference).await.map(Self::Change)
            }
            OperationRequest::CreateRefund { request, .. } => {
                gateway.create_refund(call, request).await.map(Self::Refund)
            }
        }
    }
}

/// Commits an operation's end, deciding again where others changed what it read.
async fn end(
    app: &Arc<Application>,
    mut operation: Operation,
    account: &ConnectedAccount,
    journal: &OperationJournal,
    outcome: Result<Outcome, GatewayError>,
    way: Way,
) -> Result<Operation, ApplicationError> {
    let error = outcome.as_ref().err().cloned();
    for _ in 0..CONFLICT_RETRIES_MAX {
        let mut work = match &outcome {
            Ok(outcome) => {
                let ending = ending_of(app, &operation, account, outcome).await?;
                operation.status = OperationStatus::Succeeded;
                operation.answer = Some(ending.answer);
                ending.work
            }
            Err(error) => {
                let (status, failure) = failure_of(error, journal.may_have_changed_something() || way.maybe_performed);
                operation.status = match status {
                    // Nothing was done, and nobody can ask for it again: that was all.
                    OperationStatus::NotSent if !way.repeatable => OperationStatus::Failed,
                    status => status,
                };
                operation.failure = Some(failure);
                if operation.status == OperationStatus::UnknownOutcome {
                    operation.lease_until = settled_at(app, &operation, journal, way);
                }
                failed_work(app, &operation).await?
            }
        };
        operation.updated_at = app.now();
        work.writes_first(Some(Write::Operation(operation.clone())));
        for write in journal.unstored() {
            work.push(write);
        }
        match app.commit_counted(&account.account.plugin, work).await {
            Ok(()) => {
                operation.version += 1;
                return match error {
                    Some(error) => Err(gateway_error(error, account, Some(operation.id))),
                    None => Ok(operation),
                };
            }
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("operation"))
}

/// When a worker tries to settle an outcome that is unknown, by sending the same again under the same key. Never, where
/// the provider wouldn't recognize it, or soon may not any more.
fn settled_at(app: &Application, operation: &Operation, journal: &OperationJournal, way: Way) -> Timestamp {
    let recognized = journal
        .recorded()
        .last()
        .map_or(way.maybe_performed, |last| last.request.effect != Effect::Write)
        // A provider that answers the same again whatever is sent settles nothing by it.
        && operation.failure.as_ref().is_none_or(|failure| failure.retry != RetryAdvice::Never);
    let now = app.now();
    let pause = SETTLE_PAUSE_MS << operation.attempts.saturating_sub(1).min(10);
    let at = now.plus_millis(pause);
    if recognized && at.as_millis() < operation.created_at.as_millis() + SETTLE_WITHIN_MS {
        at
    } else {
        NEVER
    }
}

async fn ending_of(
    app: &Arc<Application>,
    operation: &Operation,
    account: &ConnectedAccount,
    outcome: &Outcome,
) -> Result<Ending, ApplicationError> {
    match (&operation.request, outcome) {
        (
            OperationRequest::CreateCheckoutSession {
                checkout_session_id, ..
            },
            Outcome::Checkout(session),
        ) => create_checkout_session::ending(app, operation.tenant_id, *checkout_session_id, session).await,
        (OperationRequest::CreatePortalSession { request }, Outcome::Portal(session)) => {
            create_portal_session::ending(app, operation.account_id, request, session).await
        }
        (OperationRequest::CancelSubscription { subscription_id, .. }, Outcome::Change(change)) => {
            cancel_subscription::ending(app, account, *subscription_id, change).await
        }
        (
            OperationRequest::ChangePlan {
                subscription_id,
                product_id,
                request,
            },
            Outcome::Change(change),
        ) => change_plan::ending(app, account, *subscription_id, (product_id, request), change).await,
        (
            OperationRequest::UncancelSubscription { subscription_id, .. }
            | OperationRequest::UpdateSeats { subscription_id, .. }
            | OperationRequest::PauseSubscription { subscription_id, .. }
            | OperationRequest::ResumeSubscription { subscription_id, .. },
            Outcome::Change(change),
        ) => {
            app.change_ending(account, *subscription_id, change, Taking::default())
                .await
        }
        (OperationRequest::CreateRefund { payment_id, .. }, Outcome::Refund(refund)) => {
            create_refund::ending(app, operation.tenant_id, *payment_id, refund).await
        }
        _ => Err(StoreError::Corrupt(format!("operation {} ended as another kind", operation.id)).into()),
    }
}

async fn failed_work(app: &Arc<Application>, operation: &Operation) -> Result<UnitOfWork, ApplicationError> {
    match &operation.request {
        OperationRequest::CreateCheckoutSession {
            checkout_session_id, ..
        } if operation.status == OperationStatus::Failed => {
            create_checkout_session::refused(app, operation.tenant_id, *checkout_session_id).await
        }
        _ => Ok(UnitOfWork::new()),
    }
}

fn failure_of(error: &GatewayError, changed: bool) -> (OperationStatus, ProviderFailure) {
    match error {
        GatewayError::NotSent(failure) => (OperationStatus::NotSent, (**failure).clone()),
        GatewayError::UnknownOutcome(failure) => (OperationStatus::UnknownOutcome, (**failure).clone()),
        GatewayError::Rejected(failure) => (OperationStatus::Failed, (**failure).clone()),
        GatewayError::Unsupported { .. } => (
            OperationStatus::Failed,
            plain_failure(FailureKind::Unsupported, error.to_string(), RetryAdvice::Never),
        ),
        GatewayError::PluginFault(_) | GatewayError::PluginMissing { .. } | GatewayError::Journal(_) => {
            // A plugin that fails half way leaves open what the provider has done.
            let (status, kind) = if changed {
                (OperationStatus::UnknownOutcome, FailureKind::UnknownOutcome)
            } else {
                (OperationStatus::NotSent, FailureKind::Unavailable)
            };
            (status, plain_failure(kind, error.to_string(), RetryAdvice::Allowed))
        }
    }
}

fn plain_failure(kind: FailureKind, message: String, retry: RetryAdvice) -> ProviderFailure {
    ProviderFailure {
        kind,
        message,
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry,
    }
}

/// Reads the answer of an operation that has ended.
async fn answer_of<T: DeserializeOwned>(operation: &Operation, app: &Application) -> Result<T, ApplicationError> {
    if let Some(answer) = &operation.answer {
        return serde_json::from_str(answer)
            .map_err(|error| StoreError::Corrupt(format!("answer of operation {}: {error}", operation.id)).into());
    }
    let provider = app
        .store()
        .account(operation.account_id)
        .await?
        .map_or_else(|| "the provider".to_owned(), |account| account.plugin);
    let failure = operation.failure.clone().map(Box::new);
    let error = match (operation.status, failure) {
        (OperationStatus::UnknownOutcome, Some(failure)) => GatewayError::UnknownOutcome(failure),
        (OperationStatus::NotSent, Some(failure)) => GatewayError::NotSent(failure),
        (_, Some(failure)) if failure.kind == FailureKind::Unsupported => GatewayError::Unsupported {
            provider: provider.clone(),
            capability: operation.request.kind().to_owned(),
        },
        (_, Some(failure)) => GatewayError::Rejected(failure),
        (_, None) => {
            return Err(StoreError::Corrupt(format!("operation {} ended without a word", operation.id)).into());
        }
    };
    Err(ApplicationError::Gateway {
        error: Box::new(error),
        provider,
        operation_id: Some(operation.id),
    })
}

/// Whether the account's plugin has a capability. One that isn't loaded is found out about when it is called.
pub(crate) fn ensure_capability(
    app: &Application,
    account: &ConnectedAccount,
    capability: Capability,
) -> Result<(), ApplicationError> {
    let plugin = app.ports.plugins.find(&account.account.plugin_digest);
    if plugin.is_none_or(|plugin| plugin.capabilities.contains(&capability)) {
        return Ok(());
    }
    let error = GatewayError::Unsupported {
        provider: account.account.plugin.clone(),
        capability: capability.as_str().to_owned(),
    };
    Err(gateway_error(error, account, None))
}

/// An error of the gateway, with what a person needs to follow it up.
pub(crate) fn gateway_error(
    error: GatewayError,
    account: &ConnectedAccount,
    operation_id: Option<OperationId>,
) -> ApplicationError {
    ApplicationError::Gateway {
        error: Box::new(error),
        provider: account.account.plugin.clone(),
        operation_id,
    }
}
