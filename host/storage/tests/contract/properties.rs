//! Whatever is saved is read back as it was: any text, any number, anything that may be missing.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tillgate_application::inbox::{InboxEntry, InboxStatus};
use tillgate_application::ports::{
    CustomerRepository as _, InboxRepository as _, PaymentRepository as _, PurchaseRepository as _,
    SubscriptionRepository as _, WebhookRequest, Write,
};
use tillgate_domain::{
    Customer, CustomerId, FactSource, FactStamp, InboxId, NewPurchase, NewSubscription, Payment, PaymentFacts,
    PaymentId, PaymentState, Period, Purchase, PurchaseId, PurchaseStatus, PurchaseType, Subscription, SubscriptionId,
    SubscriptionStatus, Terms, Timestamp,
};
use tillgate_storage::Database;

use crate::given::{ACCOUNT, Place, TENANT, begin, commit, shared, usd};

/// Cases on each database: each is some ten transactions.
const CASES: u32 = 64;

/// Ids no case has used yet.
static NEXT: AtomicU64 = AtomicU64::new(1_000);

/// Any text but for NUL, which is refused.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::collection::vec(any::<char>().prop_filter("NUL", |c| *c != '\0'), 0..24)
            .prop_map(|chars| chars.into_iter().collect()),
        1 => Just("it's \"quoted\"; DROP TABLE tenants; -- \\ $1 ? %\n".to_owned()),
        1 => Just(String::new()),
    ]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)]
}

fn time() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp::from_millis)
}

/// What fits in the databases' integers.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(i64::MAX.unsigned_abs()), 0..=i64::MAX.unsigned_abs()]
}

fn maybe<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(strategy)
}

/// Parts of which aggregates are made.
#[derive(Debug, Clone)]
struct Parts {
    texts: Vec<String>,
    maybe_texts: Vec<Option<String>>,
    times: Vec<Timestamp>,
    maybe_times: Vec<Option<Timestamp>>,
    amount: i64,
    count: Option<u64>,
    attempt: Option<u32>,
    flag: bool,
    choice: usize,
    bytes: Vec<u8>,
    list: Vec<String>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let texts = (
        prop::collection::vec(text(), 4),
        prop::collection::vec(maybe(text()), 4),
    );
    let times = (
        prop::collection::vec(time(), 4),
        prop::collection::vec(maybe(time()), 5),
    );
    let rest = (number(), maybe(count()), maybe(any::<u32>()), any::<bool>(), 0..8_usize);
    let lists = (
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(text(), 0..4),
    );
    (texts, times, rest, lists).prop_map(
        |((texts, maybe_texts), (times, maybe_times), rest, (bytes, list))| Parts {
            texts,
            maybe_texts,
            times,
            maybe_times,
            amount: rest.0,
            count: rest.1,
            attempt: rest.2,
            flag: rest.3,
            choice: rest.4,
            bytes,
            list,
        },
    )
}

/// A reference no other case has, with any text after it.
fn reference(number: u128, text: &str) -> String {
    format!("{number} {text}")
}

fn customer(number: u128, parts: &Parts) -> Customer {
    Customer {
        id: CustomerId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        provider_reference: reference(number, &parts.texts[0]),
        email: parts.maybe_texts[0].clone(),
        organization_id: parts.maybe_texts[1].clone(),
        user_id: parts.maybe_texts[2].clone(),
        created_at: parts.times[0],
        updated_at: parts.times[1],
        version: 0,
        events: Vec::new(),
    }
}

fn subscription(number: u128, parts: &Parts, version: u64) -> Subscription {
    let new = NewSubscription {
        id: SubscriptionId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        customer_id: CustomerId::from_bits(number),
        product_id: parts.maybe_texts[0].clone(),
        provider_reference: reference(number, &parts.texts[1]),
        trial_period_days: None,
    };
    let terms = Terms {
        price_reference: parts.maybe_texts[1].clone(),
        seats: parts.count,
        period: parts.flag.then_some(Period {
            start: parts.times[0],
            end: parts.times[1],
        }),
        trial_end: parts.maybe_times[0],
        cancel_at: parts.maybe_times[1],
        cancel_at_period_end: parts.flag,
        canceled_at: parts.maybe_times[2],
        ended_at: parts.maybe_times[3],
    };
    let stamp = FactStamp {
        object_version: parts.count,
        as_of: parts.maybe_times[4],
        source: FactSource::Answer,
    };
    let status = SubscriptionStatus::ALL[parts.choice];
    let (created_at, updated_at) = (parts.times[2], parts.times[3]);
    Subscription::restore(
        new,
        status,
        parts.texts[2].clone(),
        terms,
        stamp,
        created_at,
        updated_at,
        version,
    )
}

