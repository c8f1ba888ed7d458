//! What a provider has already is taken over once, whatever stops it and whatever happens meanwhile.

use tillgate_application::import::{Import, ImportProgress, ImportStatus};
use tillgate_application::ports::{
    BackfillItem, BackfillKind, EventBody, Field, GatewayError, LeftOut, ProviderCustomer, ProviderEvent,
    ProviderSubscription,
};
use tillgate_application::{
    ApplicationError, ImportAccount, ImportStep, Imported, PinPlugin, RetryPolicy, Touched, import_account, pin_plugin,
    process_due_webhooks,
};
use tillgate_domain::{
    PaymentState, ProviderAccountId, PurchaseStatus, SubscriptionChange, SubscriptionStatus, Timestamp,
};
use tillgate_fakes::{CommitFault, Failing, NOW, World, checkout_completed, payment, subscription_event};
use tokio_util::sync::CancellationToken;

use crate::given::AFTER_ANY_LEASE_MS;

/// The most points a host passes in any of these tests; more means that one never ends.
const POINTS_MAX: u32 = 80;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

fn customer(name: &str, metadata: &[(&str, &str)]) -> BackfillItem {
    let metadata = metadata.iter();
    let metadata = metadata.map(|(key, value)| -> Field { ((*key).to_owned(), (*value).to_owned()) });
    BackfillItem::Customer(ProviderCustomer {
        reference: format!("cus_{name}"),
        email: Some(format!("{name}@example.com")),
        metadata: metadata.collect(),
    })
}

/// As webhooks tell of it: `sub_a` of `cus_a`, or of others by the same name.
fn told(name: &str, status: SubscriptionStatus, seats: u64) -> ProviderSubscription {
    let event = subscription_event("", SubscriptionChange::Updated, 0, status, seats, None);
    let EventBody::Subscription { subscription, .. } = event.body else {
        panic!("a subscription's event has no subscription");
    };
    ProviderSubscription {
        reference: format!("sub_{name}"),
        customer_reference: Some(format!("cus_{name}")),
        ..*subscription
    }
}

fn subscription(name: &str, status: SubscriptionStatus) -> BackfillItem {
    BackfillItem::Subscription(Box::new(told(name, status, 3)))
}

fn paid(name: &str, state: PaymentState) -> BackfillItem {
    let EventBody::Payment(mut payment) = payment("", 0, &format!("in_{name}"), state).body else {
        panic!("a payment's event has no payment");
    };
    payment.subscription_reference = Some(format!("sub_{name}"));
    payment.customer_reference = Some(format!("cus_{name}"));
    BackfillItem::Payment(payment)
}

fn bought(name: &str, subscription: Option<&str>, metadata: &[(&str, &str)]) -> BackfillItem {
    let EventBody::Checkout(mut checkout) = checkout_completed("", 0, None, subscription).body else {
        panic!("a checkout's event has no checkout");
    };
    checkout.reference = format!("cs_{name}");
    checkout.customer_reference = Some(format!("cus_{name}"));
    checkout.payment_reference = Some(format!("pi_{name}"));
    let metadata = metadata.iter();
    checkout.metadata = metadata
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let EventBody::Payment(mut payment) = payment("", 0, &format!("pi_{name}"), PaymentState::Succeeded).body else {
        panic!("a payment's event has no payment");
    };
    payment.subscription_reference = None;
    payment.customer_reference = Some(format!("cus_{name}"));
    BackfillItem::Purchase {
        checkout,
        payment: subscription.is_none().then_some(payment),
    }
}

