//! Does what is left of stored webhooks: asks the provider where that is needed, and takes in their effect.

use std::sync::Arc;

use tillgate_domain::{ProviderAccountId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::account::ConnectedAccount;
use crate::bounds::{INBOX_ATTEMPTS_MAX, INBOX_BATCH, INBOX_LEASE_MS, INBOX_PAUSE_MAX_MS, INBOX_PAUSE_MS};
use crate::effects::{Answer, Answers};
use crate::inbox::{InboxEntry, InboxStatus};
use crate::operation_journal::MemoryJournal;
use crate::ports::{CommitError, FailureKind, GatewayCall, GatewayError, ProviderSubscription, UnitOfWork, Write};
use crate::receive_webhook::{Committed, commit_effects, provider_types};
use crate::{Application, ApplicationError};

/// How often the provider is asked for one webhook: it can be about several subscriptions, and what is stored of one can
/// change while the answer is on its way.
const ASKED_MAX: usize = 16;

/// What a round of processing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessedWebhooks {
    /// Their effect is committed.
    pub done: usize,
    /// They are tried again later.
    pub postponed: usize,
    /// They were given up, and kept.
    pub dead: usize,
}

impl ProcessedWebhooks {
    /// How many were tried.
    #[must_use]
    pub const fn tried(self) -> usize {
        self.done + self.postponed + self.dead
    }
}

/// Stored webhooks of one account that are due.
#[derive(Debug)]
pub struct DueWebhooks {
    /// Which account.
    pub account_id: ProviderAccountId,
    /// Oldest first.
    entries: Vec<InboxEntry>,
}

/// The stored webhooks that are due, but for those of accounts that are `busy`: by account, so that one whose provider
/// is slow keeps no other waiting.
///
/// # Errors
/// The store failed.
pub async fn due_webhooks(app: &Application, busy: &[ProviderAccountId]) -> Result<Vec<DueWebhooks>, ApplicationError> {
    let mut by_account: Vec<DueWebhooks> = Vec::new();
    for entry in app.store().due_inbox_entries(app.now(), busy, INBOX_BATCH).await? {
        let account_id = entry.account_id;
        match by_account.iter_mut().find(|due| due.account_id == account_id) {
            Some(due) => due.entries.push(entry),
            None => by_account.push(DueWebhooks {
                account_id,
                entries: vec![entry],
            }),
        }
    }
    Ok(by_account)
}

/// Processes what is due of one account, one after the other, until it is done or `stop` is canceled.
///
/// # Errors
/// The store failed; what was under way is tried again.
pub async fn process_webhooks(
    app: &Arc<Application>,
    due: DueWebhooks,
    stop: &CancellationToken,
) -> Result<ProcessedWebhooks, ApplicationError> {
    let mut total = ProcessedWebhooks::default();
    for entry in due.entries {
        if stop.is_cancelled() {
            break;
        }
        let Some(leased) = lease(app, entry).await? else {
            continue;
        };
        match process(app, leased).await? {
            InboxStatus::Processed => total.done += 1,
            InboxStatus::Pending => total.postponed += 1,
            InboxStatus::Dead => total.dead += 1,
        }
    }
    Ok(total)
}

/// Processes every stored webhook that is due, until none is.
///
/// # Errors
/// The store failed; what was under way is tried again.
pub async fn process_due_webhooks(app: &Arc<Application>) -> Result<ProcessedWebhooks, ApplicationError> {
    let (mut total, stop) = (ProcessedWebhooks::default(), CancellationToken::new());
    loop {
        let mut tried = 0;
        for due in due_webhooks(app, &[]).await? {
            let processed = process_webhooks(app, due, &stop).await?;
            tried += processed.tried();
            total.done += processed.done;
            total.postponed += processed.postponed;
            total.dead += processed.dead;
        }
        if tried == 0 {
            return Ok(total);
        }
    }
}

