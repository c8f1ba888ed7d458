//! Operations with their exchanges, and the inbox.

use tillgate_application::inbox::{InboxEntry, InboxStatus, PluginBuild};
use tillgate_application::operation::{Operation, OperationRequest, OperationStatus};
use tillgate_application::ports::{
    Effect, Exchange, ExchangeMethod, ExchangeOutcome, ExchangeRequest, FailureKind, PortalRequest, ProviderFailure,
    RetryAdvice, WebhookRequest, Write,
};
use tillgate_domain::{InboxId, OperationId, ProviderAccountId, SubscriptionId};

use crate::given::{ACCOUNT, Shared, TENANT, at, begin, commit, version_conflict};

crate::on_every_store! {
    an_operation_is_read_as_it_was_saved,
    abandoned_operations_come_oldest_first,
    exchanges_are_replaced_and_forgotten,
    a_webhook_keeps_its_raw_request,
    due_webhooks_come_oldest_first,
    a_subscription_is_changed_by_one_at_a_time,
}

pub(crate) fn operation(number: u128, status: OperationStatus, lease: i64) -> Operation {
    let request = PortalRequest {
        customer_reference: "cus_1".to_owned(),
        return_url: "https://example.com".to_owned(),
    };
    Operation {
        id: OperationId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        plugin_digest: "cd".repeat(32),
        request: OperationRequest::CreatePortalSession { request },
        status,
        lease_until: at(lease),
        attempts: 1,
        answer: None,
        failure: None,
        created_at: at(1),
        updated_at: at(2),
        version: 0,
    }
}

async fn an_operation_is_read_as_it_was_saved(database: &Shared) {
    begin(database).await;
    let mut operation = operation(1, OperationStatus::Running, 50);
    commit(database, [Write::Operation(operation.clone())]).await.unwrap();
    operation.version = 1;
    assert_eq!(database.operation(operation.id).await.unwrap(), Some(operation.clone()));
    assert_eq!(database.operation(OperationId::from_bits(9)).await.unwrap(), None);
    operation.status = OperationStatus::Failed;
    operation.answer = Some("{\"a\":1}".to_owned());
    operation.failure = Some(ProviderFailure {
        kind: FailureKind::Declined,
        message: "no".to_owned(),
        provider_code: Some("card_declined".to_owned()),
        decline_code: None,
        parameter: None,
        http_status: Some(402),
        request_id: None,
        retry: RetryAdvice::After(5),
    });
    commit(database, [Write::Operation(operation.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Operation(operation.clone())]).await,
        version_conflict("operation")
    );
    operation.version = 2;
    assert_eq!(database.operation(operation.id).await.unwrap(), Some(operation));
}

async fn abandoned_operations_come_oldest_first(database: &Shared) {
    begin(database).await;
    let writes = [
        Write::Operation(operation(1, OperationStatus::Running, 30)),
        Write::Operation(operation(2, OperationStatus::Running, 20)),
        Write::Operation(operation(3, OperationStatus::Running, 40)),
        Write::Operation(operation(4, OperationStatus::UnknownOutcome, 25)),
        Write::Operation(operation(5, OperationStatus::UnknownOutcome, i64::MAX)),
        Write::Operation(operation(6, OperationStatus::NotSent, 10)),
    ];
    commit(database, writes).await.unwrap();
    let numbers = |found: Vec<Operation>| found.iter().map(|operation| operation.id.bits()).collect::<Vec<_>>();
    assert_eq!(
        numbers(database.abandoned_operations(at(40), 10).await.unwrap()),
        [2, 4, 1]
    );
    assert_eq!(
        numbers(database.abandoned_operations(at(i64::MAX), 10).await.unwrap()),
        [2, 4, 1, 3]
    );
    assert_eq!(numbers(database.abandoned_operations(at(41), 1).await.unwrap()), [2]);
    assert!(database.abandoned_operations(at(20), 10).await.unwrap().is_empty());
}

async fn a_subscription_is_changed_by_one_at_a_time(database: &Shared) {
    begin(database).await;
    let change = |number: u128, status, lease| {
        let mut operation = operation(number, status, lease);
        operation.request = OperationRequest::PauseSubscription {
            subscription_id: SubscriptionId::from_bits(7),
            reference: "sub_1".to_owned(),
        };
        operation
    };
    let running = OperationStatus::Running;
    commit(database, [Write::Operation(change(1, running, 30))])
        .await
        .unwrap();
    let second = [Write::Operation(change(2, running, 30))];
    assert_eq!(commit(database, second.clone()).await, version_conflict("operation"));
    let unknown = |version, lease| {
        let mut first = change(1, OperationStatus::UnknownOutcome, lease);
        first.version = version;
        [Write::Operation(first)]
    };
    commit(database, unknown(1, 60)).await.unwrap();
    assert_eq!(commit(database, second.clone()).await, version_conflict("operation"));
    // Nobody goes on with the first any more.
    commit(database, unknown(2, i64::MAX)).await.unwrap();
    commit(database, second).await.unwrap();
}

