//! Receives a webhook: proves it, takes in its effect, and only then acknowledges it.
//!
//! Usually proof, effect and acknowledgement are one: the raw request, the dedupe keys, what changes and the events
//! about it are committed together, and the answer follows the commit. Where the provider has to be asked, or the effect
//! fails, the raw request alone is committed and acknowledged, and [`crate::process_due_webhooks`] does the rest.
//! Nothing is acknowledged before it is durable.

use std::sync::Arc;

use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use crate::account::ConnectedAccount;
use crate::apply_event::{NotApplied, Question, apply_event};
use crate::bounds::CONFLICT_RETRIES_MAX;
use crate::effects::{Answers, Effects};
use crate::inbox::{InboxEntry, InboxStatus};
use crate::operate::gateway_error;
use crate::ports::{
    Ack, CommitError, Conflict, Parsed, ProviderEvent, Receipt, StoreError, UnitOfWork, WebhookDecision,
    WebhookRejection, WebhookRequest, Write,
};
use crate::{Application, ApplicationError};

/// What the provider is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// It is durable, and so is its effect, or the effect will follow. With the plugin's answer, if it wants one.
    Acknowledged(Option<Ack>),
    /// It was only a question whether we are here.
    Handshake(Ack),
    /// It isn't believed, and nothing was kept.
    Rejected {
        /// Why.
        reason: WebhookRejection,
        /// For people.
        message: String,
        /// The plugin's answer, if it wants one.
        ack: Option<Ack>,
    },
    /// It isn't believed either, and there were too many of those for this account lately. A genuine one is taken in
    /// all the while.
    RejectedTooOften {
        /// For how long to stay away, in seconds.
        retry_after_seconds: u64,
    },
}

/// Receives one webhook. `head` is the request as received, but for the URL, which the account knows.
///
/// # Errors
/// An unknown account is [`ApplicationError::NotFound`]; a failing store means that nothing was acknowledged, and the
/// provider will send it again; a plugin that can't say how to prove it is passed on.
#[tracing::instrument(name = "receive_webhook", skip_all, fields(account.id = %account_id, tenant.id))]
pub async fn receive_webhook(
    app: &Arc<Application>,
    account_id: ProviderAccountId,
    mut request: WebhookRequest,
) -> Result<WebhookAnswer, ApplicationError> {
    let account = app
        .connected_account(account_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("provider account", account_id))?;
    tracing::Span::current().record("tenant.id", tracing::field::display(account.account.tenant_id));
    request.url.clone_from(&account.webhook_url);
    let now = app.now();
    let gateway = &app.ports.gateway;
    let decision = gateway
        .authenticate_webhook(&account, &request, now)
        .await
        .map_err(|error| gateway_error(error, &account, None))?;
    let fetch_back = match decision {
        WebhookDecision::Handshake(ack) => return Ok(WebhookAnswer::Handshake(ack)),
        WebhookDecision::Rejected { reason, message, ack } => {
            app.metrics().webhook_rejected(reason);
            // Only now: which one is false the proof alone says.
            return Ok(match app.webhook_failures.count(account_id, now) {
                Ok(()) => WebhookAnswer::Rejected { reason, message, ack },
                Err(retry_after_seconds) => WebhookAnswer::RejectedTooOften { retry_after_seconds },
            });
        }
        WebhookDecision::Proven { fetch_back, .. } => fetch_back,
    };
    let entry = new_entry(app, &account, request, fetch_back, now);
    if fetch_back {
        return store_for_later(app, entry, None, None).await;
    }
    match gateway.parse_webhook_offline(&account, &entry.request).await {
        Ok(Parsed::Receipt(receipt)) => take_in(app, &account, entry, receipt).await,
        Ok(Parsed::NeedsExchange) => store_for_later(app, entry, None, None).await,
        Err(error) => {
            let error = error.to_string();
            tracing::warn!(account.id = %account_id, %error, "webhook not understood: kept for another try");
            store_for_later(app, entry, None, Some(error)).await
        }
    }
}

fn new_entry(
    app: &Application,
    account: &ConnectedAccount,
    request: WebhookRequest,
    fetch_back: bool,
    now: Timestamp,
) -> InboxEntry {
    InboxEntry {
        id: InboxId::from_bits(app.next_id()),
        tenant_id: account.account.tenant_id,
        account_id: account.account.id,
        request,
        fetch_back,
        provider_types: String::new(),
        status: InboxStatus::Pending,
        attempts: 0,
        next_attempt_at: now,
        error: None,
        received_at: now,
        processed_at: None,
        version: 0,
    }
}

