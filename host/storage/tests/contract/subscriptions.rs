//! Customers' subscriptions, purchases and checkout sessions.

use tillgate_application::ports::{PurchaseFilter, SubscriptionFilter, Write};
use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, CheckoutType, CustomerId, FactSource, FactStamp, NewCheckoutSession,
    NewPurchase, PaymentStatus, Period, Purchase, PurchaseId, Subscription, SubscriptionChange, SubscriptionId,
    SubscriptionSnapshot, SubscriptionStatus, Terms,
};

use crate::given::{
    ACCOUNT, OTHER_TENANT, Shared, TENANT, at, begin, commit, customer, page, stored, subscription, usd,
    version_conflict,
};

crate::on_every_store! {
    overdue_subscriptions_are_asked_about_in_turn,
    a_subscription_is_read_as_it_was_saved,
    subscriptions_are_found_by_each_question,
    expiring_subscriptions_come_soonest_first,
    purchases_are_found_by_each_question,
    a_checkout_session_is_read_as_it_was_saved,
}

fn with_terms(number: u128, status: SubscriptionStatus, end: i64, cancel_at: Option<i64>) -> Subscription {
    let mut subscription = subscription(number, 1);
    let snapshot = SubscriptionSnapshot {
        status: Some(status),
        provider_status: "its word".to_owned(),
        terms: Terms {
            price_reference: Some("price_1".to_owned()),
            seats: Some(3),
            period: Some(Period {
                start: at(100),
                end: at(end),
            }),
            trial_end: Some(at(50)),
            cancel_at: cancel_at.map(at),
            cancel_at_period_end: true,
            canceled_at: Some(at(60)),
            ended_at: None,
        },
    };
    let source = FactSource::Event(SubscriptionChange::Updated);
    subscription.apply(
        &snapshot,
        FactStamp {
            object_version: Some(7),
            as_of: Some(at(99)),
            source,
        },
        at(101),
    );
    subscription.events.clear();
    subscription
}

async fn a_subscription_is_read_as_it_was_saved(database: &Shared) {
    begin(database).await;
    let full = with_terms(1, SubscriptionStatus::PastDue, 500, Some(400));
    let blank = subscription(2, 1);
    commit(
        database,
        [Write::Subscription(full.clone()), Write::Subscription(blank.clone())],
    )
    .await
    .unwrap();
    let known = stored(&full, |subscription| subscription.version = 1);
    assert_eq!(
        database.subscription(TENANT, full.id).await.unwrap(),
        Some(known.clone())
    );
    assert_eq!(
        database
            .subscription_by_provider_reference(ACCOUNT, "sub_1")
            .await
            .unwrap(),
        Some(known.clone())
    );
    let known_blank = stored(&blank, |subscription| subscription.version = 1);
    assert_eq!(
        database.subscription(TENANT, blank.id).await.unwrap(),
        Some(known_blank)
    );
    assert_eq!(database.subscription(OTHER_TENANT, full.id).await.unwrap(), None);
    let mut canceled = known;
    canceled.cancel(at(200)).unwrap();
    canceled.events.clear();
    commit(database, [Write::Subscription(canceled.clone())]).await.unwrap();
    let known = database.subscription(TENANT, full.id).await.unwrap();
    assert_eq!(known, Some(stored(&canceled, |subscription| subscription.version = 2)));
    assert_eq!(
        commit(database, [Write::Subscription(canceled)]).await,
        version_conflict("subscription")
    );
}

fn numbers(found: &[Subscription]) -> Vec<u128> {
    found.iter().map(|subscription| subscription.id.bits()).collect()
}

