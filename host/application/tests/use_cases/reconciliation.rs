//! A webhook was lost: the provider is asked when something should have changed by now.

use tillgate_application::bounds::{ASKED_AGAIN_AFTER_FAILURE_MS, ASKED_AGAIN_AFTER_MS, OVERDUE_AFTER_MS};
use tillgate_application::ports::{EventBody, ProviderSubscription};
use tillgate_application::{ReconciledSubscriptions, reconcile_subscriptions};
use tillgate_domain::{SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{Failing, World, subscription_event};
use tokio_util::sync::CancellationToken;

use crate::given::subscribed;

const PERIOD_MS: i64 = 30 * 24 * 60 * 60 * 1000;

async fn reconcile(world: &World) -> ReconciledSubscriptions {
    reconcile_subscriptions(&world.app, &CancellationToken::new())
        .await
        .unwrap()
}

fn found(agreed: usize, healed: usize, failed: usize) -> ReconciledSubscriptions {
    ReconciledSubscriptions { agreed, healed, failed }
}

/// How the subscription stands at the provider.
fn stands(status: SubscriptionStatus) -> ProviderSubscription {
    match subscription_event("", SubscriptionChange::Updated, 0, status, 3, None).body {
        EventBody::Subscription { subscription, .. } => *subscription,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_end_that_nobody_told_of_is_asked_for() {
    let (world, id) = subscribed().await;
    assert_eq!(reconcile(&world).await, found(0, 0, 0), "its period goes on");
    world.clock.advance(PERIOD_MS);
    assert_eq!(reconcile(&world).await, found(0, 0, 0), "its webhook may be on its way");
    world.clock.advance(OVERDUE_AFTER_MS + 1_000);
    world.provider.put_subscription(stands(SubscriptionStatus::Canceled));
    assert_eq!(reconcile(&world).await, found(0, 1, 0));
    let status = world.store.rows().subscriptions[&id].status();
    assert_eq!(status, SubscriptionStatus::Canceled);
    assert!(
        world
            .published("subscription")
            .contains(&"subscription.canceled".to_owned())
    );
    assert_eq!(world.metrics.count("reconciled subscription healed"), 1);
    world.clock.advance(ASKED_AGAIN_AFTER_MS);
    assert_eq!(reconcile(&world).await, found(0, 0, 0), "it has ended");
}

#[tokio::test]
async fn what_stands_as_it_is_known_is_asked_about_again_after_hours() {
    let (world, _) = subscribed().await;
    world.clock.advance(PERIOD_MS + OVERDUE_AFTER_MS + 1_000);
    world.provider.put_subscription(stands(SubscriptionStatus::Active));
    assert_eq!(reconcile(&world).await, found(1, 0, 0));
    assert_eq!(reconcile(&world).await, found(0, 0, 0));
    world.clock.advance(ASKED_AGAIN_AFTER_MS);
    assert_eq!(reconcile(&world).await, found(0, 0, 0));
    world.clock.advance(1);
    assert_eq!(reconcile(&world).await, found(1, 0, 0));
}

#[tokio::test]
async fn a_provider_that_gives_no_answer_is_asked_again_soon() {
    let (world, _) = subscribed().await;
    world.clock.advance(PERIOD_MS + OVERDUE_AFTER_MS + 1_000);
    world.provider.put_subscription(stands(SubscriptionStatus::Canceled));
    world.provider.fail_next([Failing::NotSent]);
    assert_eq!(reconcile(&world).await, found(0, 0, 1));
    assert_eq!(reconcile(&world).await, found(0, 0, 0));
    world.clock.advance(ASKED_AGAIN_AFTER_FAILURE_MS + 1);
    assert_eq!(reconcile(&world).await, found(0, 1, 0));
}

#[tokio::test]
async fn two_hosts_ask_once() {
    let (world, _) = subscribed().await;
    world.clock.advance(PERIOD_MS + OVERDUE_AFTER_MS + 1_000);
    world.provider.put_subscription(stands(SubscriptionStatus::Active));
    let (another, stop) = (world.another_host(), CancellationToken::new());
    let before = world.provider.requests();
    let (here, there) = tokio::join!(
        reconcile_subscriptions(&world.app, &stop),
        reconcile_subscriptions(&another, &stop)
    );
    assert_eq!(here.unwrap().agreed + there.unwrap().agreed, 1);
    assert_eq!(world.provider.requests() - before, 1);
}

#[tokio::test]
async fn stopped_between_any_two_steps_it_is_asked_again() {
    for steps in 0.. {
        let (mut world, id) = subscribed().await;
        world.clock.advance(PERIOD_MS + OVERDUE_AFTER_MS + 1_000);
        world.provider.put_subscription(stands(SubscriptionStatus::Canceled));
        world.fuse.blow_after(steps);
        let ended = world.until_stopped(reconcile(&world)).await.is_some();
        world.restart();
        world.clock.advance(ASKED_AGAIN_AFTER_FAILURE_MS + 1);
        reconcile(&world).await;
        let status = world.store.rows().subscriptions[&id].status();
        assert_eq!(status, SubscriptionStatus::Canceled, "stopped after {steps}");
        let canceled = world.published("subscription");
        let canceled = canceled.iter().filter(|name| *name == "subscription.canceled").count();
        assert_eq!(canceled, 1, "stopped after {steps}");
        if ended {
            assert!(steps > 3, "{steps}");
            break;
        }
    }
}
