//! Tells what a replay would do, and does nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tillgate_domain::InboxId;
use utoipa::ToSchema;

use crate::account::ConnectedAccount;
use crate::apply_event::NotApplied;
use crate::bounds::PREVIEWED_AT_ONCE_MAX;
use crate::commit_effects::{apply_all, known_events, news};
use crate::confirm::Touched;
use crate::effects::{Answers, Effects};
use crate::event_digest::{describe, digest};
use crate::inbox::{InboxEntry, InboxStatus, KnownEvent, PluginBuild};
use crate::ports::{PageRequest, ProviderEvent, UnitOfWork, Write};
use crate::process_webhook::{parse, settle, with_version};
use crate::replay_webhook::{account_of, check, ensure_version, replayable};
use crate::{Application, ApplicationError, PluginBuildView, ReplayWebhook, ReplayWebhooks};

/// How two readings of one event differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookEventPreview)]
pub struct EventPreview {
    /// What the event is known by.
    pub dedupe_key: String,
    /// `same`, `changed`, `added` (only the version asked for understands it) or `removed`.
    pub difference: String,
    /// Whether it has its effect already, as the version asked for understands it.
    pub taken_in: bool,
    /// What the version the account is pinned to understands.
    #[schema(value_type = Option<Object>)]
    pub pinned: Option<Value>,
    /// What the version asked for understands.
    #[schema(value_type = Option<Object>)]
    pub asked_for: Option<Value>,
}

/// A field that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookFieldPreview)]
pub struct FieldPreview {
    /// What it is.
    #[schema(value_type = Option<Object>)]
    pub from: Value,
    /// What it would be.
    #[schema(value_type = Option<Object>)]
    pub to: Value,
}

/// Something that would be created or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookChangePreview)]
pub struct ChangePreview {
    /// What it is, e.g. `subscription`.
    pub what: String,
    /// The provider's id of it; of a checkout session ours.
    pub reference: String,
    /// `create` or `change`.
    pub change: String,
    /// What tenants would see change; nothing of what is new.
    #[schema(value_type = std::collections::HashMap<String, FieldPreview>)]
    pub fields: BTreeMap<String, FieldPreview>,
}

impl From<Touched> for ChangePreview {
    fn from(touched: Touched) -> Self {
        let fields = touched.fields.into_iter().map(|field| {
            let preview = FieldPreview {
                from: field.from,
                to: field.to,
            };
            (field.name, preview)
        });
        Self {
            what: touched.what.to_owned(),
            reference: touched.reference,
            change: if touched.created { "create" } else { "change" }.to_owned(),
            fields: fields.collect(),
        }
    }
}

/// What a replay would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookReplayPreview)]
pub struct ReplayPreview {
    /// Of which webhook.
    pub webhook_id: String,
    /// How it stands.
    pub status: String,
    /// The plugin the account is pinned to.
    pub pinned: PluginBuildView,
    /// Why that doesn't understand it.
    pub pinned_error: Option<String>,
    /// The plugin it would be tried with.
    pub asked_for: PluginBuildView,
    /// Why that doesn't understand it, or why its effect can't be told.
    pub asked_for_error: Option<String>,
    /// The events of both.
    pub events: Vec<EventPreview>,
    /// What would be created or changed.
    pub changes: Vec<ChangePreview>,
    /// The domain events that would be published, by name.
    pub publishes: Vec<String>,
}

impl ReplayPreview {
    /// Whether there is anything to tell: the versions differ, one of them fails, or the replay had an effect.
    #[must_use]
    pub fn tells_something(&self) -> bool {
        self.pinned_error.is_some()
            || self.asked_for_error.is_some()
            || !self.changes.is_empty()
            || !self.publishes.is_empty()
            || self.events.iter().any(|event| event.difference != "same")
    }
}

/// What the replay of many would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayPreviews {
    /// One of each that was looked at.
    pub previews: Vec<ReplayPreview>,
    /// Where to go on, if there are more.
    pub next: Option<InboxId>,
}

/// Tells what [`crate::replay_webhook`] would do. Nothing is written; the provider may be asked, as it would be.
///
/// # Errors
/// As [`crate::replay_webhook`]. What a plugin fails with is part of what is told.
pub async fn preview_replay(
    app: &Arc<Application>,
    command: &ReplayWebhook,
) -> Result<ReplayPreview, ApplicationError> {
    let entry = replayable(app, command.id).await?;
    let pinned = account_of(app, &entry).await?;
    let version = command.plugin_version.as_deref();
    ensure_version(app, &pinned, version)?;
    let other = with_version(app, &pinned, version).map_err(|_| {
        let named = format!("{} {}", pinned.account.plugin, version.unwrap_or_default());
        ApplicationError::not_found("plugin", named)
    })?;
    let mut preview = ReplayPreview {
        webhook_id: entry.id.to_string(),
        status: entry.status.as_str().to_owned(),
        pinned: PluginBuildView::from(&PluginBuild::of(&pinned.account)),
        pinned_error: None,
        asked_for: PluginBuildView::from(&PluginBuild::of(&other.account)),
        asked_for_error: None,
        events: Vec::new(),
        changes: Vec::new(),
        publishes: Vec::new(),
    };
    let before = read(app, &pinned, &entry).await;
    let after = match pinned.account.plugin_digest == other.account.plugin_digest {
        true => before.clone(),
        false => read(app, &other, &entry).await,
    };
    preview.pinned_error = before.as_ref().err().cloned();
    preview.asked_for_error = after.as_ref().err().cloned();
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let known = known_events(app, &other, &after).await?;
    preview.events = side_by_side(&before, &after, &known);
    match effects_of(app, &other, &after, &known).await? {
        Ok((changes, publishes)) => {
            preview.changes = changes;
            preview.publishes = publishes;
        }
        Err(failure) => preview.asked_for_error = preview.asked_for_error.or(Some(failure)),
    }
    Ok(preview)
}

