//! Changes on SQLite: another process that uses the file, a command for example, can't tell; but that the file was changed
//! by another connection is seen (<https://sqlite.org/pragma.html#pragma_data_version>). The writer looks, since it knows
//! its own commits.

use std::convert::Infallible;

use async_trait::async_trait;
use tillgate_application::ports::{Announcement, Change, FollowChanges, StoreError};

use super::queries::Repository;

#[async_trait]
impl FollowChanges for Repository {
    async fn follow_changes(&self, heed: &(dyn Fn(Announcement) + Send + Sync)) -> Result<Infallible, StoreError> {
        let announcements = self.announcements();
        let _following = announcements.follow();
        heed(Announcement::Following);
        loop {
            tokio::select! {
                () = announcements.something_to_hear() => heed(Announcement::Changed(Change::Anything)),
                () = self.pool().close_event() => return Err(StoreError::Unavailable("the database was closed".to_owned())),
            }
        }
    }
}
