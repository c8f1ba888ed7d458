//! Does what is left of stored webhooks: asks the provider where that is needed, and takes in their effect.

use std::sync::Arc;

use tillgate_domain::{ProviderAccountId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::account::{ConnectedAccount, ProviderAccount};
use crate::apply_event::Question;
use crate::bounds::{
    INBOX_ATTEMPTS_MAX, INBOX_BATCH, INBOX_LEASE_MS, INBOX_PAUSE_MAX_MS, INBOX_PAUSE_MS, PAYMENT_AWAITED_ATTEMPTS,
};
use crate::commit_effects::{Committed, Understood, commit_effects};
use crate::effects::{Answer, Answers};
use crate::inbox::{InboxEntry, InboxStatus, PluginBuild};
use crate::operation_journal::MemoryJournal;
use crate::ports::{
    CommitError, Exchange, FailureKind, GatewayCall, GatewayError, ProviderSubscription, Receipt, UnitOfWork, Write,
};
use crate::receive_webhook::provider_types;
use crate::validate::storable;
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
            InboxStatus::Processed | InboxStatus::Conflicting => total.done += 1,
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
        None => Failed::without_plugin("the provider account no longer exists".to_owned()),
        Some(account) => match attempt(app, &account, &mut entry).await? {
            Attempt::Done => return Ok(InboxStatus::Processed),
            Attempt::Failed(failed) => *failed,
        },
    };
    let Failed { why, plugin, exchanges } = failure;
    let dead = entry.attempts >= INBOX_ATTEMPTS_MAX;
    tracing::warn!(webhook.id = %entry.id, attempts = entry.attempts, dead, error = %why, "webhook not processed");
    entry.status = if dead { InboxStatus::Dead } else { InboxStatus::Pending };
    entry.error = Some(storable(why));
    entry.failed_with = plugin;
    entry.journal = exchanges;
    entry.next_attempt_at = match dead {
        true => app.now(),
        false => next_attempt(app.now(), entry.attempts),
    };
    match commit_entry(app, &entry).await {
        Ok(()) => {
            // One that was processed before was counted as that.
            if dead && entry.processed_at.is_none() {
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
    Failed(Box<Failed>),
}

/// What an operator needs to mend it.
struct Failed {
    why: String,
    /// The plugin that was asked, if one was.
    plugin: Option<PluginBuild>,
    /// What it had asked the provider by then.
    exchanges: Vec<Exchange>,
}

impl Failed {
    const fn without_plugin(why: String) -> Self {
        Self {
            why,
            plugin: None,
            exchanges: Vec::new(),
        }
    }
}

/// The account as it is with another version of its plugin.
///
/// # Errors
/// Why there is none, for people.
pub(crate) fn with_version(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    version: Option<&str>,
) -> Result<Arc<ConnectedAccount>, String> {
    let Some(version) = version else {
        return Ok(Arc::clone(account));
    };
    let name = &account.account.plugin;
    let found = app.ports.plugins.resolve(name, Some(version));
    let plugin = found.ok_or_else(|| format!("plugin {name} {version} is not loaded"))?;
    Ok(Arc::new(ConnectedAccount {
        account: ProviderAccount {
            plugin_version: plugin.version,
            plugin_digest: plugin.digest,
            ..account.account.clone()
        },
        mode: account.mode,
        webhook_url: account.webhook_url.clone(),
        secrets: account.secrets.clone(),
    }))
}

async fn attempt(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    entry: &mut InboxEntry,
) -> Result<Attempt, ApplicationError> {
    let account = match with_version(app, account, entry.plugin_version.as_deref()) {
        Ok(account) => account,
        Err(why) => return Ok(Attempt::Failed(Box::new(Failed::without_plugin(why)))),
    };
    let mut exchanges = Vec::new();
    let Some(why) = take_in(app, &account, entry, &mut exchanges).await? else {
        return Ok(Attempt::Done);
    };
    Ok(Attempt::Failed(Box::new(Failed {
        why,
        plugin: Some(PluginBuild::of(&account.account)),
        exchanges,
    })))
}

/// Understands it and commits its effect. Answers why that failed, if it did, and leaves what was asked of the provider in
/// `exchanges`.
async fn take_in(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    entry: &mut InboxEntry,
    exchanges: &mut Vec<Exchange>,
) -> Result<Option<String>, ApplicationError> {
    let receipt = match parse(app, account, entry, exchanges).await {
        Ok(receipt) => receipt,
        Err(error) => return Ok(Some(error.to_string())),
    };
    entry.provider_types = provider_types(&receipt.events);
    let understood = Understood {
        events: &receipt.events,
        asked: !exchanges.is_empty(),
    };
    let mut answers = Answers::new();
    loop {
        match commit_effects(app, account, entry, understood, &answers).await? {
            Committed::Done | Committed::AllKnown | Committed::Conflicting => return Ok(None),
            Committed::Contended => return Ok(Some("changed by others again and again".to_owned())),
            Committed::Incomplete(what) => return Ok(Some(what)),
            Committed::AskAbout(question) => {
                if let Err(failure) = settle(app, account, question, entry.attempts, &mut answers, exchanges).await {
                    return Ok(Some(failure));
                }
            }
        }
    }
}

/// Understands a stored webhook, asking the provider where needed.
pub(crate) async fn parse(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    entry: &InboxEntry,
    exchanges: &mut Vec<Exchange>,
) -> Result<Receipt, GatewayError> {
    let idempotency_key = entry.id.to_string();
    let mut journal = MemoryJournal::default();
    let call = GatewayCall {
        account,
        now: entry.received_at,
        idempotency_key: &idempotency_key,
        journal: &mut journal,
    };
    let parsed = app.ports.gateway.parse_webhook(call, &entry.request).await;
    exchanges.extend(journal.into_exchanges());
    parsed
}

/// Asks the provider about a subscription on which two facts can't be ordered, or which isn't known yet.
///
/// # Errors
/// Why that settles nothing, for people.
pub(crate) async fn settle(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    question: Question,
    attempts: u32,
    answers: &mut Answers,
    exchanges: &mut Vec<Exchange>,
) -> Result<(), String> {
    let (reference, to_version) = (question.subscription_reference, question.stored_version);
    let known = answers.get(&reference);
    let asked: usize = answers.values().map(|answer| answer.times).sum();
    if asked >= ASKED_MAX || known.is_some_and(|answer| answer.to_version == to_version) {
        return Err(format!("asking about subscription {reference} settled nothing"));
    }
    let times = known.map_or(0, |answer| answer.times) + 1;
    let mut journal = MemoryJournal::default();
    let told = ask_with(app, account, &reference, &mut journal).await;
    exchanges.extend(journal.into_exchanges());
    let subscription = match told {
        Ok(answer) => Some(answer),
        Err(error) if knows_none(&error) => None,
        // Money isn't kept from being seen by a question that gets no answer, a key without that right for example. What
        // needs the answer itself, two facts of one instant, asks in vain once more.
        Err(error) if attempts >= PAYMENT_AWAITED_ATTEMPTS => {
            tracing::warn!(%error, "a subscription could not be asked about: going on without it");
            None
        }
        Err(error) => return Err(error.to_string()),
    };
    let answer = Answer {
        subscription,
        to_version,
        times,
    };
    answers.insert(reference, answer);
    Ok(())
}

/// Asks the provider how a subscription stands.
pub(crate) async fn ask(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    reference: &str,
) -> Result<ProviderSubscription, GatewayError> {
    ask_with(app, account, reference, &mut MemoryJournal::default()).await
}

async fn ask_with(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    reference: &str,
    journal: &mut MemoryJournal,
) -> Result<ProviderSubscription, GatewayError> {
    let call = GatewayCall {
        account,
        now: app.now(),
        idempotency_key: reference,
        journal,
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
