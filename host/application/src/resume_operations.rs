//! Goes on with operations whose host died: from their journal, with the same plugin and the same idempotency key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tillgate_domain::{ProviderAccountId, Timestamp};
use tokio::task::JoinSet;

use crate::bounds::RESUME_BATCH;
use crate::operate::resume;
use crate::operation::Operation;
use crate::ports::StoreError;
use crate::{Application, ApplicationError};

/// Resumes operations that nobody runs any more. `at_start` says that no other host shares the database and this one
/// has only just started, so that no operation can be running and no lease has to be waited for.
///
/// Answers how many came to an end.
///
/// # Errors
/// The store failed; what was under way is resumed another time.
pub async fn resume_abandoned_operations(app: &Arc<Application>, at_start: bool) -> Result<usize, ApplicationError> {
    let mut ended = 0;
    let abandoned_at = if at_start {
        Timestamp::from_millis(i64::MAX)
    } else {
        app.now()
    };
    let mut tried = BTreeSet::new();
    loop {
        let mut by_account: BTreeMap<ProviderAccountId, Vec<Operation>> = BTreeMap::new();
        for operation in app.store().abandoned_operations(abandoned_at, RESUME_BATCH).await? {
            if tried.insert(operation.id) {
                by_account.entry(operation.account_id).or_default().push(operation);
            }
        }
        if by_account.is_empty() {
            return Ok(ended);
        }
        // Those of one account one after the other, so that a provider that is slow keeps no other waiting.
        let mut running = JoinSet::new();
        for operations in by_account.into_values() {
            running.spawn(resume_each(Arc::clone(app), operations));
        }
        while let Some(resumed) = running.join_next().await {
            match resumed {
                Ok(resumed) => ended += resumed?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
    }
}

/// Answers how many came to an end.
async fn resume_each(app: Arc<Application>, operations: Vec<Operation>) -> Result<usize, ApplicationError> {
    let mut ended = 0;
    for operation in operations {
        let id = operation.id;
        match resume(&app, operation).await {
            Ok(Some(_)) => ended += 1,
            Ok(None) => {}
            Err(ApplicationError::Store(error @ StoreError::Unavailable(_))) => return Err(error.into()),
            Err(error) => tracing::warn!(operation.id = %id, %error, "operation resumed, and not successful"),
        }
    }
    Ok(ended)
}
