//! Goes on with operations whose host died: from their journal, with the same plugin and the same idempotency key.

use std::sync::Arc;

use crate::bounds::RESUME_BATCH;
use crate::operate::resume;
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
        tillgate_domain::Timestamp::from_millis(i64::MAX)
    } else {
        app.now()
    };
    let mut tried = std::collections::BTreeSet::new();
    loop {
        let abandoned = app.store().abandoned_operations(abandoned_at, RESUME_BATCH).await?;
        let mut progressed = false;
        for operation in abandoned {
            let id = operation.id;
            if !tried.insert(id) {
                continue;
            }
            progressed = true;
            match resume(app, operation).await {
                Ok(Some(_)) => ended += 1,
                Ok(None) => {}
                Err(ApplicationError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::warn!(operation.id = %id, %error, "operation resumed, and not successful"),
            }
        }
        if !progressed {
            return Ok(ended);
        }
    }
}