/// A provider that has five customers, three subscriptions, four payments and three checkouts.
async fn listed() -> World {
    use BackfillKind::{Customers, Payments, Purchases, Subscriptions};
    let world = World::new().await.unwrap();
    let provider = &world.provider;
    provider.put_list(
        Customers,
        vec![
            customer("e", &[]),
            customer("d", &[("organizationId", "org_1"), ("userId", "user_1")]),
            customer("c", &[("organization_id", "org_2")]),
            customer("b", &[]),
            customer("a", &[]),
        ],
    );
    let subscriptions = vec![
        subscription("c", SubscriptionStatus::Trialing),
        subscription("b", SubscriptionStatus::Canceled),
        subscription("a", SubscriptionStatus::Active),
    ];
    provider.put_list(Subscriptions, subscriptions);
    let payments = vec![
        paid("c", PaymentState::Pending),
        paid("b", PaymentState::Failed),
        paid("a", PaymentState::Succeeded),
        paid("z", PaymentState::Succeeded),
    ];
    provider.put_list(Payments, payments);
    let purchases = vec![
        bought("e", None, &[("organizationId", "org_1")]),
        bought(
            "a",
            Some("sub_a"),
            &[("organization_id", "org_1"), ("user_id", "user_1")],
        ),
        bought("d", None, &[("organizationId", "org_9")]),
    ];
    provider.put_list(Purchases, purchases);
    world
}

fn all_of(world: &World) -> ImportAccount {
    ImportAccount {
        account_id: world.account_id,
        plugin: "acme".to_owned(),
        kinds: Vec::new(),
        announce: false,
        restart: false,
        dry_run: false,
    }
}

async fn run(world: &World, command: ImportAccount) -> Result<(Imported, Vec<Touched>), ApplicationError> {
    let mut touched = Vec::new();
    let mut watch = |step: ImportStep<'_>| {
        if let ImportStep::Touched(one) = step {
            touched.push(one.clone());
        }
    };
    let imported = import_account(&world.app, command, &mut watch, &CancellationToken::new()).await?;
    Ok((imported, touched))
}

/// Seen, created, changed and unchanged, for each kind.
fn counts(import: &Import) -> Vec<[u64; 4]> {
    let count = |one: &ImportProgress| [one.seen, one.created, one.changed, one.unchanged];
    import.progress.iter().map(count).collect()
}

/// Everything that is stored, but for imports.
fn stored(world: &World) -> String {
    let mut rows = world.store.rows().clone();
    rows.imports.clear();
    // When they were last heard of is kept, and says nothing.
    let told = std::mem::take(&mut rows.subscriptions).into_values();
    let told: Vec<_> = told.map(|row| (row.id, row.status(), row.terms().clone())).collect();
    format!("{rows:#?}{told:#?}")
}

/// What there is at the end, however it came about.
fn assert_taken_over(world: &World) {
    let rows = world.store.rows();
    let counts = (rows.customers.len(), rows.subscriptions.len());
    assert_eq!(counts, (6, 3), "the customer of a payment is one, too");
    // Three subscriptions' and two one-time ones; four invoices and two checkouts.
    assert_eq!((rows.purchases.len(), rows.payments.len()), (5, 6));
    for payment in rows.payments.values() {
        let reference = &payment.facts.provider_reference;
        let customer = payment
            .facts
            .customer_id
            .map(|id| rows.customers[&id].provider_reference.clone());
        assert_eq!(customer.unwrap().trim_start_matches("cus_"), &reference[3..]);
        let linked = payment.facts.subscription_id.is_some();
        assert_eq!(
            linked,
            reference.starts_with("in_") && reference != "in_z",
            "{reference}"
        );
    }
    let known: Vec<_> = rows
        .customers
        .values()
        .filter(|one| one.organization_id.is_some())
        .collect();
    let known = known.iter().map(|one| {
        let user = one.user_id.as_deref();
        (one.provider_reference.as_str(), one.organization_id.as_deref(), user)
    });
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    let expected = [
        ("cus_a", Some("org_1"), Some("user_1")),
        ("cus_c", Some("org_2"), None),
        // What its checkout says is no newer.
        ("cus_d", Some("org_1"), Some("user_1")),
        ("cus_e", Some("org_1"), None),
    ];
    assert_eq!(known, expected);
    let completed = |one: &&tillgate_domain::Purchase| one.status() == PurchaseStatus::Completed;
    assert_eq!(rows.purchases.values().filter(completed).count(), 2);
    assert!(
        rows.subscriptions
            .values()
            .all(|one| one.product_id.as_deref() == Some("pro"))
    );
    assert!(rows.events.is_empty(), "nothing of it is news");
}