/// Takes an entry for this host alone. None if another was faster.
async fn lease(app: &Application, mut entry: InboxEntry) -> Result<Option<InboxEntry>, ApplicationError> {
    entry.attempts += 1;
    entry.next_attempt_at = app.now().plus_millis(INBOX_LEASE_MS);
    match commit_entry(app, &entry).await {
        Ok(()) => {
            entry.version += 1;
            Ok(Some(entry))
        }
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

async fn commit_entry(app: &Application, entry: &InboxEntry) -> Result<(), CommitError> {
    let mut work = UnitOfWork::new();
    work.push(Write::Inbox(entry.clone()));
    app.commit(work).await
}

#[tracing::instrument(
    name = "process_webhook",
    skip_all,
    fields(webhook.id = %entry.id, tenant.id = %entry.tenant_id, account.id = %entry.account_id, attempt = entry.attempts)
)]
async fn process(app: &Arc<Application>, mut entry: InboxEntry) -> Result<InboxStatus, ApplicationError> {
    let failure = match app.connected_account(entry.account_id).await? {
        None => "the provider account no longer exists".to_owned(),
        Some(account) => match attempt(app, &account, &mut entry).await? {
            Attempt::Done => return Ok(InboxStatus::Processed),
            Attempt::Failed(failure) => failure,
        },
    };
    let dead = entry.attempts >= INBOX_ATTEMPTS_MAX;
    tracing::warn!(webhook.id = %entry.id, attempts = entry.attempts, dead, error = %failure, "webhook not processed");
    entry.status = if dead { InboxStatus::Dead } else { InboxStatus::Pending };
    entry.error = Some(failure);
    entry.next_attempt_at = next_attempt(app.now(), entry.attempts);
    match commit_entry(app, &entry).await {
        Ok(()) => {
            if dead {
                app.count_given_up(&entry.provider_types);
            }
            Ok(entry.status)
        }
        // Where another host took it over, its word counts.
        Err(CommitError::Conflict(_)) => Ok(entry.status),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// The pause doubles with each attempt, up to its bound.
fn next_attempt(now: Timestamp, attempts: u32) -> Timestamp {
    let doublings = attempts.saturating_sub(1).min(20);
    now.plus_millis((INBOX_PAUSE_MS << doublings).min(INBOX_PAUSE_MAX_MS))
}

enum Attempt {
    Done,
    Failed(String),
}

async fn attempt(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    entry: &mut InboxEntry,
) -> Result<Attempt, ApplicationError> {
    let idempotency_key = entry.id.to_string();
    let mut journal = MemoryJournal::default();
    let call = GatewayCall {
        account,
        now: entry.received_at,
        idempotency_key: &idempotency_key,
        journal: &mut journal,
    };
    let receipt = match app.ports.gateway.parse_webhook(call, &entry.request).await {
        Ok(receipt) => receipt,
        Err(error) => return Ok(Attempt::Failed(error.to_string())),
    };
    entry.provider_types = provider_types(&receipt.events);
    let mut answers = Answers::new();
    let mut asked = 0;
    loop {
        match commit_effects(app, account, entry, receipt.events.clone(), &answers).await? {
            Committed::Done | Committed::AllKnown => return Ok(Attempt::Done),
            Committed::Contended => return Ok(Attempt::Failed("changed by others again and again".to_owned())),
            Committed::Incomplete(what) => return Ok(Attempt::Failed(what)),
            Committed::AskAbout(question) => {
                let (reference, to_version) = (question.subscription_reference, question.stored_version);
                let known = answers.get(&reference);
                if asked >= ASKED_MAX || known.is_some_and(|answer| answer.to_version == to_version) {
                    return Ok(Attempt::Failed(format!(
                        "asking about subscription {reference} settled nothing"
                    )));
                }
                asked += 1;
                let subscription = match ask(app, account, &reference).await {
                    Ok(answer) => Some(answer),
                    Err(error) if knows_none(&error) => None,
                    Err(error) => return Ok(Attempt::Failed(error.to_string())),
                };
                let answer = Answer {
                    subscription,
                    to_version,
                };
                answers.insert(reference, answer);
            }
        }
    }
}

/// Asks the provider how a subscription stands.
pub(crate) async fn ask(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    reference: &str,
) -> Result<ProviderSubscription, GatewayError> {
    let mut journal = MemoryJournal::default();
    let call = GatewayCall {
        account,
        now: app.now(),
        idempotency_key: reference,
        journal: &mut journal,
    };
    app.ports.gateway.retrieve_subscription(call, reference).await
}

/// Whether there is nothing to ask about.
fn knows_none(error: &GatewayError) -> bool {
    match error {
        GatewayError::Unsupported { .. } => true,
        GatewayError::Rejected(failure) => failure.kind == FailureKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let now = Timestamp::from_millis(0);
        let pauses: Vec<i64> = [1, 2, 3, 12, 13, 40]
            .map(|n| next_attempt(now, n).as_millis() / 1000)
            .to_vec();
        assert_eq!(pauses, [1, 2, 4, 2048, 3600, 3600]);
    }
}
