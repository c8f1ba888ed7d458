//! Commits what a webhook changes, with its dedupe keys and the webhook itself, as one.

use std::sync::Arc;

use tillgate_domain::Timestamp;

use crate::account::ConnectedAccount;
use crate::apply_event::{NotApplied, Question, apply_event};
use crate::bounds::CONFLICT_RETRIES_MAX;
use crate::effects::{Answers, Effects};
use crate::event_digest::digest;
use crate::inbox::{InboxEntry, InboxStatus, KnownEvent, PluginBuild};
use crate::ports::{CommitError, Conflict, Parsed, ProviderEvent, StoreError, UnitOfWork, Write};
use crate::validate::storable;
use crate::{Application, ApplicationError};

/// What became of an attempt to commit the effects of a webhook.
pub(crate) enum Committed {
    /// They are durable.
    Done,
    /// Every event was taken in before; nothing was written.
    AllKnown,
    /// The same, and one of them says something else now: the webhook is kept, without effect.
    Conflicting,
    /// The provider has to be asked about this subscription first.
    AskAbout(Question),
    /// An event lacks something.
    Incomplete(String),
    /// Others changed the same things again and again.
    Contended,
}

/// What a plugin made of a webhook.
#[derive(Clone, Copy)]
pub(crate) struct Understood<'e> {
    pub(crate) events: &'e [ProviderEvent],
    /// Whether it asked the provider for that.
    pub(crate) asked: bool,
}

/// An event whose effect is still to come.
pub(crate) struct News<'e> {
    pub(crate) event: &'e ProviderEvent,
    pub(crate) digest: [u8; 32],
    /// Whether it was taken in before, and said something else: another version of the plugin understands more of it.
    pub(crate) again: bool,
}

/// The events whose effect is still to come.
///
/// One that was taken in before isn't among them. Only where an operator puts the webhook back, one that says something
/// else than what it had its effect by is. So a replay can double nothing: what is read as it was read then isn't applied.
pub(crate) fn news<'e>(events: &'e [ProviderEvent], known: &[KnownEvent], replayed: bool) -> Vec<News<'e>> {
    let news = events.iter().filter_map(|event| {
        let digest = digest(event);
        let known = known.iter().find(|known| known.dedupe_key == event.dedupe_key);
        let wanted = match known {
            None => true,
            Some(known) => replayed && known.digest != Some(digest),
        };
        wanted.then_some(News {
            event,
            digest,
            again: known.is_some(),
        })
    });
    news.collect()
}

/// What of these events was taken in before.
pub(crate) async fn known_events(
    app: &Application,
    account: &ConnectedAccount,
    events: &[ProviderEvent],
) -> Result<Vec<KnownEvent>, StoreError> {
    let keys: Vec<String> = events.iter().map(|event| event.dedupe_key.clone()).collect();
    app.store().known_events(account.account.id, &keys).await
}

/// Commits what is left to commit of a webhook all of whose events were taken in before: that it is processed, or, where
/// one of them says something else now, that it is conflicting.
async fn commit_repetition(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    entry: &InboxEntry,
    contradicted: Option<&KnownEvent>,
) -> Result<Committed, ApplicationError> {
    let now = app.now();
    let mut entry = entry.clone();
    match contradicted {
        None if entry.version == 0 => return Ok(Committed::AllKnown),
        None => {
            processed(&mut entry, now);
        }
        Some(known) => {
            let was = format!(
                "event {} says something else than in {}",
                known.dedupe_key, known.inbox_id
            );
            entry.status = InboxStatus::Conflicting;
            entry.error = Some(storable(was));
            entry.failed_with = Some(PluginBuild::of(&account.account));
            entry.next_attempt_at = now;
        }
    }
    let id = entry.id;
    let mut work = UnitOfWork::new();
    work.push(Write::Inbox(entry));
    match app.commit(work).await {
        Ok(()) => {}
        Err(CommitError::Conflict(_)) => return Ok(Committed::Contended),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    let Some(known) = contradicted else {
        return Ok(Committed::Done);
    };
    app.metrics().webhook_conflicting();
    tracing::warn!(
        webhook.id = %id,
        account.id = %account.account.id,
        first = %known.inbox_id,
        "a webhook brings known events with other contents: kept, and not applied"
    );
    Ok(Committed::Conflicting)
}

/// The event among these that says something else than what was taken in under its key.
///
/// Where the digests differ, another version of the plugin, or of the host, may have made the first one: what the first
/// webhook says is read once more with the plugin of now, as long as it is kept.
async fn contradicted<'k>(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    events: &[ProviderEvent],
    known: &'k [KnownEvent],
) -> Result<Option<&'k KnownEvent>, StoreError> {
    for event in events {
        let now = digest(event);
        let before = known.iter().find(|known| known.dedupe_key == event.dedupe_key);
        let Some(before) = before.filter(|known| known.digest.is_some_and(|digest| digest != now)) else {
            continue;
        };
        let Some(first) = app.store().inbox_entry(before.inbox_id).await? else {
            return Ok(Some(before));
        };
        let same = match app.ports.gateway.parse_webhook_offline(account, &first.request).await {
            Ok(Parsed::Receipt(receipt)) => {
                let mut all = receipt.events.iter();
                all.any(|read| read.dedupe_key == event.dedupe_key && digest(read) == now)
            }
            // What the provider said then can't be asked for any more.
            Ok(Parsed::NeedsExchange) => true,
            Err(_) => false,
        };
        if !same {
            return Ok(Some(before));
        }
    }
    Ok(None)
}

