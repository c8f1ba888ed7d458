//! Changes on PostgreSQL: `LISTEN` and `NOTIFY` (<https://www.postgresql.org/docs/current/sql-notify.html>).

use std::convert::Infallible;

use async_trait::async_trait;
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tillgate_application::ports::{Announcement, Change, FollowChanges, StoreError};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::queries::Repository;
use super::{ANNOUNCE, SESSION};
use crate::bounds;
use crate::failures::query_failed;

/// Where changes are told. [`ANNOUNCE`] names it too.
const CHANNEL: &str = "tillgate_changes";

#[async_trait]
impl FollowChanges for Repository {
    async fn follow_changes(&self, heed: &(dyn Fn(Announcement) + Send + Sync)) -> Result<Infallible, StoreError> {
        listen(self, heed).await
    }
}

async fn listen(
    repository: &Repository,
    heed: &(dyn Fn(Announcement) + Send + Sync),
) -> Result<Infallible, StoreError> {
    // A connection of its own, that is not taken from those who read.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(bounds::ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }))
        .connect_lazy_with(repository.pool().connect_options().as_ref().clone());
    let failed = |error: sqlx::Error| query_failed(&error);
    let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(failed)?;
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut listener)
        .await
        .map_err(failed)?;
    let announcements = repository.announcements();
    let _following = announcements.follow();
    heed(Announcement::Following);

    let mut look = interval(bounds::HEARTBEAT);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            heard = listener.try_recv() => match heard.map_err(failed)? {
                // What this connection tells is this process's own.
                Some(told) if told.process_id() == u32::try_from(own).unwrap_or_default() => {}
                Some(told) => {
                    for change in told.payload().split_ascii_whitespace() {
                        heed(Announcement::Changed(Change::from(change)));
                    }
                }
                None => return Err(StoreError::Unavailable("the connection was lost".to_owned())),
            },
            () = announcements.something_to_tell() => tell(&mut listener, announcements.take()).await?,
            // A connection can be gone without anybody saying so.
            _ = look.tick() => {
                let answered = timeout(bounds::HEARTBEAT_TIMEOUT, listener.execute("SELECT 1"));
                answered.await.map_err(|_| StoreError::Unavailable("the connection went silent".to_owned()))?.map_err(failed)?;
            }
        }
    }
}

/// Tells of changes, many at a time.
async fn tell(listener: &mut PgListener, changes: Vec<Change>) -> Result<(), StoreError> {
    let Some(announce) = ANNOUNCE else { return Ok(()) };
    for some in changes.chunks(bounds::ANNOUNCED_AT_ONCE) {
        let payload: Vec<String> = some.iter().map(Change::to_string).collect();
        let told = sqlx::query(announce).bind(payload.join(" ")).execute(&mut *listener);
        timeout(bounds::QUERY_TIMEOUT, told)
            .await
            .map_err(|_| StoreError::Unavailable(bounds::NO_ANSWER.to_owned()))?
            .map_err(|error| query_failed(&error))?;
    }
    Ok(())
}
