//! The database fails, or others are faster: nothing is lost, nothing is done twice.

use tillgate_application::{create_checkout_session, process_due_webhooks, receive_webhook};
use tillgate_domain::{CheckoutType, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{CommitFault, World, subscription_event, webhook};

use crate::given::{AFTER_ANY_LEASE_MS, with_key};

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

/// As many commits that succeed, and then one that doesn't.
fn the_nth(number: usize, fault: CommitFault) -> impl Iterator<Item = CommitFault> {
    std::iter::repeat_n(CommitFault::None, number).chain([fault])
}

#[tokio::test]
async fn a_checkout_is_made_once_whichever_commit_fails() {
    for fault in [
        CommitFault::NotWritten,
        CommitFault::WrittenButUnanswered,
        CommitFault::Conflict,
    ] {
        for number in 0..4 {
            let world = World::new().await.unwrap();
            let caller = with_key(world.tenant_id, "key", 1);
            let command = world.checkout(CheckoutType::OneTime);
            world.store.fault_commits(the_nth(number, fault));
            let first = create_checkout_session(&world.app, &caller, command.clone()).await;
            world.store.fault_commits([]);
            world.clock.advance(AFTER_ANY_LEASE_MS);
            let second = create_checkout_session(&world.app, &caller, command).await.unwrap();
            assert_eq!(world.provider.performed().len(), 1, "{fault:?} of commit {number}");
            if let Ok(first) = first {
                assert_eq!(first, second);
            }
            assert_eq!(world.store.rows().checkout_sessions.len(), 1);
        }
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_stored() {
    for (fault, stored) in [(CommitFault::NotWritten, 0), (CommitFault::WrittenButUnanswered, 1)] {
        let world = World::new().await.unwrap();
        world.store.fault_commits([fault]);
        let request = webhook(world.provider.body_of(vec![created()], false), "whsec_1");
        let refused = receive_webhook(&world.app, world.account_id, request.clone()).await;
        assert!(refused.is_err(), "{fault:?}: the provider sends it again");
        assert_eq!(world.store.rows().inbox.len(), stored);
        receive_webhook(&world.app, world.account_id, request).await.unwrap();
        let rows = world.store.rows();
        assert_eq!((rows.subscriptions.len(), rows.event_keys.len()), (1, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_down_is_said_to_be_and_loses_nothing() {
    let world = World::new().await.unwrap();
    world.store.set_down(true);
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    let refused = create_checkout_session(&world.app, &caller, command.clone()).await;
    assert!(refused.unwrap_err().to_string().contains("database is unavailable"));
    assert!(world.provider.performed().is_empty());
    world.store.set_down(false);
    create_checkout_session(&world.app, &caller, command).await.unwrap();
}

#[tokio::test]
async fn whoever_is_slower_reads_and_decides_again() {
    let world = World::new().await.unwrap();
    world.store.fault_commits([CommitFault::Conflict; 3]);
    world.deliver(vec![created()]).await.unwrap();
    assert_eq!(world.store.rows().subscriptions.len(), 1);
}

#[tokio::test]
async fn what_is_contended_again_and_again_is_kept_for_later() {
    let world = World::new().await.unwrap();
    world.store.fault_commits([CommitFault::Conflict; 8]);
    world.deliver(vec![created()]).await.unwrap();
    assert_eq!(world.store.rows().subscriptions.len(), 0);
    let processed = process_due_webhooks(&world.app).await.unwrap();
    assert_eq!((processed.done, processed.postponed), (1, 0));
    assert_eq!(world.store.rows().subscriptions.len(), 1);
}

#[tokio::test]
async fn two_hosts_process_each_webhook_once() {
    let world = World::new().await.unwrap();
    for number in 0..20 {
        let mut event = created();
        event.dedupe_key = format!("evt_{number}");
        let request = webhook(world.provider.body_of(vec![event], true), "whsec_1");
        receive_webhook(&world.app, world.account_id, request).await.unwrap();
    }
    let other = world.another_host();
    let (one, two) = tokio::join!(process_due_webhooks(&world.app), process_due_webhooks(&other));
    assert_eq!(one.unwrap().done + two.unwrap().done, 20);
    let rows = world.store.rows();
    assert_eq!((rows.subscriptions.len(), rows.event_keys.len()), (1, 20));
    assert_eq!(world.provider.requests(), 20);
}