/// Commits the webhook as processed, its dedupe keys, what its events change, and the events about that: as one.
///
/// Where the provider was asked what its events say, they may say something else than before.
pub(crate) async fn commit_effects(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    entry: &InboxEntry,
    Understood { events, asked }: Understood<'_>,
    answers: &Answers,
) -> Result<Committed, ApplicationError> {
    let replayed = entry.replays > 0;
    // Most webhooks come once: what is known of their events is asked only where something says that they came before.
    let mut known = match replayed {
        true => Some(known_events(app, account, events).await?),
        false => None,
    };
    for _ in 0..CONFLICT_RETRIES_MAX {
        let news = news(events, known.as_deref().unwrap_or_default(), replayed);
        if news.is_empty() && !events.is_empty() && !replayed {
            let known = known.as_deref().unwrap_or_default();
            let contradicted = match asked {
                true => None,
                false => contradicted(app, account, events, known).await?,
            };
            return commit_repetition(app, account, entry, contradicted).await;
        }
        let mut effects = Effects::new(app, account, answers).of_attempt(entry.attempts);
        let had_effect = match apply_all(&mut effects, &news).await {
            Ok(had_effect) => had_effect,
            // A repetition of what was taken in is no tie with itself, and waits for nothing.
            Err(NotApplied::AskAbout(_) | NotApplied::Incomplete(_)) if known.is_none() => {
                known = Some(known_events(app, account, events).await?);
                continue;
            }
            Err(NotApplied::AskAbout(question)) => {
                return Ok(Committed::AskAbout(question));
            }
            Err(NotApplied::Incomplete(what)) => return Ok(Committed::Incomplete(what)),
            Err(NotApplied::Store(error)) => return Err(error.into()),
        };
        let mut work = UnitOfWork::new();
        write_processed(&mut work, entry, &news, &had_effect, app.now());
        effects.save_into(&mut work);
        match app.commit_counted(&account.account.plugin, work).await {
            Ok(()) => {
                app.count_events(news.iter().filter(|news| !news.again).map(|news| news.event));
                return Ok(Committed::Done);
            }
            Err(CommitError::Conflict(Conflict::DuplicateEvent { .. })) => {
                known = Some(known_events(app, account, events).await?);
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(Committed::Contended)
}

/// Applies them, one after the other. Answers of each whether it is about this account.
pub(crate) async fn apply_all(effects: &mut Effects<'_>, news: &[News<'_>]) -> Result<Vec<bool>, NotApplied> {
    let mut had_effect = Vec::with_capacity(news.len());
    for one in news {
        effects.again = one.again;
        had_effect.push(apply_event(effects, one.event).await?);
    }
    Ok(had_effect)
}

fn processed(entry: &mut InboxEntry, now: Timestamp) {
    entry.status = InboxStatus::Processed;
    entry.processed_at = Some(now);
    entry.error = None;
    entry.failed_with = None;
    entry.journal = Vec::new();
    entry.plugin_version = None;
}

/// The webhook, processed, and the dedupe keys of its events.
fn write_processed(work: &mut UnitOfWork, entry: &InboxEntry, news: &[News<'_>], had_effect: &[bool], now: Timestamp) {
    let mut entry = entry.clone();
    processed(&mut entry, now);
    let (inbox_id, account_id) = (entry.id, entry.account_id);
    work.push(Write::Inbox(entry));
    // What had no effect is remembered without a digest, so that a replay tries it again.
    let mut keys: Vec<(&News<'_>, Option<[u8; 32]>)> = news
        .iter()
        .zip(had_effect)
        .map(|(news, had_effect)| (news, had_effect.then_some(news.digest)))
        .collect();
    keys.sort_by_key(|(news, _)| news.event.dedupe_key.as_str());
    keys.dedup_by_key(|(news, _)| news.event.dedupe_key.as_str());
    for (news, digest) in keys {
        let dedupe_key = news.event.dedupe_key.clone();
        match (news.again, digest) {
            (false, digest) => work.push(Write::EventKey {
                account_id,
                dedupe_key,
                inbox_id,
                digest,
                at: now,
            }),
            (true, Some(digest)) => work.push(Write::EventDigest {
                account_id,
                dedupe_key,
                digest,
            }),
            (true, None) => {}
        }
    }
}
