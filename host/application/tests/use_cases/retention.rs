//! What has ended is kept for as long as is said, and what hasn't is kept.

use tillgate_application::bounds::RETENTION_BATCH;
use tillgate_application::inbox::InboxStatus;
use tillgate_application::operation::OperationStatus;
use tillgate_application::ports::Expiring;
use tillgate_application::{
    Removed, ReplayWebhook, Retention, create_checkout_session, enforce_retention, process_due_webhooks, replay_webhook,
};
use tillgate_domain::CheckoutType;
use tillgate_fakes::World;
use tokio_util::sync::CancellationToken;

use crate::dead_letters::{created, only_entry};
use crate::given::with_key;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn enforce(world: &World) -> Removed {
    enforce_retention(&world.app, &Retention::default(), &CancellationToken::new())
        .await
        .unwrap()
}

fn removed(world: &World, what: Expiring) -> u64 {
    world.metrics.count(&format!("removed {}", what.as_str()))
}

#[tokio::test]
async fn each_kind_goes_when_its_days_are_over() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let mut day = 0;
    for (days, kinds) in [
        (3, &[Expiring::IdempotencyKeys][..]),
        (30, &[Expiring::ProcessedWebhooks, Expiring::Journals]),
        (90, &[Expiring::Operations, Expiring::EventKeys]),
    ] {
        world.clock.advance((days - day) * DAY_MS);
        day = days;
        enforce(&world).await;
        let all = kinds.iter().map(|what| removed(&world, *what)).sum::<u64>();
        assert_eq!(all, 0, "{kinds:?} after {days} days to the millisecond");
        world.clock.advance(1);
        enforce(&world).await;
        for what in kinds {
            assert_eq!(removed(&world, *what), 1, "{what:?}");
        }
        world.clock.advance(-1);
    }
    let rows = world.store.rows();
    assert!(rows.inbox.is_empty() && rows.operations.is_empty() && rows.idempotency_keys.is_empty());
    assert_eq!(
        (rows.subscriptions.len(), rows.events.len()),
        (1, 4),
        "what it led to stays"
    );
}

#[tokio::test]
async fn what_is_pending_or_open_stays_whatever_its_age() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![created()]).await.unwrap();
    for status in [OperationStatus::Running, OperationStatus::UnknownOutcome] {
        for operation in world.store.rows().operations.values_mut() {
            operation.status = status;
        }
        world.clock.advance(10_000 * DAY_MS);
        assert_eq!(enforce(&world).await.rows, 0);
    }
    let rows = world.store.rows();
    assert_eq!(
        (rows.inbox.len(), rows.operations.len(), rows.idempotency_keys.len()),
        (1, 1, 1)
    );
    assert!(!rows.exchanges.is_empty());
}

#[tokio::test]
async fn one_that_is_put_back_again_and_again_never_loses_what_it_is_known_by() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let published = world.store.rows().events.len();
    let id = only_entry(&world).id;
    for _ in 0..6 {
        world.clock.advance(29 * DAY_MS);
        enforce(&world).await;
        let command = ReplayWebhook {
            id,
            plugin_version: None,
        };
        replay_webhook(&world.app, command).await.unwrap();
        process_due_webhooks(&world.app).await.unwrap();
    }
    assert_eq!(only_entry(&world).status, InboxStatus::Processed);
    assert_eq!(world.store.rows().events.len(), published);
}

#[tokio::test]
async fn it_removes_batch_after_batch_until_it_is_stopped() {
    let world = World::new().await.unwrap();
    let many = u64::from(RETENTION_BATCH) * 2 + 1;
    for number in 0..many {
        let mut event = created();
        event.dedupe_key = format!("evt_{number}");
        world.deliver(vec![event]).await.unwrap();
    }
    world.clock.advance(31 * DAY_MS);
    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = enforce_retention(&world.app, &Retention::default(), &stop)
        .await
        .unwrap();
    assert_eq!(stopped, Removed::default());
    let all = enforce(&world).await;
    assert_eq!((all.rows, all.more), (many, false));
    assert_eq!(removed(&world, Expiring::ProcessedWebhooks), many);
}