async fn subscriptions_are_found_by_each_question(database: &Shared) {
    begin(database).await;
    let mut organized = customer(2);
    organized.organization_id = Some("acme".to_owned());
    let writes = [
        Write::Customer(organized),
        Write::Subscription(with_terms(1, SubscriptionStatus::Active, 500, None)),
        Write::Subscription(with_terms(2, SubscriptionStatus::Canceled, 500, None)),
        Write::Subscription(with_terms(3, SubscriptionStatus::PastDue, 900, None)),
        Write::Subscription(with_terms(4, SubscriptionStatus::Unpaid, 900, Some(450))),
        Write::Subscription(subscription(5, 2)),
        Write::Subscription(subscription(6, 2)),
    ];
    commit(database, writes).await.unwrap();
    let (first, second) = (CustomerId::from_bits(1), CustomerId::from_bits(2));
    assert_eq!(
        numbers(&database.subscriptions_by_customer(TENANT, first).await.unwrap()),
        [1, 2, 3, 4]
    );
    assert_eq!(
        numbers(&database.active_subscriptions_by_customer(TENANT, first).await.unwrap()),
        [1, 3]
    );
    assert!(
        database
            .subscriptions_by_customer(OTHER_TENANT, first)
            .await
            .unwrap()
            .is_empty()
    );

    let none = SubscriptionFilter::default;
    let cases = [
        (none(), vec![1, 2, 3, 4, 5, 6]),
        (
            SubscriptionFilter {
                customer_id: Some(second),
                ..none()
            },
            vec![5, 6],
        ),
        (
            SubscriptionFilter {
                organization_id: Some("acme".to_owned()),
                ..none()
            },
            vec![5, 6],
        ),
        (
            SubscriptionFilter {
                organization_id: Some("other".to_owned()),
                ..none()
            },
            vec![],
        ),
        (
            SubscriptionFilter {
                status: Some(SubscriptionStatus::Active),
                ..none()
            },
            vec![1, 5, 6],
        ),
        (
            SubscriptionFilter {
                expiring_before: Some(at(501)),
                ..none()
            },
            vec![1, 4],
        ),
        (
            SubscriptionFilter {
                expiring_before: Some(at(500)),
                ..none()
            },
            vec![4],
        ),
        (
            SubscriptionFilter {
                customer_id: Some(first),
                status: Some(SubscriptionStatus::PastDue),
                expiring_before: Some(at(1000)),
                ..none()
            },
            vec![3],
        ),
        (
            SubscriptionFilter {
                customer_id: Some(second),
                organization_id: Some("acme".to_owned()),
                status: Some(SubscriptionStatus::Active),
                expiring_before: None,
            },
            vec![5, 6],
        ),
    ];
    for (filter, expected) in cases {
        let found = database.subscriptions(TENANT, &filter, &page(100, None)).await.unwrap();
        assert_eq!((numbers(&found.items), found.has_more), (expected, false), "{filter:?}");
    }
    let after = SubscriptionId::from_bits(5).to_string();
    let acme = SubscriptionFilter {
        organization_id: Some("acme".to_owned()),
        ..none()
    };
    let rest = database
        .subscriptions(TENANT, &acme, &page(1, Some(&after)))
        .await
        .unwrap();
    assert_eq!((numbers(&rest.items), rest.has_more), (vec![6], false));
}

async fn expiring_subscriptions_come_soonest_first(database: &Shared) {
    begin(database).await;
    let writes = [
        Write::Subscription(with_terms(1, SubscriptionStatus::Active, 700, None)),
        Write::Subscription(with_terms(2, SubscriptionStatus::Active, 900, Some(300))),
        Write::Subscription(with_terms(3, SubscriptionStatus::Expired, 200, None)),
        Write::Subscription(with_terms(4, SubscriptionStatus::Trialing, 600, None)),
        Write::Subscription(subscription(5, 1)),
    ];
    commit(database, writes).await.unwrap();
    assert_eq!(
        numbers(&database.subscriptions_expiring_before(at(700), 10).await.unwrap()),
        [2, 4]
    );
    assert_eq!(
        numbers(&database.subscriptions_expiring_before(at(701), 10).await.unwrap()),
        [2, 4, 1]
    );
    assert_eq!(
        numbers(&database.subscriptions_expiring_before(at(701), 1).await.unwrap()),
        [2]
    );
}

fn new_purchase(number: u128) -> NewPurchase {
    NewPurchase {
        id: PurchaseId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        customer_id: Some(CustomerId::from_bits(1)),
        product_id: None,
        checkout_session_id: None,
        provider_reference: format!("cs_{number}"),
        provider_transaction_id: Some(format!("pi_{number}")),
        amount: Some(usd(1500)),
    }
}

async fn purchases_are_found_by_each_question(database: &Shared) {
    begin(database).await;
    let subscription_id = SubscriptionId::from_bits(1);
    let mut once = Purchase::create_one_time(new_purchase(1), at(30));
    let mut recurring = Purchase::create_subscription(
        NewPurchase {
            customer_id: None,
            amount: None,
            ..new_purchase(2)
        },
        subscription_id,
        at(31),
    );
    once.events.clear();
    recurring.events.clear();
    let writes = [
        Write::Subscription(subscription(1, 1)),
        Write::Purchase(once.clone()),
        Write::Purchase(recurring.clone()),
    ];
    commit(database, writes).await.unwrap();
    (once.version, recurring.version) = (1, 1);
    assert_eq!(database.purchase(TENANT, once.id).await.unwrap(), Some(once.clone()));
    assert_eq!(database.purchase(OTHER_TENANT, once.id).await.unwrap(), None);
    let by_subscription = database
        .purchase_by_subscription(TENANT, subscription_id)
        .await
        .unwrap();
    assert_eq!(by_subscription, Some(recurring.clone()));
    assert_eq!(
        database.purchase_by_provider_reference(ACCOUNT, "cs_1").await.unwrap(),
        Some(once.clone())
    );
    let by_transaction = database
        .purchase_by_provider_transaction(ACCOUNT, "pi_2")
        .await
        .unwrap();
    assert_eq!(by_transaction, Some(recurring.clone()));
    let customer_id = CustomerId::from_bits(1);
    assert_eq!(
        database.purchases_by_customer(TENANT, customer_id).await.unwrap(),
        [once.clone()]
    );
    let cases = [
        (None, None, vec![once.clone(), recurring.clone()]),
        (Some(customer_id), None, vec![once.clone()]),
        (None, Some(subscription_id), vec![recurring]),
        (Some(customer_id), Some(subscription_id), vec![]),
    ];
    for (customer_id, subscription_id, expected) in cases {
        let filter = PurchaseFilter {
            customer_id,
            subscription_id,
            ..PurchaseFilter::default()
        };
        assert_eq!(
            database
                .purchases(TENANT, &filter, &page(10, None))
                .await
                .unwrap()
                .items,
            expected,
            "{filter:?}"
        );
    }
    once.complete(at(40)).unwrap();
    commit(database, [Write::Purchase(once.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Purchase(once)]).await,
        version_conflict("purchase")
    );
}

