//! Asks providers about subscriptions that should have changed by now: a webhook may have been lost.
//!
//! A subscription's period, or its scheduled cancellation, has ended, and nothing was heard. The provider is asked, as for a
//! refresh, and what it says is taken in, with the events about that.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillgate_domain::{ProviderAccountId, Subscription, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bounds::{ASKED_AGAIN_AFTER_FAILURE_MS, ASKED_AGAIN_AFTER_MS, OVERDUE_AFTER_MS, RECONCILE_BATCH};
use crate::ports::{CommitError, Reconciled, ReconciliationOutcome, StoreError, UnitOfWork, Write};
use crate::{Application, ApplicationError, RetrieveSubscription, retrieve_subscription};

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconciledSubscriptions {
    /// They stand with the provider as they do here.
    pub agreed: usize,
    /// Something had been missed, and was taken in.
    pub healed: usize,
    /// The provider gave no answer; it is asked again.
    pub failed: usize,
}

impl ReconciledSubscriptions {
    const fn asked(self) -> usize {
        self.agreed + self.healed + self.failed
    }

    const fn add(&mut self, more: Self) {
        self.agreed += more.agreed;
        self.healed += more.healed;
        self.failed += more.failed;
    }
}

/// Asks about every subscription that is overdue, those of one account one after the other, until none is or `stop` is
/// canceled. An account whose provider gives no answer is left alone for this time.
///
/// # Errors
/// The store failed.
#[tracing::instrument(name = "reconcile_subscriptions", skip_all)]
pub async fn reconcile_subscriptions(
    app: &Arc<Application>,
    stop: &CancellationToken,
) -> Result<ReconciledSubscriptions, ApplicationError> {
    let mut total = ReconciledSubscriptions::default();
    while !stop.is_cancelled() {
        let now = app.now();
        let mut by_account: BTreeMap<ProviderAccountId, Vec<Subscription>> = BTreeMap::new();
        let ended_before = now.plus_millis(-OVERDUE_AFTER_MS);
        let asked_before = now.plus_millis(-ASKED_AGAIN_AFTER_MS);
        let store = app.store();
        for overdue in store
            .overdue_subscriptions(ended_before, asked_before, RECONCILE_BATCH)
            .await?
        {
            by_account.entry(overdue.account_id).or_default().push(overdue);
        }
        let mut running = JoinSet::new();
        for overdue in by_account.into_values() {
            running.spawn(ask_about_each(Arc::clone(app), overdue, stop.clone()));
        }
        let mut round = ReconciledSubscriptions::default();
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(reconciled) => round.add(reconciled?),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
        total.add(round);
        // What failed is overdue still, for another round.
        if round.asked() == round.failed {
            break;
        }
    }
    Ok(total)
}

async fn ask_about_each(
    app: Arc<Application>,
    overdue: Vec<Subscription>,
    stop: CancellationToken,
) -> Result<ReconciledSubscriptions, ApplicationError> {
    let mut total = ReconciledSubscriptions::default();
    for subscription in overdue {
        if stop.is_cancelled() {
            break;
        }
        let Some(outcome) = ask_about(&app, &subscription).await? else {
            continue;
        };
        app.metrics().reconciled(Reconciled::Subscription, outcome);
        match outcome {
            ReconciliationOutcome::Agreed => total.agreed += 1,
            ReconciliationOutcome::Healed => total.healed += 1,
            ReconciliationOutcome::Failed => {
                total.failed += 1;
                break;
            }
        }
    }
    Ok(total)
}

/// Asks about one. None if another host does.
async fn ask_about(
    app: &Arc<Application>,
    subscription: &Subscription,
) -> Result<Option<ReconciliationOutcome>, ApplicationError> {
    let now = app.now();
    let asked_before = now.plus_millis(-ASKED_AGAIN_AFTER_MS);
    // Until there is an answer it counts as asked about some hours ago: due again soon, should this host die.
    let for_now = asked_before.plus_millis(ASKED_AGAIN_AFTER_FAILURE_MS);
    if !note(app, subscription, for_now, asked_before).await? {
        return Ok(None);
    }
    let query = RetrieveSubscription {
        tenant_id: subscription.tenant_id,
        subscription_id: subscription.id,
        refresh: true,
    };
    let told = retrieve_subscription(app, query).await;
    let known = app
        .store()
        .subscription(subscription.tenant_id, subscription.id)
        .await?;
    let outcome = match told {
        Err(ApplicationError::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(subscription.id = %subscription.id, %error, "an overdue subscription could not be asked about");
            return Ok(Some(ReconciliationOutcome::Failed));
        }
        Ok(_) if known.is_some_and(|known| differs(&known, subscription)) => ReconciliationOutcome::Healed,
        Ok(_) => ReconciliationOutcome::Agreed,
    };
    note(app, subscription, now, now).await?;
    if outcome == ReconciliationOutcome::Healed {
        tracing::info!(subscription.id = %subscription.id, "what a webhook should have told was asked for");
    }
    Ok(Some(outcome))
}

/// Whether it is another than before for its tenant, and not only heard of later.
fn differs(known: &Subscription, before: &Subscription) -> bool {
    known.status() != before.status() || known.terms() != before.terms()
}

/// Notes when it was asked about. False if another host did meanwhile.
async fn note(
    app: &Application,
    subscription: &Subscription,
    at: Timestamp,
    asked_before: Timestamp,
) -> Result<bool, StoreError> {
    let mut work = UnitOfWork::new();
    work.push(Write::AskedAbout {
        subscription_id: subscription.id,
        at,
        asked_before,
    });
    match app.commit(work).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
    }
}
