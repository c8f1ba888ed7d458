//! Receives a webhook: proves it, takes in its effect, and only then acknowledges it.
//!
//! Usually proof, effect and acknowledgement are one: the raw request, the dedupe keys, what changes and the events
//! about it are committed together, and the answer follows the commit. Where the provider has to be asked, or the effect
//! fails, the raw request alone is committed and acknowledged, and [`crate::process_due_webhooks`] does the rest.
//! Nothing is acknowledged before it is durable.

use std::sync::Arc;

use tillgate_domain::{InboxId, ProviderAccountId, Timestamp};

use crate::account::ConnectedAccount;
use crate::commit_effects::{Committed, Understood, commit_effects};
use crate::effects::Answers;
use crate::inbox::{InboxEntry, InboxStatus, PluginBuild};
use crate::operate::gateway_error;
use crate::ports::{
    Ack, Parsed, ProviderEvent, Receipt, UnitOfWork, WebhookDecision, WebhookRejection, WebhookRequest, Write,
};
use crate::validate::storable;
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
    let mut entry = new_entry(app, &account, request, fetch_back, now);
    if fetch_back {
        return store_for_later(app, entry, None).await;
    }
    match gateway.parse_webhook_offline(&account, &entry.request).await {
        Ok(Parsed::Receipt(receipt)) => take_in(app, &account, entry, receipt).await,
        Ok(Parsed::NeedsExchange) => store_for_later(app, entry, None).await,
        Err(error) => {
            let error = error.to_string();
            tracing::warn!(account.id = %account_id, %error, "webhook not understood: kept for another try");
            entry.error = Some(storable(error));
            entry.failed_with = Some(PluginBuild::of(&account.account));
            store_for_later(app, entry, None).await
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
        failed_with: None,
        journal: Vec::new(),
        plugin_version: None,
        replays: 0,
        received_at: now,
        processed_at: None,
        version: 0,
    }
}

/// Commits the raw request with its effect, or, where that can't be, the raw request alone.
async fn take_in(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    mut entry: InboxEntry,
    receipt: Receipt,
) -> Result<WebhookAnswer, ApplicationError> {
    entry.provider_types = provider_types(&receipt.events);
    let ack = receipt.ack;
    let understood = Understood {
        events: &receipt.events,
        asked: false,
    };
    match commit_effects(app, account, &entry, understood, &Answers::new()).await? {
        Committed::Done | Committed::AllKnown | Committed::Conflicting => Ok(WebhookAnswer::Acknowledged(ack)),
        Committed::AskAbout(_) | Committed::Contended => store_for_later(app, entry, ack).await,
        Committed::Incomplete(error) => {
            entry.error = Some(storable(error));
            entry.failed_with = Some(PluginBuild::of(&account.account));
            store_for_later(app, entry, ack).await
        }
    }
}

async fn store_for_later(
    app: &Arc<Application>,
    entry: InboxEntry,
    ack: Option<Ack>,
) -> Result<WebhookAnswer, ApplicationError> {
    let mut work = UnitOfWork::new();
    work.push(Write::Inbox(entry));
    app.commit(work).await?;
    app.inbox_wakeup.notify_one();
    Ok(WebhookAnswer::Acknowledged(ack))
}

pub(crate) fn provider_types(events: &[ProviderEvent]) -> String {
    let mut types: Vec<&str> = events.iter().map(|event| event.provider_type.as_str()).collect();
    types.dedup();
    storable(types.join(","))
}
