//! Changes on PostgreSQL: `LISTEN` and `NOTIFY` (<https://www.postgresql.org/docs/current/sql-notify.html>).

use std::convert::Infallible;

use async_trait::async_trait;
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tillgate_application::ports::{Announcement, Change, FollowChanges, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::queries::Repository;
use super::{ANNOUNCE, SESSION};
use crate::bounds;
use crate::failures::query_failed;

/// Where changes are told. [`ANNOUNCE`] names it too.
const CHANNEL: &str = "tillgate_changes";

/// What a heartbeat begins with, before the process id of the connection that is to hear it.
const HEARTBEAT: &str = "heartbeat:";

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
    // What is told through another connection has to be heard on this one. Where a pool of transactions stands between,
    // `LISTEN` succeeds, and nothing is ever heard.
    let heartbeat = format!("{HEARTBEAT}{own}");
    let mut unheard_since = None;
    let mut following = None;
    let mut look = interval(bounds::HEARTBEAT);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let silence = async {
            match unheard_since {
                Some(since) => sleep_until(since + bounds::HEARTBEAT_TIMEOUT).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = listener.try_recv() => match heard.map_err(failed)? {
                Some(told) if told.payload() == heartbeat => {
                    unheard_since = None;
                    if following.is_none() {
                        following = Some(announcements.follow());
                        heed(Announcement::Following);
                    }
                }
                // What this connection tells is this process's own.
                Some(told) if told.process_id() == u32::try_from(own).unwrap_or_default() => {}
                Some(told) => {
                    let words = told.payload().split_ascii_whitespace();
                    for change in words.filter(|word| !word.starts_with(HEARTBEAT)) {
                        heed(Announcement::Changed(Change::from(change)));
                    }
                }
                None => return Err(StoreError::Unavailable("the connection was lost".to_owned())),
            },
            () = announcements.something_to_tell(), if following.is_some() => {
                let changes = announcements.take();
                if let Err(error) = tell(&mut listener, &changes).await {
                    // Told when there is a connection again.
                    announcements.committed(changes);
                    return Err(error);
                }
            }
            _ = look.tick() => {
                unheard_since.get_or_insert(Instant::now());
                let told = sqlx::query(ANNOUNCE.unwrap_or_default()).bind(&heartbeat).execute(repository.pool());
                timeout(bounds::HEARTBEAT_TIMEOUT, told)
                    .await
                    .map_err(|_| StoreError::Unavailable("the database went silent".to_owned()))?
                    .map_err(failed)?;
            }
            () = silence => {
                let reason = "what is told isn't heard: the connection went silent, or a pool of transactions stands between";
                return Err(StoreError::Unavailable(reason.to_owned()));
            }
        }
    }
}

/// Tells of changes, many at a time.
async fn tell(listener: &mut PgListener, changes: &[Change]) -> Result<(), StoreError> {
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
