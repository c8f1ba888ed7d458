//! The same event id with other contents: kept and flagged, neither dropped nor applied.

use tillgate_application::inbox::{InboxEntry, InboxStatus};
use tillgate_application::ports::ProviderEvent;
use tillgate_application::{process_due_webhooks, receive_webhook};
use tillgate_domain::{SubscriptionChange, SubscriptionStatus, Timestamp};
use tillgate_fakes::{World, subscription_event, webhook};

use crate::dead_letters::created;

/// What was created, in other words.
fn contradicting() -> ProviderEvent {
    subscription_event(
        "evt_1",
        SubscriptionChange::Created,
        1,
        SubscriptionStatus::Active,
        9,
        None,
    )
}

fn statuses(world: &World) -> Vec<InboxStatus> {
    world.store.rows().inbox.values().map(|entry| entry.status).collect()
}

fn seats(world: &World) -> Option<u64> {
    world.store.rows().subscriptions.values().next().unwrap().terms().seats
}

#[tokio::test]
async fn other_contents_are_kept_and_not_applied() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let published = world.store.rows().events.len();
    world.deliver(vec![contradicting()]).await.unwrap();
    assert_eq!(statuses(&world), [InboxStatus::Processed, InboxStatus::Conflicting]);
    assert_eq!((seats(&world), world.store.rows().events.len()), (Some(3), published));
    assert_eq!(world.metrics.count("webhook_conflicting "), 1);
    let entries: Vec<InboxEntry> = world.store.rows().inbox.values().cloned().collect();
    let said = format!("event evt_1 says something else than in {}", entries[0].id);
    assert_eq!(entries[1].error.as_deref(), Some(said.as_str()));
    assert!(!entries[1].request.body.is_empty());
    assert_eq!(
        process_due_webhooks(&world.app).await.unwrap().tried(),
        0,
        "it is final"
    );
}

#[tokio::test]
async fn a_repetition_that_only_came_later_is_none() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let mut later = created();
    later.occurred_at = Some(Timestamp::from_seconds(1_800_000_000));
    world.deliver(vec![later]).await.unwrap();
    assert_eq!(statuses(&world), [InboxStatus::Processed]);
    assert_eq!(world.metrics.count("webhook_conflicting "), 0);
}

#[tokio::test]
async fn what_another_version_of_the_plugin_reads_in_it_is_none() {
    let world = World::new().await.unwrap();
    let body = world.provider.body_of(vec![created()], false);
    world.deliver_body(body.clone()).await.unwrap();
    for entry in world.store.rows().event_keys.values_mut() {
        // As the version before understood it.
        entry.event.digest = Some([9; 32]);
    }
    world.deliver_body(body.clone()).await.unwrap();
    assert_eq!(statuses(&world), [InboxStatus::Processed]);
    // Once the first one is gone, it can't be told any more: better kept than dropped.
    world.store.rows().inbox.clear();
    world.deliver_body(body.clone()).await.unwrap();
    assert_eq!(statuses(&world), [InboxStatus::Conflicting]);
    // A release that kept no digests says nothing.
    world.store.rows().inbox.clear();
    for entry in world.store.rows().event_keys.values_mut() {
        entry.event.digest = None;
    }
    world.deliver_body(body).await.unwrap();
    assert!(statuses(&world).is_empty());
}

#[tokio::test]
async fn one_that_had_to_wait_is_compared_as_well_and_what_was_fetched_is_not() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![contradicting()]).await.unwrap();
    world.provider.set_unparsable(false);
    world.deliver(vec![created()]).await.unwrap();
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 1);
    assert_eq!(statuses(&world), [InboxStatus::Conflicting, InboxStatus::Processed]);
    let fetched = webhook(world.provider.body_of(vec![contradicting()], true), "whsec_1");
    receive_webhook(&world.app, world.account_id, fetched).await.unwrap();
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 1);
    assert_eq!(statuses(&world).last(), Some(&InboxStatus::Processed));
    assert_eq!(
        (seats(&world), world.metrics.count("webhook_conflicting ")),
        (Some(3), 1)
    );
}
