//! Operations: begun durably, carried out, ended durably; replayed by their idempotency key; resumed after a crash.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tillgate_domain::{OperationId, TenantId};
use tracing::Instrument as _;

use crate::account::ConnectedAccount;
use crate::bounds::{CONFLICT_RETRIES_MAX, PLUGIN_DIGEST_SHOWN};
use crate::operation::{Operation, OperationRequest, OperationStatus};
use crate::operation_journal::OperationJournal;
use crate::ports::{
    CommitError, Conflict, Effect, FailureKind, GatewayCall, GatewayError, ProviderFailure, RetryAdvice, StoreError,
    UnitOfWork, Write,
};
use crate::{
    Application, ApplicationError, Caller, cancel_subscription, create_checkout_session, create_portal_session,
    update_seats,
};

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
    match app.store().commit(work).await {
        Ok(()) => operation.version = 1,
        // Another request with the same key was faster: this one is a repetition of it.
        Err(CommitError::Conflict(Conflict::IdempotencyKey)) => {
            return begun_before(app, caller)
                .await?
                .ok_or(ApplicationError::IdempotencyKeyInUse);
        }
        Err(error) => return Err(error.into()),
    }
    let ended = spawn_run(app, operation, wanted.account, caller.idempotency_key.is_some()).await?;
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
    let account = pinned_account(app, &operation).await?;
    let exchanges = app.store().exchanges(operation.id).await?;
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
    match app.store().commit(work).await {
        Ok(()) => operation.version += 1,
        Err(CommitError::Conflict(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    spawn_run(app, operation, account, true).await.map(Some)
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

/// `repeatable` says whether somebody can go on with it later: whoever has its idempotency key.
async fn spawn_run(
    app: &Arc<Application>,
    operation: Operation,
    account: Arc<ConnectedAccount>,
    repeatable: bool,
) -> Result<Operation, ApplicationError> {
    let runner = Arc::clone(app);
    let span = span_of(&operation);
    let task = app
        .tasks
        .spawn(async move { run(&runner, operation, &account, repeatable).await }.instrument(span));
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
    repeatable: bool,
) -> Result<Operation, ApplicationError> {
    let exchanges = app.store().exchanges(operation.id).await?;
    let mut journal = OperationJournal::new(Arc::clone(&app.ports.store), operation.id, exchanges);
    let idempotency_key = operation.id.to_string();
    let lease = Duration::from_millis(app.settings.operation_lease_ms.unsigned_abs());
    let outcome = {
        let call = GatewayCall {
            account,
            now: operation.created_at,
            idempotency_key: &idempotency_key,
            journal: &mut journal,
        };
        // When the lease is over the operation is anybody's, and goes on from its journal.
        tokio::time::timeout(lease, Outcome::of(app, call, &operation.request)).await
    };
    match outcome {
        Err(_) => {
            Err(StoreError::Unavailable("the operation took longer than its lease, and goes on later".into()).into())
        }
        Ok(Err(GatewayError::Journal(error))) => Err(error.into()),
        Ok(outcome) => end(app, operation, account, &journal, outcome, repeatable).await,
    }
}

/// What the provider answered to each kind of operation.
pub(crate) enum Outcome {
    Checkout(crate::ports::ProviderCheckoutSession),
    Portal(crate::ports::ProviderPortalSession),
    Change(crate::ports::ChangeOutcome),
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
            OperationRequest::UpdateSeats { request, .. } => {
                gateway.update_seats(call, request).await.map(Self::Change)
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
    repeatable: bool,
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
                let (status, failure) = failure_of(error, journal.may_have_changed_something());
                operation.status = match status {
                    // Nothing was done, and nobody can ask for it again: that was all.
                    OperationStatus::NotSent if !repeatable => OperationStatus::Failed,
                    status => status,
                };
                operation.failure = Some(failure);
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
        (OperationRequest::UpdateSeats { subscription_id, .. }, Outcome::Change(change)) => {
            update_seats::ending(app, account, *subscription_id, change).await
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
