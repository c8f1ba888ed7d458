//! Several processes on one database: what one changes, the others hear of.

use std::convert::Infallible;

use sqlx::{Connection as _, PgConnection};
use tillgate_application::account::SealedSecret;
use tillgate_application::ports::{Announcement, Change, FollowChanges as _, StoreError, Write};
use tillgate_domain::{ApiKeyId, CustomerId};
use tillgate_storage::Database;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::given::{ACCOUNT, Place, TENANT, at, begin, commit, customer, shared, subscription};

/// Follows, and answers what is heard from then on.
async fn follow(
    database: &Database,
) -> (
    JoinHandle<Result<Infallible, StoreError>>,
    UnboundedReceiver<Announcement>,
) {
    let (sender, mut receiver) = unbounded_channel();
    let database = database.clone();
    let task = tokio::spawn(async move {
        let heed = move |announcement| {
            let _nobody_listens = sender.send(announcement);
        };
        database.follow_changes(&heed).await
    });
    assert_eq!(receiver.recv().await, Some(Announcement::Following));
    (task, receiver)
}

fn secret() -> Write {
    Write::Secret(SealedSecret {
        account_id: ACCOUNT,
        tenant_id: TENANT,
        name: "api_key".to_owned(),
        sealed: b"sealed".to_vec(),
        created_at: at(1),
        expires_at: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_tells_what_was_changed() {
    let place = Place::postgres().await;
    let (here, there) = (place.migrated().await, place.open().await);
    let (writing, other) = (shared(&here), shared(&there));
    begin(&writing).await;
    let (_following, mut heard) = follow(&there).await;
    let mut next = async || heard.recv().await.unwrap();

    // A process that doesn't follow tells with its commit.
    commit(&writing, [Write::Subscription(subscription(1, 1)), secret()])
        .await
        .unwrap();
    let of = |number| Announcement::Changed(Change::SubscriptionsOf(CustomerId::from_bits(number)));
    assert_eq!(next().await, of(1));
    assert_eq!(next().await, Announcement::Changed(Change::Account(ACCOUNT)));

    // One that does tells of subscriptions soon after, and of what operators configure with the commit.
    let (_also, _) = follow(&here).await;
    commit(
        &writing,
        [Write::Customer(customer(2)), Write::Subscription(subscription(2, 2))],
    )
    .await
    .unwrap();
    assert_eq!(next().await, of(2));
    let revoked = Write::RevokeApiKey {
        tenant_id: TENANT,
        id: ApiKeyId::from_bits(1),
        at: at(1),
    };
    commit(&writing, [revoked]).await.unwrap();
    assert_eq!(next().await, Announcement::Changed(Change::ApiKeysOf(TENANT)));

    // What isn't committed isn't told, and nor is one's own.
    commit(&writing, [Write::Subscription(subscription(2, 1)), secret()])
        .await
        .unwrap_err();
    commit(&other, [Write::Subscription(subscription(3, 1))]).await.unwrap();
    let sub_4 = Write::Subscription(subscription(4, 2));
    commit(&writing, [sub_4]).await.unwrap();
    assert_eq!(next().await, of(2));
    here.close().await;
    there.close().await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_noticed() {
    let place = Place::postgres().await;
    let database = place.migrated().await;
    let (following, _heard) = follow(&database).await;
    let mut operator = PgConnection::connect(&place.url).await.unwrap();
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    ended.execute(&mut operator).await.unwrap();
    let Err(StoreError::Unavailable(_)) = following.await.unwrap() else {
        panic!("the database is well")
    };
    follow(&database).await;
    operator.close().await.unwrap();
    database.close().await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_seen_to_be_changed_by_another_process() {
    let place = Place::sqlite();
    let (here, there) = (place.migrated().await, place.open().await);
    let writing = shared(&here);
    let (following, mut heard) = follow(&there).await;
    // What was there before is news to who begins to look.
    let anything = Some(Announcement::Changed(Change::Anything));
    assert_eq!(heard.recv().await, anything);
    begin(&writing).await;
    assert_eq!(heard.recv().await, anything);
    commit(&writing, [Write::Subscription(subscription(1, 1))])
        .await
        .unwrap();
    assert_eq!(heard.recv().await, anything);
    there.close().await;
    assert!(matches!(following.await.unwrap(), Err(StoreError::Unavailable(_))));
    here.close().await;
}
