//! Puts received webhooks back, to be processed anew from their raw requests.
//!
//! A replay is stored, and done by the workers: what was asked for survives a crash, is tried again with the usual pauses,
//! waits its turn behind other webhooks of the account, and is counted by a host that is watched. With which version of
//! the plugin it is to be tried is stored along with it.

use std::sync::Arc;

use tillgate_domain::InboxId;

use crate::account::ConnectedAccount;
use crate::bounds::{CONFLICT_RETRIES_MAX, REPLAYED_AT_ONCE_MAX};
use crate::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary};
use crate::ports::{CommitError, PAGE_LIMIT_MAX, PageRequest, UnitOfWork, Write};
use crate::{Application, ApplicationError, WebhookView};

/// Which webhook is to be put back.
#[derive(Debug, Clone)]
pub struct ReplayWebhook {
    /// Which.
    pub id: InboxId,
    /// Another installed version of the account's plugin; the one the account is pinned to where none is named.
    pub plugin_version: Option<String>,
}

/// Puts a webhook back. Whatever it was, it is pending now and due at once.
///
/// One that was processed has its effect once more only as far as the plugin understands more of it than it did then.
///
/// # Errors
/// An unknown webhook, account or version is [`ApplicationError::NotFound`]; one that is conflicting is
/// [`ApplicationError::WebhookConflicting`]; the store failed.
pub async fn replay_webhook(app: &Application, command: ReplayWebhook) -> Result<WebhookView, ApplicationError> {
    for _ in 0..CONFLICT_RETRIES_MAX {
        let entry = replayable(app, command.id).await?;
        let account = account_of(app, &entry).await?;
        ensure_version(app, &account, command.plugin_version.as_deref())?;
        let mut work = UnitOfWork::new();
        work.push(put_back(
            app,
            &InboxSummary::from(&entry),
            command.plugin_version.as_ref(),
        ));
        match app.commit(work).await {
            Ok(()) => {
                app.inbox_wakeup.notify_one();
                tracing::info!(webhook.id = %entry.id, was = entry.status.as_str(), "a webhook was put back");
                let stored = app.store().inbox_entry(entry.id).await?.unwrap_or(entry);
                return Ok(WebhookView::from(&InboxSummary::from(&stored)));
            }
            // Somebody works on it.
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("webhook"))
}

/// Which webhooks are to be put back.
#[derive(Debug, Clone)]
pub struct ReplayWebhooks {
    /// Those that are so. At least one condition has to be named.
    pub filter: InboxFilter,
    /// Another installed version of the plugin of one account, which the filter has to name then.
    pub plugin_version: Option<String>,
    /// At most so many, 1 to [`REPLAYED_AT_ONCE_MAX`].
    pub limit: u32,
    /// Only those after this one: the `next` of the call before.
    pub after: Option<InboxId>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayedWebhooks {
    /// How many were put back.
    pub replayed: u32,
    /// How many weren't: those that are conflicting, and those that were worked on just then.
    pub skipped: u32,
    /// Where to go on, if there are more.
    pub next: Option<InboxId>,
}

/// Puts webhooks back, a batch at a time.
///
/// # Errors
/// No condition, or a limit out of bounds, or a version without an account is [`ApplicationError::Invalid`]; an unknown
/// account or version is [`ApplicationError::NotFound`]; the store failed, and the batches before are put back.
pub async fn replay_webhooks(app: &Application, command: ReplayWebhooks) -> Result<ReplayedWebhooks, ApplicationError> {
    check(app, &command, REPLAYED_AT_ONCE_MAX).await?;
    let mut done = ReplayedWebhooks {
        next: command.after,
        ..ReplayedWebhooks::default()
    };
    loop {
        let left = command.limit - done.replayed - done.skipped;
        let page = PageRequest {
            limit: left.min(PAGE_LIMIT_MAX),
            after: done.next.map(|id| id.to_string()),
        };
        let page = app.store().inbox_entries(&command.filter, &page).await?;
        let found = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
        let replayed = put_back_all(app, &page.items, command.plugin_version.as_ref()).await?;
        done.replayed += replayed;
        done.skipped += found - replayed;
        done.next = page.items.last().filter(|_| page.has_more).map(|last| last.id);
        if done.next.is_none() || done.replayed + done.skipped >= command.limit {
            tracing::info!(
                replayed = done.replayed,
                skipped = done.skipped,
                "webhooks were put back"
            );
            return Ok(done);
        }
    }
}

/// Checks what is asked of many.
pub(crate) async fn check(app: &Application, command: &ReplayWebhooks, limit_max: u32) -> Result<(), ApplicationError> {
    if command.filter.is_empty() {
        return Err(ApplicationError::invalid("filter", "must name at least one condition"));
    }
    if !(1..=limit_max).contains(&command.limit) {
        let rule = format!("must be a whole number from 1 to {limit_max}");
        return Err(ApplicationError::invalid("limit", rule));
    }
    if let Some(id) = command.filter.account_id {
        let account = app.connected_account(id).await?;
        let account = account.ok_or_else(|| ApplicationError::not_found("provider account", id))?;
        return ensure_version(app, &account, command.plugin_version.as_deref());
    }
    if command.plugin_version.is_some() {
        let rule = "must be named with plugin_version: versions are those of one plugin";
        return Err(ApplicationError::invalid("filter.provider_account_id", rule));
    }
    Ok(())
}

/// A webhook that can be put back.
pub(crate) async fn replayable(app: &Application, id: InboxId) -> Result<InboxEntry, ApplicationError> {
    let found = app.store().inbox_entry(id).await?;
    let entry = found.ok_or_else(|| ApplicationError::not_found("webhook", id))?;
    if entry.status == InboxStatus::Conflicting {
        return Err(ApplicationError::WebhookConflicting(id));
    }
    Ok(entry)
}

/// The account a webhook is for.
pub(crate) async fn account_of(
    app: &Application,
    entry: &InboxEntry,
) -> Result<Arc<ConnectedAccount>, ApplicationError> {
    let found = app.connected_account(entry.account_id).await?;
    found.ok_or_else(|| ApplicationError::not_found("provider account", entry.account_id))
}

/// The account's plugin has to be there in a version that is asked for.
pub(crate) fn ensure_version(
    app: &Application,
    account: &ConnectedAccount,
    version: Option<&str>,
) -> Result<(), ApplicationError> {
    let Some(version) = version else { return Ok(()) };
    let name = &account.account.plugin;
    let found = app.ports.plugins.resolve(name, Some(version));
    found
        .map(drop)
        .ok_or_else(|| ApplicationError::not_found("plugin", format!("{name} {version}")))
}

fn put_back(app: &Application, webhook: &InboxSummary, plugin_version: Option<&String>) -> Write {
    Write::ReplayInbox {
        id: webhook.id,
        version: webhook.version,
        plugin_version: plugin_version.cloned(),
        at: app.now(),
    }
}

/// Puts a batch back as one; where somebody works on one of them, one by one. Answers how many were.
async fn put_back_all(
    app: &Application,
    webhooks: &[InboxSummary],
    plugin_version: Option<&String>,
) -> Result<u32, ApplicationError> {
    let wanted = webhooks.iter().filter(|one| one.status != InboxStatus::Conflicting);
    let writes: Vec<Write> = wanted.map(|webhook| put_back(app, webhook, plugin_version)).collect();
    let count = u32::try_from(writes.len()).unwrap_or(u32::MAX);
    let mut work = UnitOfWork::new();
    writes.iter().cloned().for_each(|write| work.push(write));
    let mut replayed = 0;
    match app.commit(work).await {
        Ok(()) => replayed = count,
        Err(CommitError::Conflict(_)) => {
            for write in writes {
                let mut alone = UnitOfWork::new();
                alone.push(write);
                match app.commit(alone).await {
                    Ok(()) => replayed += 1,
                    Err(CommitError::Conflict(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    app.inbox_wakeup.notify_one();
    Ok(replayed)
}
