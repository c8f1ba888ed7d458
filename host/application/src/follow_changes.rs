//! Follows what other processes change in the same database.

use std::convert::Infallible;

use crate::bounds::FOLLOW_PAUSE_MS;
use crate::{Application, ApplicationError};

/// Follows: what is kept in memory is forgotten as soon as another process has changed it. Afterwards it is kept for seconds
/// only.
///
/// # Errors
/// The connection was lost: it doesn't end otherwise.
pub async fn follow_changes(app: &Application) -> Result<Infallible, ApplicationError> {
    // However it ends: what is kept counts as unheard from then on.
    let _unheard = Unheard(app);
    let heed = |announcement| app.caches.heed(announcement);
    let Err(lost) = app.store().follow_changes(&heed).await;
    if app.caches.is_first_loss() {
        tracing::warn!(error = %lost, "changes of other hosts aren't heard; what is kept in memory is kept for seconds only");
    }
    Err(lost.into())
}

struct Unheard<'a>(&'a Application);

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        self.0.caches.unheard();
    }
}

impl Application {
    /// Follows again and again, with a pause where the connection was lost. It never ends.
    pub async fn keep_following_changes(&self) {
        loop {
            let Err(_told) = follow_changes(self).await;
            self.ports.clock.sleep(FOLLOW_PAUSE_MS).await;
        }
    }
}
