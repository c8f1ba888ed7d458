//! What the use cases keep in memory, and when they forget it.
//!
//! Nothing is decided by what is kept: whoever changes something reads it from the store, and is guarded by its version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tillgate_domain::{CustomerId, ProviderAccountId, Subscription};
use tracing::{Instrument as _, Span};

use crate::Application;
use crate::account::ConnectedAccount;
use crate::authenticate_api_key::AuthenticatedTenant;
use crate::bounds::{CACHE_AGE_MAX_MS, CACHE_AGE_UNHEARD_MS, CACHE_ENTRIES_MAX, CACHED_CUSTOMERS_MAX};
use crate::kept::Kept;
use crate::ports::{Announcement, Change, CommitError, StoreError, UnitOfWork, Write};

/// What is kept.
pub(crate) struct Caches {
    pub(crate) accounts: Kept<ProviderAccountId, Arc<ConnectedAccount>>,
    /// By the key's hash.
    pub(crate) api_keys: Kept<[u8; 32], Arc<AuthenticatedTenant>>,
    /// All of a customer's, where there are few enough.
    pub(crate) subscriptions: Kept<CustomerId, Arc<Vec<Subscription>>>,
    /// Whether changes of other processes are heard.
    following: AtomicBool,
    /// Whether it was told that they aren't.
    lost: AtomicBool,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            accounts: Kept::new(CACHE_ENTRIES_MAX),
            api_keys: Kept::new(CACHE_ENTRIES_MAX),
            subscriptions: Kept::new(CACHED_CUSTOMERS_MAX),
            following: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }
}

impl Caches {
    /// How old what is kept may be, in milliseconds.
    pub(crate) fn age_max_ms(&self) -> i64 {
        if self.following.load(Ordering::Acquire) {
            CACHE_AGE_MAX_MS
        } else {
            CACHE_AGE_UNHEARD_MS
        }
    }

    /// Forgets what was changed.
    pub(crate) fn forget(&self, change: Change) {
        match change {
            Change::Account(id) => self.accounts.forget(&id),
            Change::AccountsOf(id) => self
                .accounts
                .forget_where(|connected| connected.account.tenant_id == id),
            Change::ApiKeysOf(id) => self.api_keys.forget_where(|found| found.tenant.id == id),
            Change::SubscriptionsOf(id) => self.subscriptions.forget(&id),
            Change::Anything => {
                self.accounts.forget_where(|_| true);
                self.api_keys.forget_where(|_| true);
                self.subscriptions.forget_where(|_| true);
            }
        }
    }

    /// Takes in what another process said.
    pub(crate) fn heed(&self, announcement: Announcement) {
        match announcement {
            Announcement::Changed(change) => self.forget(change),
            Announcement::Following => {
                // First: what was kept for seconds is not to be good for minutes.
                self.forget(Change::Anything);
                self.following.store(true, Ordering::Release);
                self.lost.store(false, Ordering::Release);
            }
        }
    }

    /// Nobody is heard any more.
    pub(crate) fn unheard(&self) {
        self.following.store(false, Ordering::Release);
    }

    /// Whether it is the first time that nobody is heard, since somebody was, or at all.
    pub(crate) fn is_first_loss(&self) -> bool {
        !self.lost.swap(true, Ordering::AcqRel)
    }
}

impl Application {
    /// Commits, and forgets what that changed before it answers: nobody is shown what was before his own change. A caller that
    /// goes away stops none of it.
    pub(crate) async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        let changes = work.changes();
        let publishes = work.writes().iter().any(|write| matches!(write, Write::Event(_)));
        let (store, caches) = (Arc::clone(&self.ports.store), Arc::clone(&self.caches));
        let events_wakeup = Arc::clone(&self.events_wakeup);
        let committing = async move {
            let committed = store.commit(work).await;
            // Where the store broke, it may be committed all the same.
            for change in changes {
                caches.forget(change);
            }
            if publishes {
                events_wakeup.notify_one();
            }
            committed
        };
        match tokio::spawn(committing.instrument(Span::current())).await {
            Ok(committed) => committed,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Unavailable("the host is ending".to_owned()).into()),
        }
    }
}
