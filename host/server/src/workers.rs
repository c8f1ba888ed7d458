//! What goes on beside the requests: stored webhooks are processed, abandoned operations are resumed.

use std::sync::Arc;
use std::time::Duration;

use tillgate_application::{Application, process_due_webhooks, resume_abandoned_operations};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often stored webhooks are looked for that nobody was woken for: those of another host, and those to be tried
/// again.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);

/// How often abandoned operations are looked for; their leases last minutes.
const OPERATIONS_INTERVAL: Duration = Duration::from_secs(15);

/// How long a worker waits after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Starts the workers. They end when `ending` is canceled.
pub(crate) fn start(app: &Arc<Application>, ending: &CancellationToken, alone: bool) -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.spawn(process_webhooks(Arc::clone(app), ending.clone()));
    tracker.spawn(resume_operations(Arc::clone(app), ending.clone(), alone));
    tracker.close();
    tracker
}

async fn process_webhooks(app: Arc<Application>, ending: CancellationToken) {
    while !ending.is_cancelled() {
        // Interest is registered before looking, so that what is stored in between isn't missed.
        let stored = app.stored_webhook();
        tokio::pin!(stored);
        let pause = match process_due_webhooks(&app).await {
            Ok(processed) => {
                if processed.done + processed.postponed + processed.dead > 0 {
                    tracing::debug!(?processed, "stored webhooks processed");
                }
                INBOX_INTERVAL
            }
            Err(error) => {
                tracing::error!(%error, "stored webhooks could not be processed");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::select! {
            () = &mut stored => {}
            () = tokio::time::sleep(pause) => {}
            () = ending.cancelled() => {}
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
