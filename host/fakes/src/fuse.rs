//! Crashes on demand.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Stops the host at a chosen point: from then on, whatever it waits for never comes.
///
/// The store passes a point before and after each commit, the provider before and after each request it performs: with
/// `at` counted up from 0, a test crashes the host between every two of its steps.
#[derive(Debug)]
pub struct Fuse {
    left: Mutex<Option<u32>>,
    blown: watch::Sender<bool>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            left: Mutex::new(None),
            blown: watch::Sender::new(false),
        }
    }
}

impl Fuse {
    /// Lets so many points be passed, and stops the host at the next one.
    pub fn blow_after(&self, points: u32) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(points);
    }

    /// Whether the host was stopped.
    #[must_use]
    pub fn is_blown(&self) -> bool {
        *self.blown.borrow()
    }

    /// Returns when the host was stopped.
    pub async fn blown(&self) {
        let mut receiver = self.blown.subscribe();
        if receiver.wait_for(|blown| *blown).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A point at which the host may stop. Never returns if it does, or already did.
    pub async fn point(&self) {
        {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            match left.as_mut() {
                Some(0) => {
                    self.blown.send_replace(true);
                }
                Some(left) => *left -= 1,
                None => {}
            }
        }
        self.alive().await;
    }

    /// Returns if the host wasn't stopped, and never if it was.
    pub async fn alive(&self) {
        if self.is_blown() {
            std::future::pending::<()>().await;
        }
    }
}
