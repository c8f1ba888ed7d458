//! What every database has to do, run on each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod directory;
mod evolution;
mod given;
mod guards;
mod journal;
mod money;
mod opening;
mod properties;
mod races;
mod subscriptions;

/// Makes each test twice: on SQLite and on PostgreSQL. Each gets a database of its own.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::given::Place::sqlite();
                super::$name(&place.migrated().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::given::Place::postgres().await;
                super::$name(&place.migrated().await).await;
                place.remove().await;
            })*
        }
    };
}
pub(crate) use on_both;
