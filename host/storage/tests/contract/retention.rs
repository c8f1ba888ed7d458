//! What is removed after its time, and what never is.

use tillgate_application::account::SealedSecret;
use tillgate_application::import::{Import, ImportStatus};
use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus};
use tillgate_application::operation::{IdempotencyKey, IdempotencyRecord, Operation, OperationStatus};
use tillgate_application::ports::{Expiring, Write};
use tillgate_domain::{ImportId, InboxId, OperationId, ProviderAccountId};

use crate::given::{ACCOUNT, Shared, TENANT, account, at, begin, commit, page};
use crate::inbox::webhook;
use crate::journal::{exchange, operation};

crate::on_every_store! {
    webhooks_are_removed_when_they_are_past_and_never_while_they_are_pending,
    so_many_are_removed_at_a_time_oldest_first,
    a_dedupe_key_outlives_its_webhook,
    what_an_operation_left_is_removed_and_never_while_it_is_open,
    expired_secrets_and_ended_imports_are_removed,
}

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn left(database: &Shared) -> Vec<u128> {
    let all = database
        .inbox_entries(&InboxFilter::default(), &page(100, None))
        .await
        .unwrap();
    all.items.iter().map(|row| row.id.bits() & 0xff).collect()
}

fn ended(number: u128, received: i64, status: InboxStatus, at_millis: i64) -> InboxEntry {
    InboxEntry {
        processed_at: Some(at(at_millis)),
        next_attempt_at: at(at_millis),
        ..webhook(number, received, status)
    }
}

async fn webhooks_are_removed_when_they_are_past_and_never_while_they_are_pending(database: &Shared) {
    begin(database).await;
    let writes = [
        ended(1, DAY, InboxStatus::Pending, DAY),
        ended(2, DAY, InboxStatus::Processed, 10 * DAY - 1),
        ended(3, DAY, InboxStatus::Processed, 10 * DAY),
        ended(4, DAY, InboxStatus::Dead, 10 * DAY - 1),
        ended(5, DAY, InboxStatus::Dead, 10 * DAY),
        ended(6, DAY, InboxStatus::Conflicting, DAY),
        ended(7, 9 * DAY, InboxStatus::Processed, 9 * DAY),
    ];
    commit(database, writes.map(Write::Inbox)).await.unwrap();
    let processed = database.remove(Expiring::ProcessedWebhooks, at(10 * DAY), 100).await;
    assert_eq!(processed.unwrap(), 2);
    assert_eq!(left(database).await, [1, 3, 4, 5, 6]);
    assert_eq!(
        database
            .remove(Expiring::DeadWebhooks, at(10 * DAY), 100)
            .await
            .unwrap(),
        2
    );
    assert_eq!(left(database).await, [1, 3, 5]);
    for what in Expiring::ALL {
        database.remove(*what, at(10_000 * DAY), 100).await.unwrap();
    }
    assert_eq!(left(database).await, [1], "what is pending stays");
}

async fn so_many_are_removed_at_a_time_oldest_first(database: &Shared) {
    begin(database).await;
    let entries = [1, 2, 3, 4, 5].map(|number| ended(number, DAY, InboxStatus::Processed, DAY));
    commit(database, entries.map(Write::Inbox)).await.unwrap();
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let rows = database.remove(Expiring::ProcessedWebhooks, at(10 * DAY), 2).await;
        rounds.push((rows.unwrap(), left(database).await));
    }
    assert_eq!(rounds, [(2, vec![3, 4, 5]), (2, vec![5]), (1, vec![]), (0, vec![])]);
}

async fn a_dedupe_key_outlives_its_webhook(database: &Shared) {
    begin(database).await;
    let kept = ended(1, DAY, InboxStatus::Processed, 20 * DAY);
    let key = |name: &str, inbox_id: InboxId, time: i64| Write::EventKey {
        account_id: ACCOUNT,
        dedupe_key: name.to_owned(),
        inbox_id,
        digest: None,
        at: at(time),
    };
    let writes = [
        key("evt_kept", kept.id, DAY),
        key("evt_old", InboxId::from_bits(9), DAY),
        key("evt_new", InboxId::from_bits(9), 10 * DAY),
        Write::Inbox(kept),
    ];
    commit(database, writes).await.unwrap();
    let known = async || {
        let asked = ["evt_kept", "evt_new", "evt_old"].map(str::to_owned);
        let known = database.known_events(ACCOUNT, &asked).await.unwrap();
        known.into_iter().map(|event| event.dedupe_key).collect::<Vec<_>>()
    };
    assert_eq!(
        database.remove(Expiring::EventKeys, at(10 * DAY), 100).await.unwrap(),
        1
    );
    assert_eq!(known().await, ["evt_kept", "evt_new"]);
    assert_eq!(
        database
            .remove(Expiring::ProcessedWebhooks, at(30 * DAY), 100)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        database.remove(Expiring::EventKeys, at(10 * DAY), 100).await.unwrap(),
        1
    );
    assert_eq!(known().await, ["evt_new"]);
}

