//! What becomes of webhooks that have no effect, or not yet.

use tillgate_application::bounds::{INBOX_ATTEMPTS_MAX, WEBHOOK_FAILURES_BURST};
use tillgate_application::inbox::InboxStatus;
use tillgate_application::ports::WebhookRejection;
use tillgate_application::{WebhookAnswer, process_due_webhooks, receive_webhook};
use tillgate_domain::{PaymentState, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{World, checkout_completed, payment, subscription_event, webhook};

fn created() -> tillgate_application::ports::ProviderEvent {
    subscription_event(
        "evt_1",
        SubscriptionChange::Created,
        1,
        SubscriptionStatus::Trialing,
        3,
        None,
    )
}

/// Longer than the longest pause between two tries.
const AFTER_ANY_PAUSE_MS: i64 = 2 * 60 * 60 * 1000;

#[tokio::test]
async fn one_that_is_not_understood_is_tried_again() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![created()]).await.unwrap();
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().postponed, 1);
    assert_eq!(
        process_due_webhooks(&world.app).await.unwrap().postponed,
        0,
        "there is a pause"
    );
    world.provider.set_unparsable(false);
    world.clock.advance(AFTER_ANY_PAUSE_MS);
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 1);
    let rows = world.store.rows();
    assert_eq!(rows.subscriptions.len(), 1);
    let entry = rows.inbox.values().next().unwrap();
    assert_eq!((entry.status, entry.error.as_deref()), (InboxStatus::Processed, None));
}

#[tokio::test]
async fn one_that_never_works_is_given_up_and_kept() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    world.deliver(vec![created()]).await.unwrap();
    let mut dead = 0;
    for _ in 0..INBOX_ATTEMPTS_MAX {
        assert_eq!(dead, 0);
        dead += process_due_webhooks(&world.app).await.unwrap().dead;
        world.clock.advance(AFTER_ANY_PAUSE_MS);
    }
    assert_eq!(dead, 1);
    let rows = world.store.rows();
    let entry = rows.inbox.values().next().unwrap();
    assert_eq!((entry.status, entry.attempts), (InboxStatus::Dead, INBOX_ATTEMPTS_MAX));
    assert!(entry.error.as_deref().unwrap().contains("can't be understood"));
    assert!(!entry.request.body.is_empty());
}

#[tokio::test]
async fn one_of_another_mode_is_kept_without_effect() {
    let world = World::new().await.unwrap();
    let mut live = created();
    live.live = Some(true);
    world.deliver(vec![live]).await.unwrap();
    let rows = world.store.rows();
    assert_eq!((rows.subscriptions.len(), rows.inbox.len()), (0, 1));
}

#[tokio::test]
async fn one_that_repeats_a_known_event_brings_its_new_ones() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    world
        .deliver(vec![created(), payment("evt_2", 2, "in_1", PaymentState::Succeeded)])
        .await
        .unwrap();
    let rows = world.store.rows();
    assert_eq!(
        (rows.subscriptions.len(), rows.payments.len(), rows.event_keys.len()),
        (1, 1, 2)
    );
}

#[tokio::test]
async fn a_repetition_is_acknowledged_and_not_kept() {
    let world = World::new().await.unwrap();
    for _ in 0..3 {
        world.deliver(vec![created()]).await.unwrap();
    }
    let rows = world.store.rows();
    assert_eq!(
        (rows.inbox.len(), rows.events.len()),
        (1, 3),
        "customer, subscription, purchase"
    );
}

#[tokio::test]
async fn a_paid_checkout_is_a_completed_purchase_of_its_product() {
    let world = World::new().await.unwrap();
    world
        .deliver(vec![checkout_completed("evt_1", 1, None, None)])
        .await
        .unwrap();
    let rows = world.store.rows();
    let purchase = rows.purchases.values().next().unwrap();
    assert_eq!(purchase.status().as_str(), "completed");
    assert_eq!(purchase.provider_transaction_id.as_deref(), Some("pay_0"));
    assert_eq!(purchase.amount.unwrap().amount, 2_000);
    drop(rows);
    assert_eq!(world.published("purchase"), ["purchase.completed", "purchase.created"]);
}

#[tokio::test]
async fn a_flood_of_false_ones_is_told_to_stay_away_and_keeps_no_genuine_one_out() {
    let world = World::new().await.unwrap();
    let other = world.connect("other", false).await.unwrap();
    let forged = async |account| {
        let request = webhook(b"{}".to_vec(), "whsec_guessed");
        receive_webhook(&world.app, account, request).await.unwrap()
    };
    let refused = |answer: &WebhookAnswer| {
        matches!(
            answer,
            WebhookAnswer::Rejected {
                reason: WebhookRejection::SignatureInvalid,
                ..
            }
        )
    };
    for _ in 0..WEBHOOK_FAILURES_BURST {
        assert!(refused(&forged(world.account_id).await));
    }
    let too_often = WebhookAnswer::RejectedTooOften { retry_after_seconds: 1 };
    assert_eq!(forged(world.account_id).await, too_often);
    assert!(refused(&forged(other).await), "another account has its own");
    let answer = world.deliver(vec![created()]).await.unwrap();
    assert!(matches!(answer, WebhookAnswer::Acknowledged(_)), "{answer:?}");
    assert_eq!(world.store.rows().subscriptions.len(), 1);
    assert_eq!(forged(world.account_id).await, too_often);
    world.clock.advance(1_000);
    assert!(refused(&forged(world.account_id).await));
    assert_eq!(forged(world.account_id).await, too_often);
}
