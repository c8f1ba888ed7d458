//! Opening, migrating and reopening.

use std::task::Poll;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tillgate_application::ports::{
    Commit as _, CommitError, CustomerRepository as _, DirectoryRepository as _, Store as _, StoreError, UnitOfWork,
    Write,
};
use tillgate_storage::{Database, DatabaseOptions, OpenError};

use crate::given::{Place, TENANT, begin, commit, customer, shared, tenant};

/// Runs SQL on a database past the ports.
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

async fn both() -> [Place; 2] {
    [Place::sqlite(), Place::postgres().await]
}

#[tokio::test]
async fn migrations_are_pending_once() {
    for place in both().await {
        let database = place.open().await;
        assert_eq!(database.pending_migrations().await.unwrap(), ALL);
        assert_eq!(database.migrate().await.unwrap().applied, ALL);
        assert!(database.pending_migrations().await.unwrap().is_empty());
        assert!(database.migrate().await.unwrap().applied.is_empty());
        database.close().await;
        place.remove().await;
    }
}

/// Every migration, in order.
const ALL: [&str; 9] = [
    "0001_initial",
    "0002_open_operations",
    "0003_refunds_by_payment",
    "0004_one_change_at_a_time",
    "0005_imports",
    "0006_lists_by_customer",
    "0007_dead_letters",
    "0008_event_delivery",
    "0009_asked_about",
];

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    for place in both().await {
        let database = place.migrated().await;
        begin(&shared(&database)).await;
        database.close().await;
        let again = place.open().await;
        assert!(again.customer(TENANT, customer(1).id).await.unwrap().is_some());
        again.close().await;
        place.remove().await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for place in both().await {
        let database = place.migrated().await;
        let checksum = if place.url.starts_with("sqlite:") {
            "x''"
        } else {
            "''::bytea"
        };
        let sql = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', true, {checksum}, 0)"
        );
        execute(&place, &sql).await;
        let newer = OpenError::NewerSchema {
            name: "9999_later".to_owned(),
        };
        assert_eq!(database.pending_migrations().await, Err(newer.clone()));
        assert_eq!(database.migrate().await, Err(newer));
        database.close().await;
        place.remove().await;
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_names_its_table_and_column() {
    for place in both().await {
        let database = place.migrated().await;
        commit(&shared(&database), [Write::Tenant(tenant(TENANT))])
            .await
            .unwrap();
        execute(&place, "UPDATE tenants SET mode = 'odd'").await;
        let Err(StoreError::Corrupt(reason)) = database.tenant(TENANT).await else {
            panic!("it was understood")
        };
        assert!(
            reason.contains("tenants.mode of row") && reason.contains(&TENANT.to_string()),
            "{reason}"
        );
        database.close().await;
        place.remove().await;
    }
}

#[tokio::test]
async fn a_read_only_file_can_be_read_and_not_written() {
    let place = Place::sqlite();
    let writable = place.migrated().await;
    begin(&shared(&writable)).await;
    writable.close().await;
    let url = format!("{}?mode=ro", place.url);
    let database = Database::connect(&DatabaseOptions::new(&url)).await.unwrap();
    assert!(database.pending_migrations().await.unwrap().is_empty());
    assert!(database.customer(TENANT, customer(1).id).await.unwrap().is_some());
    let refused = commit(&shared(&database), [Write::Customer(customer(2))]).await;
    assert!(
        matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    assert!(matches!(database.ping().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    std::fs::write(
        &file,
        "not a database, but long enough to be looked at as one ".repeat(40),
    )
    .unwrap();
    let url = format!("sqlite://{}", file.display());
    let error = Database::connect(&DatabaseOptions::new(&url)).await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    let missing = format!("sqlite://{}/none/x.db", directory.path().display());
    let error = Database::connect(&DatabaseOptions::new(&missing)).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    for url in ["sqlite::memory:", "mysql://root:hunter2@localhost/x", "nonsense"] {
        let error = Database::connect(&DatabaseOptions::new(url)).await.unwrap_err();
        assert!(matches!(error, OpenError::Url(_)), "{error}");
    }
}

#[tokio::test]
async fn no_error_holds_a_password() {
    for url in [
        "postgres://tillgate:hunter2@127.0.0.1:1/none",
        "postgres://tillgate:hunter2@127.0.0.1:port/none",
    ] {
        let options = DatabaseOptions::new(url);
        let error = Database::connect(&options).await.unwrap_err();
        assert!(!format!("{error} {error:?} {options:?}").contains("hunter2"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::sqlite();
    place.migrated().await.close().await;
    let file = place.url.trim_start_matches("sqlite://");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_connection_that_broke_while_idle_is_replaced() {
    let place = Place::postgres().await;
    let database = place.migrated().await;
    begin(&shared(&database)).await;
    execute(
        &place,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    for number in 2..12 {
        commit(&shared(&database), [Write::Customer(customer(number))])
            .await
            .unwrap();
    }
    assert!(database.customer(TENANT, customer(11).id).await.unwrap().is_some());
    place.remove().await;
}

#[tokio::test]
async fn a_statement_that_fails_leaves_the_writer_usable() {
    let place = Place::postgres().await;
    let database = place.migrated().await;
    begin(&shared(&database)).await;
    execute(&place, "ALTER TABLE customers RENAME TO gone").await;
    let refused = commit(&shared(&database), [Write::Customer(customer(2))]).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    execute(&place, "ALTER TABLE gone RENAME TO customers").await;
    commit(&shared(&database), [Write::Customer(customer(2))])
        .await
        .unwrap();
    place.remove().await;
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_then_is_not() {
    let place = Place::sqlite();
    let database = place.migrated().await;
    begin(&shared(&database)).await;
    let mut other = SqliteConnection::connect(&place.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = commit(&shared(&database), [Write::Customer(customer(2))]).await;
    assert!(
        matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    // Reading goes on meanwhile.
    assert!(database.tenant(TENANT).await.unwrap().is_some());
    other.execute("ROLLBACK").await.unwrap();
    commit(&shared(&database), [Write::Customer(customer(2))])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_commit_outlives_its_caller() {
    for place in both().await {
        let database = place.migrated().await;
        begin(&shared(&database)).await;
        let mut work = UnitOfWork::new();
        work.push(Write::Customer(customer(2)));
        {
            let mut committing = database.commit(work);
            // Polled once, so that it is in the queue, and dropped.
            let polled = std::future::poll_fn(|context| Poll::Ready(committing.as_mut().poll(context))).await;
            assert!(polled.is_pending());
        }
        // Closing waits for what is in the queue.
        database.close().await;
        let again = place.open().await;
        assert!(again.customer(TENANT, customer(2).id).await.unwrap().is_some());
        again.close().await;
        place.remove().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_the_right_to_write_is_read_whoever_asks() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::sqlite();
    let writable = place.migrated().await;
    begin(&shared(&writable)).await;
    writable.close().await;
    let file = place.url.trim_start_matches("sqlite://");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o400)).unwrap();
    let database = place.open().await;
    assert!(database.customer(TENANT, customer(1).id).await.unwrap().is_some());
    let refused = commit(&shared(&database), [Write::Customer(customer(2))]).await;
    assert!(
        matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_error_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    std::fs::write(
        &file,
        "not a database, but long enough to be looked at as one ".repeat(40),
    )
    .unwrap();
    let place = Place::postgres().await;
    let gone = place.url.clone();
    place.remove().await;
    let cases = [
        (format!("sqlite://{}", file.display()), "Name another file in the URL"),
        (
            format!("sqlite://{}/none/x.db", directory.path().display()),
            "Create it, or name another file",
        ),
        (format!("sqlite://{}", directory.path().display()), "it is a directory"),
        (gone, "CREATE DATABASE"),
        ("postgres://tillgate@127.0.0.1:1/none".to_owned(), "Start the server"),
    ];
    for (url, advice) in cases {
        let error = Database::connect(&DatabaseOptions::new(&url)).await.unwrap_err();
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_closed_database_says_so() {
    for place in both().await {
        let database = place.migrated().await;
        begin(&shared(&database)).await;
        database.ping().await.unwrap();
        database.close().await;
        let refused = commit(&shared(&database), [Write::Customer(customer(2))]).await;
        assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
        assert!(database.ping().await.is_err());
        place.remove().await;
    }
}