fn old(number: u128, status: OperationStatus, updated: i64) -> Operation {
    let made = u128::from(DAY.unsigned_abs()) << 80;
    Operation {
        id: OperationId::from_bits(made | number),
        updated_at: at(updated),
        ..operation(number, status, i64::MAX)
    }
}

async fn what_an_operation_left_is_removed_and_never_while_it_is_open(database: &Shared) {
    begin(database).await;
    let operations = [
        old(1, OperationStatus::Running, DAY),
        old(2, OperationStatus::UnknownOutcome, DAY),
        old(3, OperationStatus::Succeeded, DAY),
        old(4, OperationStatus::Failed, DAY),
        old(5, OperationStatus::NotSent, DAY),
        old(6, OperationStatus::Succeeded, 10 * DAY),
    ];
    let record = |operation: &Operation| {
        Write::IdempotencyKey(IdempotencyRecord {
            owner: TENANT.to_string(),
            key: IdempotencyKey {
                key: operation.id.to_string(),
                fingerprint: [3; 32],
            },
            operation_id: Some(operation.id),
            answer: None,
            created_at: at(DAY),
        })
    };
    let journal = |operation: &Operation, index: u32| Write::Exchange {
        operation_id: operation.id,
        index,
        exchange: exchange("/a", None),
    };
    for operation in &operations {
        let writes = [
            Write::Operation(operation.clone()),
            record(operation),
            journal(operation, 0),
            journal(operation, 1),
        ];
        commit(database, writes).await.unwrap();
    }
    let is_there = async |what: &str| {
        let mut found = Vec::new();
        for (number, operation) in (1_u8..).zip(&operations) {
            let there = match what {
                "key" => {
                    let key = operation.id.to_string();
                    database
                        .idempotency_record(&TENANT.to_string(), &key)
                        .await
                        .unwrap()
                        .is_some()
                }
                "journal" => !database.exchanges(operation.id).await.unwrap().is_empty(),
                _ => database.operation(operation.id).await.unwrap().is_some(),
            };
            if there {
                found.push(number);
            }
        }
        found
    };
    let before = at(10 * DAY);
    assert_eq!(
        database.remove(Expiring::Operations, before, 100).await.unwrap(),
        0,
        "its journal goes first"
    );
    assert_eq!(database.remove(Expiring::Journals, before, 3).await.unwrap(), 3);
    assert_eq!(database.remove(Expiring::Journals, before, 100).await.unwrap(), 3);
    assert_eq!(is_there("journal").await, [1, 2, 6]);
    assert_eq!(
        database.remove(Expiring::IdempotencyKeys, before, 100).await.unwrap(),
        4
    );
    assert_eq!(is_there("key").await, [1, 2]);
    assert_eq!(database.remove(Expiring::Operations, before, 100).await.unwrap(), 3);
    assert_eq!(is_there("operation").await, [1, 2, 6]);
    for what in Expiring::ALL {
        database.remove(*what, at(10_000 * DAY), 100).await.unwrap();
    }
    for what in ["operation", "journal", "key"] {
        assert_eq!(is_there(what).await, [1, 2], "{what}s of what is open stay");
    }
}

async fn expired_secrets_and_ended_imports_are_removed(database: &Shared) {
    begin(database).await;
    let secret = |name: &str, expires_at: Option<i64>| {
        Write::Secret(SealedSecret {
            account_id: ACCOUNT,
            tenant_id: TENANT,
            name: name.to_owned(),
            sealed: vec![1],
            created_at: at(DAY),
            expires_at: expires_at.map(at),
        })
    };
    let import = |number: u128, status: ImportStatus, ended_at: Option<i64>| {
        Write::Import(Import {
            id: ImportId::from_bits(number),
            tenant_id: TENANT,
            account_id: ProviderAccountId::from_bits(2),
            announce: false,
            status,
            cursor: None,
            progress: Vec::new(),
            started_at: at(DAY),
            updated_at: at(DAY),
            ended_at: ended_at.map(at),
            version: 0,
        })
    };
    let writes = [
        Write::Account(account(2, TENANT, false)),
        secret("current", None),
        secret("old", Some(2 * DAY)),
        secret("older", Some(2 * DAY - 1)),
        import(1, ImportStatus::Running, None),
        import(2, ImportStatus::Finished, Some(2 * DAY - 1)),
        import(3, ImportStatus::Abandoned, Some(2 * DAY)),
    ];
    commit(database, writes).await.unwrap();
    assert_eq!(
        database
            .remove(Expiring::ExpiredSecrets, at(2 * DAY), 100)
            .await
            .unwrap(),
        1
    );
    let mut names: Vec<String> = Vec::new();
    for secret in database.secrets(ACCOUNT, at(DAY)).await.unwrap() {
        names.push(secret.name);
    }
    assert_eq!(names, ["current", "old"]);
    assert_eq!(
        database.remove(Expiring::EndedImports, at(2 * DAY), 100).await.unwrap(),
        1
    );
    let mut left = Vec::new();
    for number in 1..=3 {
        if database.import(ImportId::from_bits(number)).await.unwrap().is_some() {
            left.push(number);
        }
    }
    assert_eq!(left, [1, 3]);
}
