//! `tillgate webhook replay`

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tillgate_application::bounds::{PREVIEWED_AT_ONCE_MAX, REPLAYED_AT_ONCE_MAX};
use tillgate_application::{
    ChangePreview, ReplayPreview, ReplayWebhook, ReplayWebhooks, WebhookView, preview_replay, preview_replays,
    replay_webhook, replay_webhooks,
};
use tillgate_domain::InboxId;
use tokio_util::sync::CancellationToken;

use super::webhook::wanted;
use super::{Command, id, wired};
use crate::cli::WebhookReplayArgs;
use crate::{Failure, lifecycle, load, output};

/// How many are put back before a person sees something move.
const SHOWN_AFTER: u32 = 100;

/// What was put back, as JSON.
#[derive(Serialize)]
struct Replayed {
    replayed: u32,
    skipped: u32,
    finished: bool,
}

/// What would be, as JSON.
#[derive(Serialize)]
struct Previewed {
    looked_at: usize,
    finished: bool,
    previews: Vec<ReplayPreview>,
}

pub(super) async fn replay(args: WebhookReplayArgs) -> Result<(), Failure> {
    let filter = wanted(&args.filter)?;
    if args.id.is_none() && filter.is_empty() {
        let wrong = "name a webhook, or at least one of --tenant, --account, --status, --type, --from and --to";
        return Err(Failure::Usage(wrong.to_owned()));
    }
    if args.id.is_none() && args.version.is_some() && filter.account_id.is_none() {
        let wrong = "--plugin-version needs --account: versions are those of one plugin";
        return Err(Failure::Usage(wrong.to_owned()));
    }
    let one: Option<InboxId> = args.id.as_deref().map(id).transpose()?;
    let wired = wired(&load(&args.config)?).await?;
    let stop = lifecycle::end_on_signal()?;
    let done = match one {
        Some(id) => replay_one(&wired, &args, id).await,
        None => {
            let command = ReplayWebhooks {
                filter,
                plugin_version: args.version.clone(),
                limit: if args.dry_run {
                    PREVIEWED_AT_ONCE_MAX
                } else {
                    SHOWN_AFTER.min(REPLAYED_AT_ONCE_MAX)
                },
                after: None,
            };
            match args.dry_run {
                true => preview_many(&wired, &args, command, &stop).await,
                false => replay_many(&wired, &args, command, &stop).await,
            }
        }
    };
    wired.database.close().await;
    done
}

async fn replay_one(wired: &Command, args: &WebhookReplayArgs, id: InboxId) -> Result<(), Failure> {
    let command = ReplayWebhook {
        id,
        plugin_version: args.version.clone(),
    };
    if args.dry_run {
        let preview = preview_replay(&wired.app, &command).await?;
        if args.show.json {
            return output::print_json(&preview);
        }
        print_preview(&preview);
        println!("\nNothing was changed: this was a dry run.");
        return Ok(());
    }
    let webhook: WebhookView = replay_webhook(&wired.app, command).await?;
    if args.show.json {
        return output::print_json(&webhook);
    }
    println!(
        "{} is pending again: a gateway that serves this database processes it.",
        webhook.id
    );
    Ok(())
}

/// A bar on a terminal that counts.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

async fn replay_many(
    wired: &Command,
    args: &WebhookReplayArgs,
    mut command: ReplayWebhooks,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let bar = bar().with_message("put back");
    let (mut replayed, mut skipped) = (0, 0);
    let finished = loop {
        if stop.is_cancelled() {
            break false;
        }
        let done = replay_webhooks(&wired.app, command.clone()).await?;
        replayed += done.replayed;
        skipped += done.skipped;
        bar.set_position(u64::from(replayed));
        command.after = done.next;
        if done.next.is_none() {
            break true;
        }
    };
    bar.finish_and_clear();
    if args.show.json {
        output::print_json(&Replayed {
            replayed,
            skipped,
            finished,
        })?;
    } else {
        println!("{replayed} webhooks are pending again: a gateway that serves this database processes them.");
        if skipped > 0 {
            println!("{skipped} were left: they are conflicting, or were worked on just then.");
        }
    }
    ended(finished)
}

async fn preview_many(
    wired: &Command,
    args: &WebhookReplayArgs,
    mut command: ReplayWebhooks,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let bar = bar().with_message("looked at");
    let (mut previews, mut looked_at) = (Vec::new(), 0);
    let finished = loop {
        if stop.is_cancelled() {
            break false;
        }
        let found = preview_replays(&wired.app, &command).await?;
        looked_at += found.previews.len();
        bar.set_position(u64::try_from(looked_at).unwrap_or(u64::MAX));
        for preview in found.previews.into_iter().filter(ReplayPreview::tells_something) {
            if args.show.json {
                previews.push(preview);
            } else {
                bar.suspend(|| print_preview(&preview));
            }
        }
        command.after = found.next;
        if found.next.is_none() {
            break true;
        }
    };
    bar.finish_and_clear();
    if args.show.json {
        output::print_json(&Previewed {
            looked_at,
            finished,
            previews,
        })?;
    } else {
        println!("\n{looked_at} webhooks were looked at. Nothing was changed: this was a dry run.");
    }
    ended(finished)
}

fn ended(finished: bool) -> Result<(), Failure> {
    if finished {
        return Ok(());
    }
    Err(Failure::Said("stopped; what was put back stays so".to_owned()))
}

fn print_preview(preview: &ReplayPreview) {
    let (pinned, asked_for) = (&preview.pinned, &preview.asked_for);
    println!(
        "{} ({}): {} {} and {}",
        preview.webhook_id, preview.status, pinned.name, pinned.version, asked_for.version
    );
    if let Some(error) = &preview.pinned_error {
        println!("  {} fails: {error}", pinned.version);
    }
    if let Some(error) = &preview.asked_for_error {
        println!("  {} fails: {error}", asked_for.version);
    }
    for event in &preview.events {
        let taken_in = if event.taken_in {
            ", its effect is there already"
        } else {
            ""
        };
        println!("  event {} {}{taken_in}", event.dedupe_key, event.difference);
        if event.difference == "same" {
            continue;
        }
        for (sign, reading) in [('-', &event.pinned), ('+', &event.asked_for)] {
            if let Some(reading) = reading {
                println!("    {sign} {reading}");
            }
        }
    }
    preview.changes.iter().for_each(print_change);
    for name in &preview.publishes {
        println!("  would publish {name}");
    }
    if preview.changes.is_empty() && preview.publishes.is_empty() {
        println!("  would change nothing");
    }
}

fn print_change(change: &ChangePreview) {
    let fields: Vec<String> = change
        .fields
        .iter()
        .map(|(name, field)| format!("{name} {} -> {}", field.from, field.to))
        .collect();
    let details = if fields.is_empty() {
        String::new()
    } else {
        format!(": {}", fields.join(", "))
    };
    println!(
        "  would {} {} {}{details}",
        change.change, change.what, change.reference
    );
}
