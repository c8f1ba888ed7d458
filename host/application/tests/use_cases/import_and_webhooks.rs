//! An import, and webhooks that come before and after it.

use tillgate_application::ports::{BackfillItem, BackfillKind, EventBody, ProviderEvent};
use tillgate_application::{ImportAccount, import_account};
use tillgate_domain::{SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{World, subscription_event};
use tokio_util::sync::CancellationToken;

fn told(name: &str, change: SubscriptionChange, seconds: i64, status: SubscriptionStatus, seats: u64) -> ProviderEvent {
    subscription_event(name, change, seconds, status, seats, None)
}

fn listed(status: SubscriptionStatus, seats: u64) -> BackfillItem {
    match told("", SubscriptionChange::Updated, 0, status, seats).body {
        EventBody::Subscription { subscription, .. } => BackfillItem::Subscription(subscription),
        other => panic!("{other:?}"),
    }
}

/// Takes over, as no news, what the provider lists.
async fn import(world: &World, item: BackfillItem) {
    world.provider.put_list(BackfillKind::Subscriptions, vec![item]);
    let command = ImportAccount {
        account_id: world.account_id,
        plugin: "acme".to_owned(),
        kinds: vec![BackfillKind::Subscriptions],
        announce: false,
        dry_run: false,
        restart: false,
    };
    let stop = CancellationToken::new();
    import_account(&world.app, command, &mut |_| {}, &stop).await.unwrap();
}

fn seats(world: &World) -> Option<u64> {
    world.store.rows().subscriptions.values().next().unwrap().terms().seats
}

#[tokio::test]
async fn what_an_import_confirms_is_not_undone_by_an_older_webhook() {
    use SubscriptionChange::{Created, Updated};
    use SubscriptionStatus::Active;
    let world = World::new().await.unwrap();
    world
        .deliver(vec![told("evt_1", Created, 10, Active, 5)])
        .await
        .unwrap();
    // Meanwhile there were eight, and then five again; of that nothing was heard yet.
    world.clock.advance(60_000);
    import(&world, listed(Active, 5)).await;
    world
        .deliver(vec![told("evt_2", Updated, 12, Active, 8)])
        .await
        .unwrap();
    assert_eq!(seats(&world), Some(5));
    world
        .deliver(vec![told("evt_3", Updated, 120, Active, 9)])
        .await
        .unwrap();
    assert_eq!(seats(&world), Some(9));
}

#[tokio::test]
async fn what_an_import_finds_changed_of_what_is_known_is_news() {
    use SubscriptionStatus::{Active, Canceled};
    let world = World::new().await.unwrap();
    import(&world, listed(Active, 5)).await;
    assert!(world.published("subscription").is_empty());
    world.clock.advance(60_000);
    import(&world, listed(Canceled, 5)).await;
    assert!(
        world
            .published("subscription")
            .contains(&"subscription.canceled".to_owned())
    );
}
