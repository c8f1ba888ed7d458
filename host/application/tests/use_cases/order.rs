//! Webhooks come in any order, and more than once: the end is the same.

use tillgate_application::inbox::{InboxEntry, InboxStatus};
use tillgate_application::ports::{EventBody, ProviderEvent};
use tillgate_application::{
    RetrieveSubscription, bounds, create_checkout_session, process_due_webhooks, retrieve_subscription,
};
use tillgate_domain::{CheckoutType, PaymentState, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{World, checkout_completed, payment, refund, subscription_event};

use crate::given::{counted, with_key};

/// Every order of the numbers below `count` (Heap's algorithm).
fn orders(count: usize) -> Vec<Vec<usize>> {
    fn permute(size: usize, items: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if size <= 1 {
            found.push(items.clone());
            return;
        }
        for index in 0..size {
            permute(size - 1, items, found);
            items.swap(if size.is_multiple_of(2) { index } else { 0 }, size - 1);
        }
    }
    let mut found = Vec::new();
    permute(count, &mut (0..count).collect(), &mut found);
    found
}

async fn after(order: &[usize], events: &dyn Fn(&str) -> Vec<ProviderEvent>, doubled: bool) -> World {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let checkout = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::Subscription))
        .await
        .unwrap();
    let events = events(&checkout.id);
    // Who is asked while something is still on its way says how it is in the end.
    let last = events.iter().rev().find_map(|event| match &event.body {
        EventBody::Subscription { subscription, .. } => Some((**subscription).clone()),
        _ => None,
    });
    if let Some(last) = last.filter(|_| events.iter().any(|event| matches!(event.body, EventBody::Payment(_)))) {
        world.provider.put_subscription(last);
    }
    for number in order {
        let times = if doubled { 2 } else { 1 };
        for _ in 0..times {
            world.deliver(vec![events[*number].clone()]).await.unwrap();
        }
    }
    settle(&world).await;
    world
}

/// Lets all that waits come to its end, however long that takes.
async fn settle(world: &World) {
    for _ in 0..100 {
        process_due_webhooks(&world.app).await.unwrap();
        let waits = |entry: &InboxEntry| entry.status == InboxStatus::Pending;
        if !world.store.rows().inbox.values().any(waits) {
            return;
        }
        world.clock.advance(60 * 60 * 1000);
    }
    panic!("webhooks wait for ever");
}

fn a_life(checkout: &str) -> Vec<ProviderEvent> {
    use SubscriptionChange::{Created, Updated};
    use SubscriptionStatus::{Active, Incomplete};
    vec![
        subscription_event("evt_1", Created, 1, Incomplete, 3, Some(checkout)),
        checkout_completed("evt_2", 2, Some(checkout), Some("sub_a")),
        subscription_event("evt_3", Updated, 2, Active, 3, Some(checkout)),
        payment("evt_4", 2, "in_1", PaymentState::Succeeded),
        subscription_event("evt_5", Updated, 8, Active, 5, Some(checkout)),
    ]
}

#[tokio::test]
async fn a_subscriptions_life_in_every_order() {
    for order in orders(5) {
        for doubled in [false, true] {
            let world = after(&order, &a_life, doubled).await;
            let rows = world.store.rows();
            let subscription = rows.subscriptions.values().next().unwrap();
            assert_eq!(
                (subscription.status(), subscription.terms().seats),
                (SubscriptionStatus::Active, Some(5)),
                "{order:?}"
            );
            assert_eq!(subscription.product_id.as_deref(), Some("pro"), "{order:?}");
            let customer = rows.customers.values().next().unwrap();
            let known = (customer.organization_id.as_deref(), customer.user_id.as_deref());
            assert_eq!(known, (Some("org_1"), Some("user_1")), "{order:?}");
            assert_eq!(customer.email.as_deref(), Some("a@example.com"), "{order:?}");
            let counts = (rows.customers.len(), rows.subscriptions.len(), rows.purchases.len());
            assert_eq!(counts, (1, 1, 1), "{order:?}");
            assert_eq!((rows.payments.len(), rows.event_keys.len()), (1, 5), "{order:?}");
            let paid = &rows.payments.values().next().unwrap().facts;
            assert_eq!(
                (paid.customer_id, paid.subscription_id),
                (Some(customer.id), Some(subscription.id)),
                "{order:?}"
            );
            let session = rows.checkout_sessions.values().next().unwrap();
            assert_eq!(session.status().as_str(), "complete", "{order:?}");
        }
    }
}