/// Tells what [`crate::replay_webhooks`] would do, of [`PREVIEWED_AT_ONCE_MAX`] at the most.
///
/// # Errors
/// As [`crate::replay_webhooks`].
pub async fn preview_replays(
    app: &Arc<Application>,
    command: &ReplayWebhooks,
) -> Result<ReplayPreviews, ApplicationError> {
    check(app, command, PREVIEWED_AT_ONCE_MAX).await?;
    let page = PageRequest {
        limit: command.limit,
        after: command.after.map(|id| id.to_string()),
    };
    let page = app.store().inbox_entries(&command.filter, &page).await?;
    let mut all = ReplayPreviews {
        next: page.items.last().filter(|_| page.has_more).map(|last| last.id),
        ..ReplayPreviews::default()
    };
    for webhook in page.items.iter().filter(|one| one.status != InboxStatus::Conflicting) {
        let one = ReplayWebhook {
            id: webhook.id,
            plugin_version: command.plugin_version.clone(),
        };
        all.previews.push(preview_replay(app, &one).await?);
    }
    Ok(all)
}

/// What one version understands; or why it doesn't.
async fn read(
    app: &Application,
    account: &Arc<ConnectedAccount>,
    entry: &InboxEntry,
) -> Result<Vec<ProviderEvent>, String> {
    let parsed = parse(app, account, entry, &mut Vec::new()).await;
    parsed.map(|receipt| receipt.events).map_err(|error| error.to_string())
}

fn side_by_side(before: &[ProviderEvent], after: &[ProviderEvent], known: &[KnownEvent]) -> Vec<EventPreview> {
    let keys = after.iter().chain(before).map(|event| event.dedupe_key.as_str());
    let mut seen = BTreeSet::new();
    keys.filter(|key| seen.insert(*key))
        .map(|key| {
            let of = |all: &'_ [ProviderEvent]| all.iter().find(|event| event.dedupe_key == key).cloned();
            let (was, is) = (of(before), of(after));
            let difference = match (&was, &is) {
                (Some(was), Some(is)) if was == is => "same",
                (Some(_), Some(_)) => "changed",
                (None, _) => "added",
                (Some(_), None) => "removed",
            };
            let taken_in = is.as_ref().is_some_and(|is| {
                let digest = digest(is);
                known
                    .iter()
                    .any(|known| known.dedupe_key == key && known.digest == Some(digest))
            });
            EventPreview {
                dedupe_key: key.to_owned(),
                difference: difference.to_owned(),
                taken_in,
                pinned: was.as_ref().map(describe),
                asked_for: is.as_ref().map(describe),
            }
        })
        .collect()
}

type ToldEffects = (Vec<ChangePreview>, Vec<String>);

/// What these events would change, and which domain events would be published; or why that can't be told.
async fn effects_of(
    app: &Arc<Application>,
    account: &Arc<ConnectedAccount>,
    events: &[ProviderEvent],
    known: &[KnownEvent],
) -> Result<Result<ToldEffects, String>, ApplicationError> {
    let news = news(events, known, true);
    let mut answers = Answers::new();
    loop {
        let mut effects = Effects::of_dry_run(app, account, &answers);
        match apply_all(&mut effects, &news).await {
            Ok(_) => {
                let changes = effects.tell().into_iter().map(ChangePreview::from).collect();
                let mut work = UnitOfWork::new();
                effects.save_into(&mut work);
                let publishes = work.writes().iter().filter_map(|write| match write {
                    Write::Event(event) => Some(event.event_type.clone()),
                    _ => None,
                });
                return Ok(Ok((changes, publishes.collect())));
            }
            Err(NotApplied::AskAbout(question)) => {
                let settled = settle(app, account, question, 0, &mut answers, &mut Vec::new()).await;
                if let Err(failure) = settled {
                    return Ok(Err(failure));
                }
            }
            Err(NotApplied::Incomplete(what)) => return Ok(Err(what)),
            Err(NotApplied::Store(error)) => return Err(error.into()),
        }
    }
}
