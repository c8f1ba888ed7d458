//! What every database has to do, run on each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod changes;
mod directory;
mod events;
mod evolution;
mod filters;
mod given;
mod guards;
mod imports;
mod inbox;
mod journal;
mod money;
mod opening;
mod properties;
mod races;
mod retention;
mod subscriptions;

/// Makes each test once for each database. Each gets one of its own.
macro_rules! on_databases {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::given::Place::sqlite();
                super::$name(&crate::given::shared(&place.migrated().await)).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::given::Place::postgres().await;
                super::$name(&crate::given::shared(&place.migrated().await)).await;
                place.remove().await;
            })*
        }
    };
}
pub(crate) use on_databases;

/// The same, and once more in memory: what use cases are tested on does what databases do.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod on_databases {
            $(use super::$name;)*
            crate::on_databases! { $($name),* }
        }
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let store: crate::given::Shared = std::sync::Arc::new(tillgate_fakes::MemoryStore::default());
                super::$name(&store).await;
            })*
        }
    };
}
pub(crate) use on_every_store;