async fn a_checkout_session_is_read_as_it_was_saved(database: &Shared) {
    begin(database).await;
    let new = NewCheckoutSession {
        id: CheckoutSessionId::from_bits(1),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        checkout_type: CheckoutType::Subscription,
        product_id: "pro".to_owned(),
        customer_id: Some(customer(1).id),
        customer_email: Some("a@example.com".to_owned()),
        organization_id: Some("acme".to_owned()),
        user_id: Some("u1".to_owned()),
        seats: 2,
        trial_period_days: Some(14),
        success_url: "https://example.com/ok".to_owned(),
        cancel_url: "https://example.com/no".to_owned(),
        metadata: vec![("a".to_owned(), "\"quoted\" 漢".to_owned())],
    };
    let mut session = CheckoutSession::create(new.clone(), at(1)).unwrap();
    // Two that the provider hasn't confirmed yet have no reference, and don't stand in each other's way.
    let second = NewCheckoutSession {
        id: CheckoutSessionId::from_bits(2),
        trial_period_days: None,
        ..new
    };
    let second = CheckoutSession::create(second, at(1)).unwrap();
    commit(
        database,
        [Write::CheckoutSession(session.clone()), Write::CheckoutSession(second)],
    )
    .await
    .unwrap();
    session.version = 1;
    assert_eq!(
        database.checkout_session(TENANT, session.id).await.unwrap(),
        Some(session.clone())
    );
    let url = Some("https://pay.example.com".to_owned());
    session.open("cs_1".to_owned(), url, Some(at(99)), PaymentStatus::Unpaid, at(2));
    session.complete(PaymentStatus::Paid, at(3));
    session.events.clear();
    commit(database, [Write::CheckoutSession(session.clone())])
        .await
        .unwrap();
    session.version = 2;
    let found = database
        .checkout_session_by_provider_reference(ACCOUNT, "cs_1")
        .await
        .unwrap();
    assert_eq!(found, Some(session));
    let all = database.checkout_sessions(TENANT, &page(1, None)).await.unwrap();
    assert_eq!((all.items.len(), all.has_more), (1, true));
    assert!(database.customer(OTHER_TENANT, customer(1).id).await.unwrap().is_none());
}

async fn overdue_subscriptions_are_asked_about_in_turn(database: &Shared) {
    begin(database).await;
    let (first, second) = (
        with_terms(1, SubscriptionStatus::PastDue, 500, None),
        with_terms(2, SubscriptionStatus::Active, 400, None),
    );
    let writes = [Write::Subscription(first.clone()), Write::Subscription(second.clone())];
    commit(database, writes).await.unwrap();
    let overdue = async |ended_before: i64, asked_before: i64| {
        let found = database
            .overdue_subscriptions(at(ended_before), at(asked_before), 10)
            .await;
        found.unwrap().iter().map(|found| found.id).collect::<Vec<_>>()
    };
    assert!(overdue(400, 1_000).await.is_empty());
    assert_eq!(overdue(500, 1_000).await, [second.id]);
    assert_eq!(overdue(501, 1_000).await, [second.id, first.id]);
    let asked = |at_seconds: i64, before: i64| Write::AskedAbout {
        subscription_id: second.id,
        at: at(at_seconds),
        asked_before: at(before),
    };
    commit(database, [asked(600, 600)]).await.unwrap();
    assert_eq!(
        commit(database, [asked(700, 600)]).await,
        version_conflict("subscription")
    );
    assert_eq!(overdue(501, 600).await, [first.id]);
    assert_eq!(overdue(501, 601).await, [second.id, first.id]);
    // It disturbs no change of the subscription.
    let known = stored(&second, |subscription| subscription.version = 1);
    commit(database, [Write::Subscription(known)]).await.unwrap();
}
