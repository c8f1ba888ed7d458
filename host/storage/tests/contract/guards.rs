//! All or nothing, and what stands against a commit.

use tillgate_application::inbox::{KnownEvent, OutboxEvent};
use tillgate_application::operation::{IdempotencyKey, IdempotencyRecord};
use tillgate_application::ports::{CommitError, Conflict, CustomerFilter, Write};
use tillgate_domain::{EventId, InboxId};

use crate::given::{
    ACCOUNT, Shared, TENANT, at, begin, commit, customer, page, stored, subscription, version_conflict,
};

crate::on_every_store! {
    a_version_is_saved_once,
    nothing_is_written_of_what_fails,
    one_of_racing_event_keys_wins,
    one_of_racing_idempotency_keys_wins,
    many_commits_at_once_are_all_answered,
    a_failing_unit_takes_no_other_with_it,
    what_is_referred_to_exists,
}

crate::on_databases! {
    text_with_a_nul_is_refused,
    asking_for_a_nul_finds_nothing,
}

async fn a_version_is_saved_once(database: &Shared) {
    begin(database).await;
    assert_eq!(
        commit(database, [Write::Customer(customer(1))]).await,
        version_conflict("customer")
    );
    let mut known = database.customer(TENANT, customer(1).id).await.unwrap().unwrap();
    assert_eq!(known, stored(&customer(1), |customer| customer.version = 1));
    known.email = None;
    commit(database, [Write::Customer(known.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Customer(known.clone())]).await,
        version_conflict("customer")
    );
    known.version = 9;
    assert_eq!(
        commit(database, [Write::Customer(known)]).await,
        version_conflict("customer")
    );
    let now = database
        .customer_by_provider_reference(ACCOUNT, "cus_1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((now.version, now.email), (2, None));
    // Another customer with the provider's same id.
    let mut same = customer(2);
    same.provider_reference = "cus_1".to_owned();
    assert_eq!(
        commit(database, [Write::Customer(same)]).await,
        version_conflict("customer")
    );
}

async fn nothing_is_written_of_what_fails(database: &Shared) {
    begin(database).await;
    let writes = [Write::Customer(customer(2)), event(1), Write::Customer(customer(1))];
    assert_eq!(commit(database, writes).await, version_conflict("customer"));
    assert_eq!(database.customer(TENANT, customer(2).id).await.unwrap(), None);
    assert!(database.unordered_events(10).await.unwrap().is_empty());
    // The same can be committed later.
    commit(database, [Write::Customer(customer(2)), event(1)])
        .await
        .unwrap();
}

fn event(number: u128) -> Write {
    Write::Event(OutboxEvent {
        id: EventId::from_bits(number),
        tenant_id: TENANT,
        event_type: "customer.created".to_owned(),
        aggregate_id: "cus_x".to_owned(),
        subject: "cus_x".to_owned(),
        position: None,
        payload: "{}".to_owned(),
        created_at: at(1),
    })
}

async fn race(database: &Shared, write: Write) -> (usize, Vec<CommitError>) {
    let tasks: Vec<_> = (0..20)
        .map(|number: u128| {
            let (database, write) = (database.clone(), write.clone());
            tokio::spawn(async move { commit(&database, [write, Write::Customer(customer(100 + number))]).await })
        })
        .collect();
    let (mut won, mut lost) = (0, Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => lost.push(error),
        }
    }
    (won, lost)
}

async fn one_of_racing_event_keys_wins(database: &Shared) {
    begin(database).await;
    let key = |name: &str| Write::EventKey {
        account_id: ACCOUNT,
        dedupe_key: name.to_owned(),
        inbox_id: InboxId::from_bits(1),
        digest: Some([7; 32]),
        at: at(1),
    };
    let (won, lost) = race(database, key("evt_1")).await;
    assert_eq!((won, lost.len()), (1, 19));
    let duplicate = CommitError::Conflict(Conflict::DuplicateEvent {
        dedupe_key: "evt_1".to_owned(),
    });
    assert!(lost.iter().all(|error| *error == duplicate), "{lost:?}");
    let asked = ["evt_0".to_owned(), "evt_1".to_owned()];
    let known = KnownEvent {
        dedupe_key: "evt_1".to_owned(),
        inbox_id: InboxId::from_bits(1),
        digest: Some([7; 32]),
    };
    assert_eq!(database.known_events(ACCOUNT, &asked).await.unwrap(), [known]);
    let customers = database
        .customers(TENANT, &CustomerFilter::default(), &page(100, None))
        .await
        .unwrap();
    assert_eq!(customers.items.len(), 2, "the losers wrote nothing");
}

async fn one_of_racing_idempotency_keys_wins(database: &Shared) {
    begin(database).await;
    let record = IdempotencyRecord {
        owner: TENANT.to_string(),
        key: IdempotencyKey {
            key: "k".to_owned(),
            fingerprint: [3; 32],
        },
        operation_id: None,
        answer: Some(vec![0, 1, 255]),
        created_at: at(4),
    };
    let (won, lost) = race(database, Write::IdempotencyKey(record.clone())).await;
    assert_eq!((won, lost.len()), (1, 19));
    assert!(
        lost.iter()
            .all(|error| *error == CommitError::Conflict(Conflict::IdempotencyKey)),
        "{lost:?}"
    );
    assert_eq!(
        database.idempotency_record(&record.owner, "k").await.unwrap(),
        Some(record)
    );
    assert_eq!(database.idempotency_record("operator", "k").await.unwrap(), None);
}

async fn many_commits_at_once_are_all_answered(database: &Shared) {
    begin(database).await;
    let tasks: Vec<_> = (0..200)
        .map(|number: u128| {
            let database = database.clone();
            tokio::spawn(
                async move { commit(&database, [Write::Customer(customer(1000 + number)), event(number)]).await },
            )
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(database.unordered_events(1_000).await.unwrap().len(), 200);
}

async fn a_failing_unit_takes_no_other_with_it(database: &Shared) {
    begin(database).await;
    let tasks: Vec<_> = (0..60)
        .map(|number: u128| {
            let database = database.clone();
            // Every third is there already.
            let id = if number.is_multiple_of(3) { 1 } else { 500 + number };
            tokio::spawn(async move {
                (
                    id,
                    commit(&database, [event(number), Write::Customer(customer(id))]).await,
                )
            })
        })
        .collect();
    for task in tasks {
        let (id, result) = task.await.unwrap();
        let expected = if id == 1 { version_conflict("customer") } else { Ok(()) };
        assert_eq!(result, expected);
    }
    assert_eq!(database.unordered_events(100).await.unwrap().len(), 40);
}

async fn text_with_a_nul_is_refused(database: &Shared) {
    begin(database).await;
    let mut bad = customer(2);
    bad.email = Some("a\0b".to_owned());
    let refused = commit(database, [Write::Customer(bad)]).await;
    assert_eq!(
        refused,
        Err(CommitError::Conflict(Conflict::Reference("text with a NUL character")))
    );
}

async fn asking_for_a_nul_finds_nothing(database: &Shared) {
    begin(database).await;
    assert_eq!(
        database.customer_by_provider_reference(ACCOUNT, "a\0b").await.unwrap(),
        None
    );
    assert!(
        database
            .known_events(ACCOUNT, &["a\0b".to_owned()])
            .await
            .unwrap()
            .is_empty()
    );
}

async fn what_is_referred_to_exists(database: &Shared) {
    begin(database).await;
    let refused = commit(database, [Write::Subscription(subscription(1, 77))]).await;
    assert_eq!(refused, Err(CommitError::Conflict(Conflict::Reference("subscription"))));
}