pub(crate) fn exchange(path: &str, outcome: Option<ExchangeOutcome>) -> Exchange {
    let request = ExchangeRequest {
        method: ExchangeMethod::Post,
        endpoint: "api".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: vec![("a".to_owned(), "b".to_owned())],
        body: Some(vec![0, 255]),
        effect: Effect::IdempotentWrite,
        credential: Some("key".to_owned()),
    };
    Exchange { request, outcome }
}

async fn exchanges_are_replaced_and_forgotten(database: &Shared) {
    begin(database).await;
    let operation_id = OperationId::from_bits(1);
    commit(database, [Write::Operation(operation(1, OperationStatus::Running, 50))])
        .await
        .unwrap();
    let record = |index, exchange| Write::Exchange {
        operation_id,
        index,
        exchange,
    };
    let answered = ExchangeOutcome::Response {
        status: 200,
        headers: vec![("h".to_owned(), vec![200])],
        body: vec![1, 0],
    };
    let writes = [
        record(1, exchange("/b", None)),
        record(0, exchange("/a", None)),
        record(2, exchange("/c", None)),
    ];
    commit(database, writes).await.unwrap();
    commit(database, [record(0, exchange("/a", Some(answered.clone())))])
        .await
        .unwrap();
    let all = [
        exchange("/a", Some(answered)),
        exchange("/b", None),
        exchange("/c", None),
    ];
    assert_eq!(database.exchanges(operation_id).await.unwrap(), all);
    commit(database, [Write::TruncateJournal { operation_id, from: 1 }])
        .await
        .unwrap();
    assert_eq!(database.exchanges(operation_id).await.unwrap(), all[..1]);
}

fn webhook(number: u128, received: i64, next: i64) -> InboxEntry {
    InboxEntry {
        id: InboxId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        request: WebhookRequest {
            method: "POST".to_owned(),
            url: "https://example.com/w".to_owned(),
            query: vec![("q".to_owned(), "a\0b".to_owned())],
            headers: vec![("x-signature".to_owned(), vec![0, 128, 255])],
            body: vec![0, 1, 2, 255, 10, 13],
            remote_ip: Some("2001:db8::1".parse().unwrap()),
            received_at_ms: received,
        },
        fetch_back: true,
        provider_types: "invoice.paid".to_owned(),
        status: InboxStatus::Pending,
        attempts: 0,
        next_attempt_at: at(next),
        error: None,
        failed_with: None,
        journal: Vec::new(),
        plugin_version: None,
        replays: 0,
        received_at: at(received),
        processed_at: None,
        version: 0,
    }
}

async fn a_webhook_keeps_its_raw_request(database: &Shared) {
    begin(database).await;
    let mut entry = webhook(1, 10, 20);
    commit(database, [Write::Inbox(entry.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Inbox(entry.clone())]).await,
        version_conflict("webhook")
    );
    entry.version = 1;
    assert_eq!(database.inbox_entry(entry.id).await.unwrap(), Some(entry.clone()));
    let mut processed = entry.clone();
    processed.request.body = b"something else".to_vec();
    processed.status = InboxStatus::Processed;
    processed.attempts = 3;
    processed.error = Some("at first".to_owned());
    processed.failed_with = Some(PluginBuild {
        name: "stripe".to_owned(),
        version: "1.0.0".to_owned(),
        digest: "ab".repeat(32),
    });
    processed.journal = vec![exchange("/a", None)];
    processed.plugin_version = Some("1.1.0".to_owned());
    processed.replays = 2;
    processed.processed_at = Some(at(30));
    commit(database, [Write::Inbox(processed.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Inbox(processed.clone())]).await,
        version_conflict("webhook")
    );
    processed.version = 2;
    processed.request = entry.request;
    assert_eq!(database.inbox_entry(processed.id).await.unwrap(), Some(processed));
}

async fn due_webhooks_come_oldest_first(database: &Shared) {
    begin(database).await;
    let mut dead = webhook(5, 1, 1);
    dead.status = InboxStatus::Dead;
    let writes = [
        Write::Inbox(webhook(1, 30, 50)),
        Write::Inbox(webhook(2, 10, 60)),
        Write::Inbox(webhook(3, 20, 40)),
        Write::Inbox(webhook(4, 5, 61)),
        Write::Inbox(dead),
    ];
    commit(database, writes).await.unwrap();
    let numbers = |found: Vec<InboxEntry>| found.iter().map(|entry| entry.id.bits()).collect::<Vec<_>>();
    assert_eq!(
        numbers(database.due_inbox_entries(at(60), &[], 10).await.unwrap()),
        [2, 3, 1]
    );
    assert_eq!(
        numbers(database.due_inbox_entries(at(60), &[], 2).await.unwrap()),
        [2, 3]
    );
    assert!(database.due_inbox_entries(at(39), &[], 10).await.unwrap().is_empty());
    let others = [ACCOUNT, ProviderAccountId::from_bits(2)];
    assert!(
        database
            .due_inbox_entries(at(60), &others, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        numbers(database.due_inbox_entries(at(60), &others[1..], 10).await.unwrap()),
        [2, 3, 1]
    );
    assert_eq!(database.inbox_count(InboxStatus::Pending).await.unwrap(), 4);
    assert_eq!(database.inbox_count(InboxStatus::Dead).await.unwrap(), 1);
    assert_eq!(database.inbox_count(InboxStatus::Processed).await.unwrap(), 0);
}