/// All of it, and all of it once more.
const EVERYTHING: [[u64; 4]; 4] = [[5, 5, 0, 0], [3, 3, 0, 0], [4, 4, 0, 0], [3, 2, 1, 0]];
const NOTHING: [[u64; 4]; 4] = [[5, 0, 0, 5], [3, 0, 0, 3], [4, 0, 0, 4], [3, 0, 0, 3]];

#[tokio::test]
async fn everything_is_taken_over_in_its_order_and_is_no_news() {
    let world = listed().await;
    let (imported, touched) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!(counts(&imported.import), EVERYTHING);
    assert!(!imported.resumed && !imported.stopped);
    assert_taken_over(&world);
    let created = |what: &str| touched.iter().filter(|one| one.what == what && one.created).count();
    let numbers = ["customer", "subscription", "payment", "purchase"].map(created);
    assert_eq!(numbers, [6, 3, 6, 5]);
    let import = world.store.rows().imports.values().next().unwrap().clone();
    assert_eq!((import.status, &import), (ImportStatus::Finished, &imported.import));
    assert!(
        world.metrics.all("subscription_changed").is_empty(),
        "it didn't happen now"
    );
    assert!(world.metrics.all("payment_failed").is_empty());
}

#[tokio::test]
async fn once_more_changes_nothing() {
    let world = listed().await;
    run(&world, all_of(&world)).await.unwrap();
    let before = stored(&world);
    world.clock.advance(60 * 60 * 1000);
    let (again, touched) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!(counts(&again.import), NOTHING);
    assert_eq!((touched, again.resumed), (vec![], false));
    assert_eq!(stored(&world), before);
    assert_eq!(world.store.rows().imports.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_stores_nothing() {
    let world = listed().await;
    let before = stored(&world);
    let dry = ImportAccount {
        dry_run: true,
        ..all_of(&world)
    };
    let (imported, would) = run(&world, dry.clone()).await.unwrap();
    assert_eq!((stored(&world), world.store.rows().imports.len()), (before, 0));
    let (_, does) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!(counts(&imported.import), EVERYTHING);
    assert_eq!(references(&would), references(&does));
    // And of what changed since then, what changed.
    let ended = subscription("a", SubscriptionStatus::Canceled);
    world.provider.put_list(BackfillKind::Subscriptions, vec![ended]);
    world.clock.advance(1_000);
    let (imported, would) = run(&world, dry).await.unwrap();
    assert_eq!(counts(&imported.import)[1], [1, 0, 1, 0]);
    let [touched] = would.as_slice() else {
        panic!("{would:#?}");
    };
    assert_eq!(
        (touched.what, touched.reference.as_str(), touched.created),
        ("subscription", "sub_a", false)
    );
    let status = touched.fields.iter().find(|field| field.name == "status").unwrap();
    assert_eq!((&status.from, &status.to), (&"active".into(), &"canceled".into()));
}

fn references(touched: &[Touched]) -> Vec<(&'static str, &str, bool)> {
    let mut all: Vec<_> = touched
        .iter()
        .map(|one| (one.what, one.reference.as_str(), one.created))
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn stopped_between_any_two_steps_it_goes_on_where_it_was() {
    let mut crashes = 0;
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let mut world = listed().await;
        let app = world.app.clone();
        world.fuse.blow_after(first);
        let (mut ignore, stop) = (|_: ImportStep<'_>| {}, CancellationToken::new());
        let running = import_account(&app, all_of(&world), &mut ignore, &stop);
        if world.until_stopped(running).await.is_some() {
            break;
        }
        crashes += 1;
        world.restart();
        world.clock.advance(AFTER_ANY_LEASE_MS);
        let asked_before = world.provider.requests();
        let (imported, _) = run(&world, all_of(&world)).await.unwrap();
        assert_taken_over(&world);
        if first == 37 {
            // Its end was committed: this was another one, and found nothing to do.
            assert_eq!(counts(&imported.import), NOTHING);
            continue;
        }
        assert_eq!(counts(&imported.import), EVERYTHING, "stopped at {first}");
        assert_eq!(world.store.rows().imports.len(), 1, "stopped at {first}");
        // What was committed isn't asked for again: nine pages there are.
        let asked = world.provider.requests() - asked_before;
        assert!(asked <= 9 && (first < 8 || asked < 9), "stopped at {first}: {asked}");
    }
    // Before and after each of nine pages and ten commits, the beginning being one.
    assert_eq!(crashes, 38);
}

fn subscribed(seconds: i64, seats: u64) -> ProviderEvent {
    let key = format!("evt_{seconds}_{seats}");
    let (change, status) = (SubscriptionChange::Updated, SubscriptionStatus::Active);
    subscription_event(&key, change, seconds, status, seats, None)
}

fn seats(world: &World) -> Option<u64> {
    let rows = world.store.rows();
    rows.subscriptions.values().next().and_then(|one| one.terms().seats)
}

#[tokio::test]
async fn what_a_webhook_said_later_stays_and_what_it_said_earlier_does_not() {
    let world = World::new().await.unwrap();
    world.deliver(vec![subscribed(10, 5)]).await.unwrap();
    let of_three = subscription("a", SubscriptionStatus::Active);
    world.provider.put_list(BackfillKind::Subscriptions, vec![of_three]);
    world.provider.date_lists(at(5));
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!((seats(&world), counts(&imported.import)[1]), (Some(5), [1, 0, 0, 1]));
    world.provider.date_lists(at(20));
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!((seats(&world), counts(&imported.import)[1]), (Some(3), [1, 0, 1, 0]));
    // And what was imported is kept up to date by webhooks: late ones don't count, new ones do.
    world.deliver(vec![subscribed(15, 6)]).await.unwrap();
    assert_eq!(seats(&world), Some(3));
    world.deliver(vec![subscribed(25, 7)]).await.unwrap();
    assert_eq!(seats(&world), Some(7));
    process_due_webhooks(&world.app).await.unwrap();
    assert_eq!(world.store.rows().subscriptions.len(), 1);
}

#[tokio::test]
async fn what_a_webhook_of_the_same_instant_says_otherwise_the_provider_settles() {
    let world = World::new().await.unwrap();
    world.deliver(vec![subscribed(10, 5)]).await.unwrap();
    let of_three = subscription("a", SubscriptionStatus::Active);
    world.provider.put_list(BackfillKind::Subscriptions, vec![of_three]);
    world.provider.date_lists(at(10));
    let settled = told("a", SubscriptionStatus::Active, 8);
    world.provider.put_subscription(ProviderSubscription {
        as_of: Some(at(11)),
        ..settled
    });
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!((seats(&world), counts(&imported.import)[1]), (Some(8), [1, 0, 1, 0]));
}

#[tokio::test]
async fn a_page_is_as_old_as_the_question() {
    let mut world = World::new().await.unwrap();
    world.restart_with(RetryPolicy::default());
    world.deliver(vec![subscribed(3, 5)]).await.unwrap();
    let of_three = subscription("a", SubscriptionStatus::Active);
    world.provider.put_list(BackfillKind::Subscriptions, vec![of_three]);
    // Dated after the webhook, but it took five seconds to come.
    world.provider.date_lists(at(6));
    let command = ImportAccount {
        kinds: vec![BackfillKind::Subscriptions],
        ..all_of(&world)
    };
    world.provider.fail_next([Failing::RateLimitedFor(5_000)]);
    run(&world, command).await.unwrap();
    assert_eq!(world.clock.pauses(), [5_000]);
    assert_eq!(seats(&world), Some(5));
}

#[tokio::test]
async fn to_whom_a_customer_belongs_is_not_changed_where_it_is_known() {
    let world = World::new().await.unwrap();
    let known = customer("a", &[("organization_id", "org_1")]);
    world.provider.put_list(BackfillKind::Customers, vec![known]);
    run(&world, all_of(&world)).await.unwrap();
    let other = customer("a", &[("organization_id", "org_2"), ("userId", "user_1")]);
    world.provider.put_list(BackfillKind::Customers, vec![other]);
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!(counts(&imported.import)[0], [1, 0, 1, 0]);
    let rows = world.store.rows();
    let customer = rows.customers.values().next().unwrap();
    let known = (customer.organization_id.as_deref(), customer.user_id.as_deref());
    assert_eq!(known, (Some("org_1"), Some("user_1")));
}

#[tokio::test]
async fn events_are_published_where_they_are_asked_for_and_say_what_they_are() {
    let world = listed().await;
    let command = ImportAccount {
        announce: true,
        ..all_of(&world)
    };
    run(&world, command.clone()).await.unwrap();
    assert_eq!(
        world.published("subscription").len(),
        4,
        "three were created, one of them had ended"
    );
    for event in world.store.rows().events.values() {
        assert!(event.payload.contains(r#""imported":true"#), "{}", event.payload);
    }
    let count = world.store.rows().events.len();
    run(&world, command).await.unwrap();
    assert_eq!(world.store.rows().events.len(), count);
    world.deliver(vec![subscribed(99, 9)]).await.unwrap();
    let rows = world.store.rows();
    let news = rows.events.values().next_back().unwrap();
    assert!(!news.payload.contains("imported"), "{}", news.payload);
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_counted_by_its_reason_and_stops_nothing() {
    let world = World::new().await.unwrap();
    let nobodys = ProviderSubscription {
        customer_reference: None,
        ..told("x", SubscriptionStatus::Active, 1)
    };
    let list = vec![
        BackfillItem::Subscription(Box::new(nobodys)),
        subscription("a", SubscriptionStatus::Active),
    ];
    world.provider.put_list(BackfillKind::Subscriptions, list);
    let left_out = |reason: &str| LeftOut {
        reference: Some("in_1".to_owned()),
        reason: reason.to_owned(),
    };
    let drafts = vec![left_out("a draft"), left_out("a draft"), left_out("void")];
    world.provider.put_left_out(BackfillKind::Payments, drafts);
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    let [_, subscriptions, payments, _] = imported.import.progress.as_slice() else {
        panic!("four kinds");
    };
    assert_eq!((subscriptions.seen, subscriptions.created), (2, 1));
    assert_eq!(subscriptions.left_out, [("names no customer".to_owned(), 1)].into());
    let reasons = [("a draft".to_owned(), 2), ("void".to_owned(), 1)];
    assert_eq!((payments.seen, &payments.left_out), (3, &reasons.into()));
}

#[tokio::test]
async fn stopped_by_hand_it_goes_on_with_what_it_was_begun_for() {
    let world = listed().await;
    let stop = CancellationToken::new();
    let mut stop_at_once = |step: ImportStep<'_>| {
        if matches!(step, ImportStep::Page(_)) {
            stop.cancel();
        }
    };
    let stopped = import_account(&world.app, all_of(&world), &mut stop_at_once, &stop)
        .await
        .unwrap();
    assert!(stopped.stopped);
    assert_eq!(counts(&stopped.import)[0], [2, 2, 0, 0]);
    for (field, other) in [
        (
            "events",
            ImportAccount {
                announce: true,
                ..all_of(&world)
            },
        ),
        (
            "kinds",
            ImportAccount {
                kinds: vec![BackfillKind::Payments],
                ..all_of(&world)
            },
        ),
    ] {
        let refused = run(&world, other).await.unwrap_err();
        let ApplicationError::Invalid(fields) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(fields[0].field, field);
    }
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert!(imported.resumed);
    assert_eq!(counts(&imported.import), EVERYTHING);
    assert_taken_over(&world);
}

#[tokio::test]
async fn it_can_be_begun_anew() {
    let world = listed().await;
    world.provider.fail_next([Failing::Refused]);
    let refused = run(&world, all_of(&world)).await.unwrap_err();
    assert!(matches!(refused, ApplicationError::Gateway { .. }), "{refused:?}");
    let command = ImportAccount {
        restart: true,
        kinds: vec![BackfillKind::Customers],
        ..all_of(&world)
    };
    let (imported, _) = run(&world, command).await.unwrap();
    assert_eq!(
        (imported.resumed, counts(&imported.import)),
        (false, vec![[5, 5, 0, 0]])
    );
    let statuses: Vec<ImportStatus> = world.store.rows().imports.values().map(|one| one.status).collect();
    assert_eq!(statuses, [ImportStatus::Abandoned, ImportStatus::Finished]);
}

#[tokio::test]
async fn two_at_a_time_are_one_too_many() {
    let world = listed().await;
    let store = world.store.clone();
    let mut another_is_faster = |step: ImportStep<'_>| {
        if matches!(step, ImportStep::Begun { .. }) {
            store.rows().imports.values_mut().for_each(|import| import.version += 1);
        }
    };
    let stop = CancellationToken::new();
    let running = import_account(&world.app, all_of(&world), &mut another_is_faster, &stop);
    let refused = running.await.unwrap_err();
    assert!(
        matches!(refused, ApplicationError::OperationInProgress(_)),
        "{refused:?}"
    );
    assert!(world.store.rows().customers.is_empty());
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_read_again() {
    let world = listed().await;
    let none = CommitFault::None;
    world
        .store
        .fault_commits([none, CommitFault::Conflict, CommitFault::Conflict]);
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert_eq!(counts(&imported.import), EVERYTHING);
    assert_taken_over(&world);
    // A commit whose answer was lost is found done by the next one.
    let world = listed().await;
    world
        .store
        .fault_commits([none, none, CommitFault::WrittenButUnanswered]);
    run(&world, all_of(&world)).await.unwrap_err();
    let (imported, _) = run(&world, all_of(&world)).await.unwrap();
    assert!(imported.resumed);
    assert_eq!(counts(&imported.import), EVERYTHING);
    assert_taken_over(&world);
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_before_anything_is_asked() {
    let world = listed().await;
    let missing = ProviderAccountId::from_bits(9);
    let command = ImportAccount {
        account_id: missing,
        ..all_of(&world)
    };
    let refused = run(&world, command).await.unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("provider account", missing));
    let command = ImportAccount {
        plugin: "stripe".to_owned(),
        ..all_of(&world)
    };
    let refused = run(&world, command).await.unwrap_err().to_string();
    assert!(refused.contains("is connected to acme, not to stripe"), "{refused}");
    let bare = PinPlugin {
        tenant_id: world.tenant_id,
        account_id: world.account_id,
        version: "0.0.1".to_owned(),
    };
    pin_plugin(&world.app, bare).await.unwrap();
    let refused = run(&world, all_of(&world)).await.unwrap_err();
    let expected = GatewayError::Unsupported {
        provider: "acme".to_owned(),
        capability: "backfill".to_owned(),
    };
    assert!(matches!(refused, ApplicationError::Gateway { error, .. } if *error == expected));
    assert_eq!((world.provider.requests(), world.store.rows().imports.len()), (0, 0));
}

#[tokio::test]
async fn a_list_that_leads_nowhere_ends() {
    let world = listed().await;
    world.provider.list_in_circles();
    let refused = run(&world, all_of(&world)).await.unwrap_err().to_string();
    assert!(refused.contains("leads nowhere"), "{refused}");
}
