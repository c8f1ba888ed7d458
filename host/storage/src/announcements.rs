//! What this process has changed and others have still to be told, and that others changed something.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tillgate_application::ports::{Change, UnitOfWork};
use tokio::sync::Notify;

use crate::bounds;

/// Shared by the writers and whoever follows.
#[derive(Default)]
pub(crate) struct Announcements {
    following: AtomicBool,
    waiting: Mutex<BTreeSet<Change>>,
    to_tell: Notify,
    to_hear: Notify,
}

/// For as long as this lives, the process follows.
pub(crate) struct Following<'a>(&'a Announcements);

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.0.following.store(false, Ordering::Release);
    }
}

impl Announcements {
    pub(crate) fn follow(&self) -> Following<'_> {
        self.following.store(true, Ordering::Release);
        Following(self)
    }

    pub(crate) fn is_followed(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    /// What a unit of work changes: what is told in its own transaction, and what is told soon after it.
    ///
    /// Whoever follows has a connection to tell by, and tells of many changes at once. A process that doesn't, a command
    /// for example, and what operators configure, can't wait for that.
    pub(crate) fn of(&self, work: &UnitOfWork) -> (Vec<Change>, Vec<Change>) {
        let changes = work.changes().into_iter();
        let followed = self.is_followed();
        changes.partition(|change| !followed || change.is_configuration())
    }

    /// Has others told of what is committed now.
    pub(crate) fn committed(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(changes);
        if waiting.len() > bounds::ANNOUNCEMENTS {
            *waiting = BTreeSet::from([Change::Anything]);
        }
        drop(waiting);
        self.to_tell.notify_one();
    }

    /// Waits until there is something to tell.
    pub(crate) async fn something_to_tell(&self) {
        self.to_tell.notified().await;
    }

    /// All of it.
    pub(crate) fn take(&self) -> Vec<Change> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_iter().collect()
    }

    /// Says that others changed something, where nobody tells what.
    pub(crate) fn others_committed(&self) {
        self.to_hear.notify_one();
    }

    /// Waits until others changed something.
    pub(crate) async fn something_to_hear(&self) {
        self.to_hear.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tillgate_domain::CustomerId;

    #[test]
    fn too_much_to_tell_is_told_as_anything() {
        let announcements = Announcements::default();
        let of = |bits| Change::SubscriptionsOf(CustomerId::from_bits(bits));
        announcements.committed(vec![of(1), of(2), of(1)]);
        assert_eq!(announcements.take(), [of(1), of(2)]);
        assert_eq!(announcements.take(), []);
        let many = u128::try_from(bounds::ANNOUNCEMENTS).unwrap() + 1;
        announcements.committed((0..many).map(of).collect());
        assert_eq!(announcements.take(), [Change::Anything]);
    }
}
