//! Follows what other processes change in the same database.

use crate::Application;
use crate::bounds::FOLLOW_PAUSE_MS;
use crate::ports::StoreError;

/// Follows until the connection is lost, and answers why. What is kept in memory meanwhile is forgotten as soon as another
/// process has changed it; afterwards it is kept for seconds only.
pub async fn follow_changes(app: &Application) -> StoreError {
    let heed = |announcement| app.caches.heed(announcement);
    let lost = app.store().follow_changes(&heed).await;
    if app.caches.unheard() {
        tracing::warn!(error = %lost, "changes of other hosts aren't heard; what is kept in memory is kept for seconds only");
    }
    lost
}

/// Follows again and again, with a pause where the connection was lost. It never ends.
pub async fn keep_following_changes(app: &Application) {
    loop {
        follow_changes(app).await;
        app.ports.clock.sleep(FOLLOW_PAUSE_MS).await;
    }
}
