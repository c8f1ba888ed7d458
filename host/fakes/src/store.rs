//! The store in memory.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tillgate_application::ports::{Announcement, Change, Commit, CommitError, FollowChanges, StoreError, UnitOfWork};
use tokio::sync::mpsc;

use crate::{Fuse, Rows};

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// It doesn't.
    None,
    /// The database can't be reached, and nothing was written.
    NotWritten,
    /// The connection broke after it was written.
    WrittenButUnanswered,
    /// Somebody else was faster, whatever was written.
    Conflict,
}

/// A store that forgets everything at the end of the test, and fails when it is told to.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Arc<Mutex<Rows>>,
    fuse: Arc<Fuse>,
    faults: Mutex<VecDeque<CommitFault>>,
    down: Mutex<bool>,
    questions_left: Mutex<Option<u32>>,
    followers: Arc<Mutex<Vec<mpsc::UnboundedSender<Change>>>>,
}

impl MemoryStore {
    /// A store of what another one holds, for a host that was started again.
    #[must_use]
    pub fn over(other: &Self, fuse: Arc<Fuse>) -> Self {
        Self {
            rows: Arc::clone(&other.rows),
            followers: Arc::clone(&other.followers),
            fuse,
            ..Self::default()
        }
    }

    /// What is stored.
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next commits, one after the other.
    pub fn fault_commits(&self, faults: impl IntoIterator<Item = CommitFault>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults.into_iter().collect();
    }

    /// Whether the database can't be reached at all.
    pub fn set_down(&self, down: bool) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = down;
        if !down {
            *self.questions_left.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Lets so many questions and commits be answered; then the database is down, until it is said not to be.
    pub fn go_down_after(&self, questions: u32) {
        *self.questions_left.lock().unwrap_or_else(PoisonError::into_inner) = Some(questions);
    }

    /// Whether it is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks the connections by which changes are heard.
    pub fn lose_followers(&self) {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many hear of changes.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn tell(&self, changes: &[Change]) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.retain(|follower| changes.iter().all(|change| follower.send(*change).is_ok()));
    }

    /// Answers from what is stored.
    pub(crate) async fn ask<T>(&self, question: impl FnOnce(&Rows) -> T + Send) -> Result<T, StoreError> {
        self.fuse.alive().await;
        match self
            .questions_left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            Some(0) => self.set_down(true),
            Some(left) => *left -= 1,
            None => {}
        }
        if *self.down.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(unreachable());
        }
        Ok(question(&self.rows()))
    }
}

fn unreachable() -> StoreError {
    StoreError::Unavailable("the database at db.internal:5432 refused the connection".to_owned())
}

#[async_trait]
impl FollowChanges for MemoryStore {
    async fn follow_changes(&self, heed: &(dyn Fn(Announcement) + Send + Sync)) -> Result<Infallible, StoreError> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        heed(Announcement::Following);
        while let Some(change) = receiver.recv().await {
            heed(Announcement::Changed(change));
        }
        Err(StoreError::Unavailable("the connection was lost".to_owned()))
    }
}

#[async_trait]
impl Commit for MemoryStore {
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        self.ask(|_| ()).await?;
        self.fuse.point().await;
        let fault = self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .unwrap_or(CommitFault::None);
        match fault {
            CommitFault::NotWritten => return Err(unreachable().into()),
            CommitFault::Conflict => {
                return Err(CommitError::Conflict(tillgate_application::ports::Conflict::Version(
                    "row",
                )));
            }
            CommitFault::None | CommitFault::WrittenButUnanswered => {}
        }
        {
            let mut rows = self.rows();
            let mut after = rows.clone();
            for write in work.writes() {
                after.write(write.clone()).map_err(CommitError::Conflict)?;
            }
            *rows = after;
        }
        self.tell(&work.changes());
        self.fuse.point().await;
        match fault {
            CommitFault::WrittenButUnanswered => Err(unreachable().into()),
            _ => Ok(()),
        }
    }
}
