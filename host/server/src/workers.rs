//! What goes on beside the requests: stored webhooks are processed, events are sent to those who want them, abandoned
//! operations are resumed, what others change is heard of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tillgate_application::{
    Application, DueDeliveries, DueWebhooks, ReconciledSubscriptions, Retention, deliver_events, due_deliveries,
    due_webhooks, enforce_retention, fan_out_events, process_webhooks, reconcile_subscriptions,
    resume_abandoned_operations,
};
use tillgate_domain::{EventEndpointId, ProviderAccountId};
use tillgate_plugin_host::PluginHost;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often stored webhooks are looked for that nobody was woken for: those of another host, and those to be tried
/// again.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);

/// How often abandoned operations are looked for; their leases last minutes.
const OPERATIONS_INTERVAL: Duration = Duration::from_secs(15);

/// How often subscriptions are looked for about which a webhook should have come.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(60);

/// How often the plugin directory is looked at for components that came since the start.
const PLUGINS_INTERVAL: Duration = Duration::from_secs(2);

/// How often what was kept for long enough is looked for. It is kept for days.
const RETENTION_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How long that waits after the start, when there is enough to do.
const RETENTION_FIRST: Duration = Duration::from_secs(60);

/// How long it waits while there is more to remove: others have their turn.
const RETENTION_PAUSE: Duration = Duration::from_secs(2);

/// How many accounts' stored webhooks are processed at a time.
const ACCOUNTS_AT_ONCE: usize = 16;

/// How often events are looked for that nobody was woken for: those of another host, and those to be sent again.
const EVENTS_INTERVAL: Duration = Duration::from_secs(1);

/// How many endpoints are sent to at a time.
const ENDPOINTS_AT_ONCE: usize = 32;

/// How long a worker waits after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Starts the workers. They end when `ending` is canceled.
pub(crate) fn start(
    app: &Arc<Application>,
    plugin_host: &Arc<PluginHost>,
    ending: &CancellationToken,
    alone: bool,
    retention: Retention,
) -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.spawn(look_for_plugins(Arc::clone(plugin_host), ending.clone()));
    tracker.spawn(process_stored_webhooks(Arc::clone(app), ending.clone()));
    tracker.spawn(reconcile(Arc::clone(app), ending.clone()));
    tracker.spawn(order_events(Arc::clone(app), ending.clone()));
    tracker.spawn(send_events(Arc::clone(app), ending.clone()));
    tracker.spawn(resume_operations(Arc::clone(app), ending.clone(), alone));
    tracker.spawn(remove_expired(Arc::clone(app), ending.clone(), retention));
    tracker.close();
    tracker
}

