//! What is kept of a webhook that failed.

use tillgate_application::bounds::INBOX_ATTEMPTS_MAX;
use tillgate_application::inbox::{InboxEntry, InboxStatus, PluginBuild};
use tillgate_application::{process_due_webhooks, receive_webhook};
use tillgate_domain::{SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{Failing, World, subscription_event, webhook};

/// Longer than the longest pause between two tries.
pub(crate) const AFTER_ANY_PAUSE_MS: i64 = 2 * 60 * 60 * 1000;

/// A subscription with three seats begins.
pub(crate) fn created() -> tillgate_application::ports::ProviderEvent {
    subscription_event(
        "evt_1",
        SubscriptionChange::Created,
        1,
        SubscriptionStatus::Active,
        3,
        None,
    )
}

/// The only webhook there is.
pub(crate) fn only_entry(world: &World) -> InboxEntry {
    let rows = world.store.rows();
    assert_eq!(rows.inbox.len(), 1);
    rows.inbox.values().next().unwrap().clone()
}

/// Tries until it is given up.
pub(crate) async fn give_up(world: &World) {
    for _ in 0..INBOX_ATTEMPTS_MAX {
        process_due_webhooks(&world.app).await.unwrap();
        world.clock.advance(AFTER_ANY_PAUSE_MS);
    }
    let all = world
        .store
        .rows()
        .inbox
        .values()
        .map(|entry| entry.status)
        .collect::<Vec<_>>();
    assert!(!all.contains(&InboxStatus::Pending), "{all:?}");
}

fn pinned() -> PluginBuild {
    PluginBuild {
        name: "acme".to_owned(),
        version: "0.1.0".to_owned(),
        digest: "digest-of-0.1.0".to_owned(),
    }
}

#[tokio::test]
async fn one_that_is_not_understood_names_the_plugin_from_the_first_try_to_the_last() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![created()]).await.unwrap();
    assert_eq!(only_entry(&world).failed_with, Some(pinned()));
    give_up(&world).await;
    let entry = only_entry(&world);
    assert_eq!((entry.status, entry.failed_with), (InboxStatus::Dead, Some(pinned())));
    assert!(entry.error.unwrap().contains("can't be understood"));
    assert!(entry.journal.is_empty(), "the provider was never asked");
    assert!(entry.next_attempt_at < world.app.now(), "since when it is dead");
}

#[tokio::test]
async fn what_the_plugin_asked_the_provider_is_kept_until_it_works() {
    let world = World::new().await.unwrap();
    let request = webhook(world.provider.body_of(vec![created()], true), "whsec_1");
    receive_webhook(&world.app, world.account_id, request).await.unwrap();
    world.provider.fail_next([Failing::Refused]);
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().postponed, 1);
    let entry = only_entry(&world);
    assert_eq!(entry.journal.len(), 1);
    assert!(entry.journal[0].outcome.is_some());
    assert!(entry.error.is_some() && entry.failed_with.is_some());
    world.clock.advance(AFTER_ANY_PAUSE_MS);
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 1);
    let entry = only_entry(&world);
    assert_eq!(
        (entry.status, entry.error, entry.failed_with, entry.journal.len()),
        (InboxStatus::Processed, None, None, 0)
    );
}