fn purchase(number: u128, parts: &Parts, version: u64) -> Purchase {
    let new = NewPurchase {
        id: PurchaseId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        customer_id: parts.flag.then_some(CustomerId::from_bits(number)),
        product_id: parts.maybe_texts[0].clone(),
        checkout_session_id: None,
        provider_reference: reference(number, &parts.texts[0]),
        provider_transaction_id: parts.maybe_texts[1].clone(),
        amount: parts.flag.then_some(usd(parts.amount)),
    };
    let subscription_id = parts.flag.then_some(SubscriptionId::from_bits(number));
    let (created_at, updated_at) = (parts.times[2], parts.times[3]);
    Purchase::restore(
        new,
        PurchaseType::Subscription,
        subscription_id,
        PurchaseStatus::Active,
        created_at,
        updated_at,
        version,
    )
}

fn payment(number: u128, parts: &Parts) -> Payment {
    Payment {
        id: PaymentId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        facts: PaymentFacts {
            provider_reference: reference(number, &parts.texts[0]),
            state: [PaymentState::Pending, PaymentState::Succeeded, PaymentState::Failed][parts.choice % 3],
            amount: usd(parts.amount),
            customer_id: parts.flag.then_some(CustomerId::from_bits(number)),
            subscription_id: None,
            aliases: parts.list.clone(),
            failure_reason: parts.maybe_texts[0].clone(),
            attempt: parts.attempt,
            next_attempt_at: parts.maybe_times[0],
            invoice_url: parts.maybe_texts[1].clone(),
            receipt_url: parts.maybe_texts[2].clone(),
            as_of: parts.maybe_times[1],
        },
        refunded_amount: parts.amount,
        created_at: parts.times[0],
        updated_at: parts.times[1],
        version: 0,
        events: Vec::new(),
    }
}

fn webhook(number: u128, parts: &Parts) -> InboxEntry {
    InboxEntry {
        id: InboxId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        request: WebhookRequest {
            method: "POST".to_owned(),
            url: parts.texts[0].clone(),
            query: vec![(parts.texts[1].clone(), parts.texts[2].clone())],
            headers: vec![(parts.texts[3].clone(), parts.bytes.clone())],
            body: parts.bytes.clone(),
            remote_ip: parts.flag.then_some(std::net::Ipv6Addr::LOCALHOST.into()),
            received_at_ms: parts.times[0].as_millis(),
        },
        fetch_back: parts.flag,
        provider_types: parts.texts[1].clone(),
        status: InboxStatus::Processed,
        attempts: parts.attempt.unwrap_or_default(),
        next_attempt_at: parts.times[1],
        error: parts.maybe_texts[0].clone(),
        failed_with: None,
        journal: Vec::new(),
        plugin_version: parts.maybe_texts[0].clone(),
        replays: parts.attempt.unwrap_or_default(),
        received_at: parts.times[0],
        processed_at: parts.maybe_times[0],
        version: 0,
    }
}

/// Saves one of each, twice where that means another statement, and reads each back.
async fn round_trip(database: &Database, parts: &Parts) -> Result<(), TestCaseError> {
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let (customer, payment, webhook) = (customer(number, parts), payment(number, parts), webhook(number, parts));
    let writes = [
        Write::Customer(customer.clone()),
        Write::Subscription(subscription(number, parts, 0)),
        Write::Purchase(purchase(number, parts, 0)),
        Write::Payment(payment.clone()),
        Write::Inbox(webhook.clone()),
        Write::Subscription(subscription(number, parts, 1)),
        Write::Purchase(purchase(number, parts, 1)),
    ];
    commit(&shared(database), writes)
        .await
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let expected = Customer { version: 1, ..customer };
    prop_assert_eq!(database.customer(TENANT, expected.id).await.unwrap().unwrap(), expected);
    let expected = subscription(number, parts, 2);
    prop_assert_eq!(
        database.subscription(TENANT, expected.id).await.unwrap().unwrap(),
        expected
    );
    let expected = purchase(number, parts, 2);
    prop_assert_eq!(database.purchase(TENANT, expected.id).await.unwrap().unwrap(), expected);
    let expected = Payment { version: 1, ..payment };
    let reference = expected.facts.provider_reference.clone();
    let found = database
        .payment_by_provider_reference(ACCOUNT, &reference)
        .await
        .unwrap();
    prop_assert_eq!(found.unwrap(), expected);
    let expected = InboxEntry { version: 1, ..webhook };
    prop_assert_eq!(database.inbox_entry(expected.id).await.unwrap().unwrap(), expected);
    Ok(())
}

/// `place` is given a runtime to be used in.
fn all_cases(runtime: &tokio::runtime::Runtime, place: &Place) {
    let database = runtime.block_on(async {
        let database = place.migrated().await;
        begin(&shared(&database)).await;
        database
    });
    // Failures are shown, not kept in a file.
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let done = TestRunner::new(config).run(&parts(), |parts| runtime.block_on(round_trip(&database, &parts)));
    done.unwrap();
    runtime.block_on(database.close());
}

#[test]
fn what_is_saved_is_read_back_on_sqlite() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    all_cases(&runtime, &Place::sqlite());
}

#[test]
fn what_is_saved_is_read_back_on_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(Place::postgres());
    all_cases(&runtime, &place);
    runtime.block_on(place.remove());
}