/// Commits the raw request with its effect, or, where that can't be, the raw request alone.
async fn take_in(
    app: &Arc<Application>,
    account: &ConnectedAccount,
    mut entry: InboxEntry,
    receipt: Receipt,
) -> Result<WebhookAnswer, ApplicationError> {
    entry.provider_types = provider_types(&receipt.events);
    let ack = receipt.ack;
    match commit_effects(app, account, &entry, receipt.events, &Answers::new()).await? {
        Committed::Done | Committed::AllKnown => Ok(WebhookAnswer::Acknowledged(ack)),
        Committed::AskAbout(_) | Committed::Contended => store_for_later(app, entry, ack, None).await,
        Committed::Incomplete(error) => store_for_later(app, entry, ack, Some(error)).await,
    }
}

async fn store_for_later(
    app: &Arc<Application>,
    mut entry: InboxEntry,
    ack: Option<Ack>,
    error: Option<String>,
) -> Result<WebhookAnswer, ApplicationError> {
    entry.error = error;
    let mut work = UnitOfWork::new();
    work.push(Write::Inbox(entry));
    app.commit(work).await?;
    app.inbox_wakeup.notify_one();
    Ok(WebhookAnswer::Acknowledged(ack))
}

pub(crate) fn provider_types(events: &[ProviderEvent]) -> String {
    let mut types: Vec<&str> = events.iter().map(|event| event.provider_type.as_str()).collect();
    types.dedup();
    types.join(",")
}

/// What became of an attempt to commit the effects of a webhook.
pub(crate) enum Committed {
    /// They are durable.
    Done,
    /// Every event was taken in before; nothing was written.
    AllKnown,
    /// The provider has to be asked about this subscription first.
    AskAbout(Question),
    /// An event lacks something.
    Incomplete(String),
    /// Others changed the same things again and again.
    Contended,
}

/// Commits the webhook as processed, its dedupe keys, what its events change, and the events about that: as one.
pub(crate) async fn commit_effects(
    app: &Application,
    account: &ConnectedAccount,
    entry: &InboxEntry,
    mut events: Vec<ProviderEvent>,
    answers: &Answers,
) -> Result<Committed, ApplicationError> {
    let had_events = !events.is_empty();
    for _ in 0..CONFLICT_RETRIES_MAX {
        let mut effects = Effects::new(app, account, answers);
        for event in &events {
            match apply_event(&mut effects, event).await {
                Ok(()) => {}
                Err(NotApplied::AskAbout(question)) => {
                    // A repetition of what was taken in is no tie with itself.
                    events = unknown(app, account, events).await?;
                    if events.is_empty() {
                        break;
                    }
                    return Ok(Committed::AskAbout(question));
                }
                Err(NotApplied::Incomplete(what)) => return Ok(Committed::Incomplete(what)),
                Err(NotApplied::Store(error)) => return Err(error.into()),
            }
        }
        if had_events && events.is_empty() && entry.version == 0 {
            return Ok(Committed::AllKnown);
        }
        let work = processed(app, entry, &events, effects);
        match app.commit_counted(&account.account.plugin, work).await {
            Ok(()) => {
                app.count_events(&events);
                return Ok(Committed::Done);
            }
            Err(CommitError::Conflict(Conflict::DuplicateEvent { .. })) => {
                events = unknown(app, account, events).await?;
                if events.is_empty() && entry.version == 0 {
                    return Ok(Committed::AllKnown);
                }
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(Committed::Contended)
}

fn processed(app: &Application, entry: &InboxEntry, events: &[ProviderEvent], effects: Effects<'_>) -> UnitOfWork {
    let now = app.now();
    let mut entry = entry.clone();
    entry.status = InboxStatus::Processed;
    entry.processed_at = Some(now);
    entry.error = None;
    let (inbox_id, account_id) = (entry.id, entry.account_id);
    let mut work = UnitOfWork::new();
    work.push(Write::Inbox(entry));
    let mut keys: Vec<&str> = events.iter().map(|event| event.dedupe_key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        work.push(Write::EventKey {
            account_id,
            dedupe_key: key.to_owned(),
            inbox_id,
            at: now,
        });
    }
    effects.save_into(&mut work);
    work
}

/// The events that weren't taken in before.
async fn unknown(
    app: &Application,
    account: &ConnectedAccount,
    events: Vec<ProviderEvent>,
) -> Result<Vec<ProviderEvent>, StoreError> {
    let keys: Vec<String> = events.iter().map(|event| event.dedupe_key.clone()).collect();
    let known = app.store().known_event_keys(account.account.id, &keys).await?;
    Ok(events
        .into_iter()
        .filter(|event| !known.contains(&event.dedupe_key))
        .collect())
}
