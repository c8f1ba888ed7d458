//! A schema that goes on while hosts run, and what every question costs.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tillgate_application::ports::{
    CustomerFilter, CustomerRepository as _, EventRepository as _, SubscriptionRepository as _, Write,
};
use tillgate_storage::Database;

use crate::given::{ACCOUNT, Place, TENANT, begin, commit, customer, page, shared, subscription};

async fn execute(place: &Place, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if place.url.starts_with("sqlite:") {
        SqliteConnection::connect(&place.url)
            .await
            .unwrap()
            .execute(sql)
            .await
            .unwrap();
    } else {
        PgConnection::connect(&place.url)
            .await
            .unwrap()
            .execute(sql)
            .await
            .unwrap();
    }
}

/// The next release's migration adds columns while this release's hosts have prepared their statements.
async fn goes_on_after_columns_were_added(place: &Place) {
    let database = place.migrated().await;
    begin(&shared(&database)).await;
    commit(&shared(&database), [Write::Subscription(subscription(1, 1))])
        .await
        .unwrap();
    read_all(&database).await;
    for table in ["customers", "subscriptions", "outbox"] {
        execute(place, &format!("ALTER TABLE {table} ADD COLUMN added TEXT")).await;
    }
    // Often enough that every connection of the pool has its turn.
    for _ in 0..20 {
        read_all(&database).await;
    }
    commit(&shared(&database), [Write::Customer(customer(2))])
        .await
        .unwrap();
    database.close().await;
}

async fn read_all(database: &Database) {
    assert!(database.customer(TENANT, customer(1).id).await.unwrap().is_some());
    let found = database.customer_by_provider_reference(ACCOUNT, "cus_1").await.unwrap();
    assert!(found.is_some());
    let found = database.subscription(TENANT, subscription(1, 1).id).await.unwrap();
    assert!(found.is_some());
    assert!(
        !database
            .customers(TENANT, &CustomerFilter::default(), &page(10, None))
            .await
            .unwrap()
            .has_more
    );
    assert!(database.unordered_events(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_added_column_disturbs_no_host_on_sqlite() {
    goes_on_after_columns_were_added(&Place::sqlite()).await;
}

#[tokio::test]
async fn an_added_column_disturbs_no_host_on_postgres() {
    let place = Place::postgres().await;
    goes_on_after_columns_were_added(&place).await;
    place.remove().await;
}

/// Hosts that start at the same time, each with connections of its own.
async fn migrate_at_once(place: &Place) {
    let mut databases = Vec::new();
    for _ in 0..4 {
        databases.push(place.open().await);
    }
    let [a, b, c, d] = databases.as_slice() else {
        panic!("there are four")
    };
    for done in <[_; 4]>::from(tokio::join!(a.migrate(), b.migrate(), c.migrate(), d.migrate())) {
        done.unwrap();
    }
    for database in databases {
        assert!(database.pending_migrations().await.unwrap().is_empty());
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_start_together_migrate_once_on_sqlite() {
    migrate_at_once(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_start_together_migrate_once_on_postgres() {
    let place = Place::postgres().await;
    migrate_at_once(&place).await;
    place.remove().await;
}