/// Processes stored webhooks, those of several accounts at a time: one whose provider is slow keeps no other waiting.
async fn process_stored_webhooks(app: Arc<Application>, ending: CancellationToken) {
    let mut running = JoinSet::new();
    let mut busy: HashMap<task::Id, ProviderAccountId> = HashMap::new();
    while !ending.is_cancelled() {
        let mut pause = INBOX_INTERVAL;
        if busy.len() < ACCOUNTS_AT_ONCE {
            let except: Vec<ProviderAccountId> = busy.values().copied().collect();
            match due_webhooks(&app, &except).await {
                Ok(all) => {
                    for due in all.into_iter().take(ACCOUNTS_AT_ONCE - busy.len()) {
                        let account_id = due.account_id;
                        let task = running.spawn(process_of_account(Arc::clone(&app), due, ending.clone()));
                        busy.insert(task.id(), account_id);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "stored webhooks could not be looked for");
                    pause = PAUSE_AFTER_FAILURE;
                }
            }
        }
        tokio::select! {
            () = app.stored_webhook() => {}
            () = tokio::time::sleep(pause) => {}
            () = ending.cancelled() => {}
            Some(ended) = running.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                };
                busy.remove(&id);
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Asks providers about what should have changed by now.
async fn reconcile(app: Arc<Application>, ending: CancellationToken) {
    while !ending.is_cancelled() {
        match reconcile_subscriptions(&app, &ending).await {
            Ok(found) if found == ReconciledSubscriptions::default() => {}
            Ok(found) => tracing::info!(?found, "overdue subscriptions were asked about"),
            Err(error) => tracing::error!(%error, "overdue subscriptions could not be asked about"),
        }
        tokio::select! {
            () = tokio::time::sleep(RECONCILE_INTERVAL) => {}
            () = ending.cancelled() => {}
        }
    }
}

/// Gives events their place in the order of all events, and puts them on their way.
async fn order_events(app: Arc<Application>, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let pause = match fan_out_events(&app).await {
            Ok(_) => EVENTS_INTERVAL,
            Err(error) => {
                tracing::error!(%error, "events could not be ordered");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::select! {
            () = app.published_event() => {}
            () = tokio::time::sleep(pause) => {}
            () = ending.cancelled() => {}
        }
    }
}

/// Sends events, to several endpoints at a time: one that is slow keeps no other waiting.
async fn send_events(app: Arc<Application>, ending: CancellationToken) {
    let mut running = JoinSet::new();
    let mut busy: HashMap<task::Id, EventEndpointId> = HashMap::new();
    while !ending.is_cancelled() {
        let mut pause = EVENTS_INTERVAL;
        if busy.len() < ENDPOINTS_AT_ONCE {
            let except: Vec<EventEndpointId> = busy.values().copied().collect();
            match due_deliveries(&app, &except).await {
                Ok(all) => {
                    for due in all.into_iter().take(ENDPOINTS_AT_ONCE - busy.len()) {
                        let endpoint_id = due.endpoint_id;
                        let task = running.spawn(send_to_endpoint(Arc::clone(&app), due, ending.clone()));
                        busy.insert(task.id(), endpoint_id);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "events could not be looked for");
                    pause = PAUSE_AFTER_FAILURE;
                }
            }
        }
        tokio::select! {
            () = app.waiting_delivery() => {}
            () = tokio::time::sleep(pause) => {}
            () = ending.cancelled() => {}
            Some(ended) = running.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                };
                busy.remove(&id);
            }
        }
    }
    while running.join_next().await.is_some() {}
}

async fn send_to_endpoint(app: Arc<Application>, due: DueDeliveries, ending: CancellationToken) {
    let endpoint_id = due.endpoint_id;
    match deliver_events(&app, due, &ending).await {
        Ok(tried) => tracing::debug!(endpoint.id = %endpoint_id, tried, "events sent"),
        Err(error) => {
            tracing::error!(endpoint.id = %endpoint_id, %error, "events could not be sent");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// Forgets what another host, or a command, has changed, and tells others what is changed here. It ends last, so that what the
/// last requests changed is told too.
pub(crate) async fn follow_changes(app: Arc<Application>, ending: CancellationToken) {
    tokio::select! {
        () = app.keep_following_changes() => {}
        () = ending.cancelled() => {}
    }
}

async fn process_of_account(app: Arc<Application>, due: DueWebhooks, ending: CancellationToken) {
    let account_id = due.account_id;
    match process_webhooks(&app, due, &ending).await {
        Ok(processed) => tracing::debug!(account.id = %account_id, ?processed, "stored webhooks processed"),
        Err(error) => {
            tracing::error!(account.id = %account_id, %error, "stored webhooks could not be processed");
            // The account stays busy meanwhile, so that a failing store isn't asked without a pause.
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// Loads what another host, or an operator at the command line, put into the plugin directory.
async fn look_for_plugins(plugin_host: Arc<PluginHost>, ending: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PLUGINS_INTERVAL) => {}
            () = ending.cancelled() => return,
        }
        match plugin_host.look_for_new().await {
            Ok(found) => {
                for plugin in found {
                    tracing::info!(plugin = %plugin.name, version = %plugin.version, digest = %plugin.digest, "plugin loaded");
                }
            }
            Err(error) => tracing::warn!(%error, "the plugin directory can't be read"),
        }
    }
}

async fn resume_operations(app: Arc<Application>, ending: CancellationToken, alone: bool) {
    let mut at_start = alone;
    while !ending.is_cancelled() {
        match resume_abandoned_operations(&app, at_start).await {
            Ok(0) => {}
            Ok(resumed) => tracing::info!(resumed, "abandoned operations came to an end"),
            Err(error) => tracing::error!(%error, "abandoned operations could not be resumed"),
        }
        at_start = false;
        tokio::select! {
            () = tokio::time::sleep(OPERATIONS_INTERVAL) => {}
            () = ending.cancelled() => {}
        }
    }
}

/// Removes what was kept for as long as it is to be.
async fn remove_expired(app: Arc<Application>, ending: CancellationToken, retention: Retention) {
    let mut pause = RETENTION_FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = ending.cancelled() => return,
        }
        pause = RETENTION_INTERVAL;
        match enforce_retention(&app, &retention, &ending).await {
            Ok(removed) => {
                if removed.rows > 0 {
                    tracing::info!(rows = removed.rows, "what was kept for long enough was removed");
                }
                if removed.more {
                    pause = RETENTION_PAUSE;
                }
            }
            Err(error) => tracing::error!(%error, "what was kept for long enough could not be removed"),
        }
    }
}
