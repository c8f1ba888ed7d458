//! Effects are counted once, when they are committed.

use tillgate_application::bounds::INBOX_ATTEMPTS_MAX;
use tillgate_application::{create_checkout_session, process_due_webhooks, receive_webhook};
use tillgate_domain::{CheckoutType, PaymentState, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{CommitFault, World, payment, subscription_event, webhook};

use crate::given::{AFTER_ANY_LEASE_MS, with_key};

/// Longer than the longest pause between two tries.
const AFTER_ANY_PAUSE_MS: i64 = 2 * 60 * 60 * 1000;

fn created() -> tillgate_application::ports::ProviderEvent {
    subscription_event(
        "evt_1",
        SubscriptionChange::Created,
        1,
        SubscriptionStatus::Active,
        3,
        None,
    )
}

/// How often anything was counted under a word.
fn total(world: &World, what: &str) -> u64 {
    world.metrics.all(what).iter().map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_checkout_that_conflicts_and_is_asked_for_again_is_counted_once() {
    for faults in [
        vec![],
        vec![CommitFault::None, CommitFault::Conflict],
        vec![CommitFault::None, CommitFault::Conflict, CommitFault::Conflict],
        vec![CommitFault::None, CommitFault::NotWritten],
    ] {
        let world = World::new().await.unwrap();
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        world.store.fault_commits(faults.clone());
        let _may_fail = create_checkout_session(&world.app, &caller, command.clone()).await;
        world.store.fault_commits([]);
        world.clock.advance(AFTER_ANY_LEASE_MS);
        create_checkout_session(&world.app, &caller, command).await.unwrap();
        let counted = world.metrics.all("checkout_session_created");
        assert_eq!(
            counted,
            [("checkout_session_created one_time acme".to_owned(), 1)],
            "{faults:?}"
        );
    }
}

#[tokio::test]
async fn events_that_come_twice_or_conflict_are_counted_once() {
    let world = World::new().await.unwrap();
    let failed = payment("evt_2", 2, "in_1", PaymentState::Failed);
    for faults in [vec![CommitFault::Conflict, CommitFault::NotWritten], vec![], vec![]] {
        world.store.fault_commits(faults);
        let events = vec![created(), failed.clone(), failed.clone()];
        let request = webhook(world.provider.body_of(events, false), "whsec_1");
        let _may_fail = receive_webhook(&world.app, world.account_id, request).await;
    }
    assert_eq!(total(&world, "webhook_event"), 2);
    assert!(
        world
            .metrics
            .all("webhook_event")
            .iter()
            .all(|(name, _)| name.ends_with(" true"))
    );
    assert_eq!(world.metrics.count("subscription_changed created"), 1);
    assert_eq!(total(&world, "subscription_changed"), 1);
    assert_eq!(world.metrics.count("payment_failed insufficient_funds"), 1);
}

#[tokio::test]
async fn a_webhook_that_is_given_up_is_counted_once_and_no_try_is() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![created()]).await.unwrap();
    for tries in 0..INBOX_ATTEMPTS_MAX {
        assert_eq!(total(&world, "webhook_event"), 0, "after {tries} tries");
        process_due_webhooks(&world.app).await.unwrap();
        world.clock.advance(AFTER_ANY_PAUSE_MS);
    }
    assert_eq!(total(&world, "webhook_event"), 1);
    assert!(world.metrics.all("webhook_event")[0].0.ends_with(" false"));
}

#[tokio::test]
async fn a_webhook_that_is_not_believed_is_counted_as_that_alone() {
    let world = World::new().await.unwrap();
    let request = webhook(world.provider.body_of(vec![created()], false), "whsec_wrong");
    receive_webhook(&world.app, world.account_id, request).await.unwrap();
    assert_eq!(total(&world, "webhook_rejected"), 1);
    assert_eq!(total(&world, "webhook_event"), 0);
}