#[tokio::test]
async fn what_ended_stays_ended_in_every_order() {
    let events = |checkout: &str| {
        use SubscriptionChange::{Created, Ended, Updated};
        use SubscriptionStatus::{Active, Canceled, PastDue};
        vec![
            subscription_event("evt_1", Created, 1, Active, 3, Some(checkout)),
            subscription_event("evt_2", Updated, 5, PastDue, 4, Some(checkout)),
            subscription_event("evt_3", Ended, 9, Canceled, 4, Some(checkout)),
            // Sent late, as providers do.
            subscription_event("evt_4", Updated, 9, Active, 4, Some(checkout)),
        ]
    };
    for order in orders(4) {
        let world = after(&order, &events, false).await;
        let rows = world.store.rows();
        let subscription = rows.subscriptions.values().next().unwrap();
        assert_eq!(subscription.status(), SubscriptionStatus::Canceled, "{order:?}");
        drop(rows);
        let canceled = world
            .published("subscription")
            .iter()
            .filter(|name| *name == "subscription.canceled")
            .count();
        assert_eq!(canceled, 1, "{order:?}");
    }
}

#[tokio::test]
async fn a_renewal_that_failed_and_recovered_in_every_order() {
    let events = |_: &str| {
        vec![
            payment("evt_1", 1, "in_1", PaymentState::Failed),
            payment("evt_2", 5, "in_1", PaymentState::Succeeded),
            refund("evt_3", 9, "re_1", "ch_in_1", 500),
        ]
    };
    for order in orders(3) {
        let world = after(&order, &events, true).await;
        let rows = world.store.rows();
        assert_eq!((rows.payments.len(), rows.refunds.len()), (1, 1), "{order:?}");
        let payment = rows.payments.values().next().unwrap();
        assert_eq!(payment.facts.state, PaymentState::Succeeded, "{order:?}");
        let refund = rows.refunds.values().next().unwrap();
        assert_eq!(refund.payment_id, Some(payment.id), "{order:?}");
        assert_eq!(payment.refunded_amount, 500, "{order:?}");
        drop(rows);
        assert_eq!(
            counted(&world.published("refund")),
            [("refund.created", 1)].into(),
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn a_refund_of_a_payment_that_is_none_of_ours_is_taken_in_without_it() {
    let world = World::new().await.unwrap();
    let told = refund("evt_1", 9, "re_1", "ch_foreign", 500);
    world.deliver(vec![told]).await.unwrap();
    assert!(world.store.rows().refunds.is_empty(), "its payment may be on its way");
    settle(&world).await;
    let rows = world.store.rows();
    let known = rows.refunds.values().next().unwrap();
    assert_eq!((known.payment_id, known.facts.amount.amount), (None, 500));
    let entry = rows.inbox.values().next().unwrap();
    assert_eq!(
        (entry.status, entry.attempts),
        (InboxStatus::Processed, bounds::PAYMENT_AWAITED_ATTEMPTS)
    );
}

#[tokio::test]
async fn two_refunds_of_one_payment_add_up_in_every_order() {
    let events = |_: &str| {
        vec![
            payment("evt_1", 1, "in_1", PaymentState::Succeeded),
            refund("evt_2", 5, "re_1", "ch_in_1", 500),
            refund("evt_3", 9, "re_2", "in_1", 700),
        ]
    };
    for order in orders(3) {
        let world = after(&order, &events, true).await;
        let rows = world.store.rows();
        let payment = rows.payments.values().next().unwrap();
        assert_eq!((rows.refunds.len(), payment.refunded_amount), (2, 1_200), "{order:?}");
    }
}

fn in_one_second(key: &str, seats: u64) -> ProviderEvent {
    let (change, status) = (SubscriptionChange::Updated, SubscriptionStatus::Active);
    subscription_event(key, change, 4, status, seats, None)
}

/// How the provider has it from now on.
fn now_has(world: &World, seats: u64) {
    if let EventBody::Subscription { subscription, .. } = in_one_second("", seats).body {
        world.provider.put_subscription(*subscription);
    }
}

/// Three changes of one second, by the provider's clock. One host asks, and its answer is still on its way when the third
/// change comes, about which another host asks, and is answered at once.
#[tokio::test]
async fn an_answer_says_nothing_about_what_became_known_since_it_was_asked_for() {
    let world = World::new().await.unwrap();
    let other = world.another_host();
    now_has(&world, 2);
    world.deliver(vec![in_one_second("evt_1", 1)]).await.unwrap();
    world.deliver(vec![in_one_second("evt_2", 2)]).await.unwrap();
    let late = world.provider.hold_next_answer();
    let overtaking = async {
        while world.provider.requests() == 0 {
            tokio::task::yield_now().await;
        }
        now_has(&world, 3);
        world.deliver(vec![in_one_second("evt_3", 3)]).await.unwrap();
        assert_eq!(process_due_webhooks(&other).await.unwrap().done, 1);
        drop(late);
    };
    let (processed, ()) = tokio::join!(process_due_webhooks(&world.app), overtaking);
    assert_eq!(processed.unwrap().done, 1);
    let rows = world.store.rows();
    assert_eq!(rows.subscriptions.values().next().unwrap().terms().seats, Some(3));
}

/// The same, where the one who asks is a tenant who wants to know.
#[tokio::test]
async fn a_refresh_says_nothing_about_what_became_known_since_it_was_asked_for() {
    let world = World::new().await.unwrap();
    let other = world.another_host();
    now_has(&world, 2);
    world.deliver(vec![in_one_second("evt_1", 1)]).await.unwrap();
    let subscription_id = *world.store.rows().subscriptions.keys().next().unwrap();
    let late = world.provider.hold_next_answer();
    let overtaking = async {
        while world.provider.requests() == 0 {
            tokio::task::yield_now().await;
        }
        now_has(&world, 3);
        world.deliver(vec![in_one_second("evt_3", 3)]).await.unwrap();
        assert_eq!(process_due_webhooks(&other).await.unwrap().done, 1);
        drop(late);
    };
    let query = RetrieveSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        refresh: true,
    };
    let (refreshed, ()) = tokio::join!(retrieve_subscription(&world.app, query), overtaking);
    assert_eq!(refreshed.unwrap().seats, Some(3));
    let rows = world.store.rows();
    assert_eq!(rows.subscriptions.values().next().unwrap().terms().seats, Some(3));
}

#[tokio::test]
async fn two_changes_in_one_second_are_settled_by_asking() {
    let world = World::new().await.unwrap();
    let change = in_one_second;
    now_has(&world, 6);
    world.deliver(vec![change("evt_1", 6)]).await.unwrap();
    assert_eq!(world.provider.requests(), 0);
    // Older in truth, and nothing in it says so.
    world.deliver(vec![change("evt_2", 2)]).await.unwrap();
    let pending = |world: &World| {
        let rows = world.store.rows();
        rows.inbox.values().filter(|entry| entry.processed_at.is_none()).count()
    };
    assert_eq!(pending(&world), 1, "acknowledged, and its effect is to come");
    let processed = process_due_webhooks(&world.app).await.unwrap();
    assert_eq!(processed.done, 1);
    assert_eq!((pending(&world), world.provider.requests()), (0, 1));
    {
        let rows = world.store.rows();
        assert_eq!(rows.subscriptions.values().next().unwrap().terms().seats, Some(6));
    }
    // A repetition of either is no tie any more.
    world.deliver(vec![change("evt_2", 2)]).await.unwrap();
    assert_eq!((pending(&world), world.provider.requests()), (0, 1));
}
