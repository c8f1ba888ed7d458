//! What failed is tried again, where that does nothing twice and somebody still waits.

use tillgate_application::operation::OperationStatus;
use tillgate_application::ports::{GatewayError, Proration};
use tillgate_application::{
    ApplicationError, Caller, RetrieveSubscription, RetryPolicy, UpdateSeats, create_checkout_session,
    resume_abandoned_operations, retrieve_subscription, update_seats,
};
use tillgate_domain::CheckoutType;
use tillgate_fakes::{Failing, World};

use crate::given::{AFTER_ANY_LEASE_MS, subscribed, with_key};

async fn retrying() -> World {
    let mut world = World::new().await.unwrap();
    world.restart_with(RetryPolicy::default());
    world
}

#[tokio::test]
async fn what_failed_three_times_succeeds_the_fourth() {
    for failing in [Failing::NotSent, Failing::RateLimited, Failing::AnswerLost] {
        let world = retrying().await;
        world.provider.fail_next([failing; 3]);
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        let view = create_checkout_session(&world.app, &caller, command).await.unwrap();
        assert_eq!(view.status, "open", "{failing:?}");
        assert_eq!(world.provider.performed().len(), 1, "{failing:?}");
        let pauses = world.clock.pauses();
        assert_eq!(pauses.len(), 3);
        for (pause, longest) in pauses.into_iter().zip([1_000, 2_000, 4_000]) {
            assert!((longest / 2..=longest).contains(&pause), "{pause} of {longest}");
        }
    }
}

#[tokio::test]
async fn what_fails_a_fourth_time_has_failed() {
    let world = retrying().await;
    world.provider.fail_next([Failing::NotSent; 4]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    assert!(failed.is_err());
    assert_eq!(world.clock.pauses().len(), 3);
    assert!(world.provider.performed().is_empty());
}

#[tokio::test]
async fn a_decline_is_not_tried_again() {
    let world = retrying().await;
    world.provider.fail_next([Failing::Declined]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    assert!(failed.is_err());
    assert!(world.clock.pauses().is_empty());
}

#[tokio::test]
async fn the_provider_says_when() {
    let world = retrying().await;
    world.provider.fail_next([Failing::RateLimitedFor(12_345)]);
    let caller = with_key(world.tenant_id, "key", 1);
    create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
    assert_eq!(world.clock.pauses(), [12_345]);
}

#[tokio::test]
async fn what_would_come_too_late_is_answered_now() {
    let world = retrying().await;
    world.provider.fail_next([Failing::RateLimitedFor(31_000)]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    assert!(failed.is_err());
    assert!(world.clock.pauses().is_empty());
}

#[tokio::test]
async fn a_write_the_provider_would_not_recognize_is_not_repeated() {
    let world = retrying().await;
    world.provider.forget_idempotency();
    world.provider.fail_next([Failing::AnswerLost]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    let Err(ApplicationError::Gateway { error, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert!(matches!(*error, GatewayError::UnknownOutcome(_)), "{error:?}");
    assert_eq!(world.provider.performed().len(), 1);
    // What certainly didn't arrive is another matter.
    world.provider.fail_next([Failing::NotSent]);
    let caller = with_key(world.tenant_id, "another", 1);
    create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
    assert_eq!(world.provider.performed().len(), 2);
}

#[tokio::test]
async fn a_question_is_asked_again() {
    let (mut world, subscription_id) = subscribed().await;
    world.restart_with(RetryPolicy::default());
    world.provider.fail_next([Failing::NotSent, Failing::RateLimited]);
    let query = RetrieveSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        refresh: true,
    };
    retrieve_subscription(&world.app, query).await.unwrap();
    assert_eq!(world.clock.pauses().len(), 2);
}

#[tokio::test]
async fn a_host_that_stops_between_two_tries_leaves_one_effect() {
    for point in 0.. {
        let mut world = retrying().await;
        world
            .provider
            .fail_next([Failing::RateLimited, Failing::AnswerLost, Failing::NotSent]);
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        world.fuse.blow_after(point);
        let app = world.app.clone();
        let ended = world
            .until_stopped(create_checkout_session(&app, &caller, command.clone()))
            .await;
        world.restart();
        world.clock.advance(AFTER_ANY_LEASE_MS);
        resume_abandoned_operations(&world.app, false).await.unwrap();
        let view = create_checkout_session(&world.app, &caller, command).await.unwrap();
        assert_eq!(view.status, "open");
        assert_eq!(world.provider.performed().len(), 1, "stopped at {point}");
        if ended.is_some() {
            assert!(point > 10, "{point}");
            break;
        }
    }
}

#[tokio::test]
async fn an_outcome_that_stayed_unknown_is_settled_by_a_worker() {
    let world = retrying().await;
    world.provider.fail_next([Failing::AnswerLost; 6]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    assert!(failed.is_err());
    let status = || world.store.rows().operations.values().next().unwrap().status;
    assert_eq!(status(), OperationStatus::UnknownOutcome);
    // Not before its time, and not by hammering.
    assert_eq!(resume_abandoned_operations(&world.app, false).await.unwrap(), 0);
    assert_eq!(world.provider.requests(), 4);
    world.clock.advance(AFTER_ANY_LEASE_MS);
    resume_abandoned_operations(&world.app, false).await.unwrap();
    assert_eq!(status(), OperationStatus::Succeeded);
    assert_eq!(world.provider.performed().len(), 1);
    let rows = world.store.rows();
    assert_eq!(
        rows.checkout_sessions.values().next().unwrap().status().as_str(),
        "open"
    );
}

#[tokio::test]
async fn what_may_have_been_done_is_never_called_not_done() {
    // The first try may have been performed; what is said to the later ones changes nothing about that.
    for later in [Failing::NotSent, Failing::RateLimited, Failing::Locked] {
        for caller_has_key in [true, false] {
            let world = retrying().await;
            world.provider.fail_next([Failing::AnswerLost, later, later, later]);
            let mut caller = with_key(world.tenant_id, "key", 1);
            if !caller_has_key {
                caller.idempotency_key = None;
            }
            let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
            let Err(ApplicationError::Gateway { error, .. }) = failed else {
                panic!("{failed:?}");
            };
            assert!(
                matches!(*error, GatewayError::UnknownOutcome(_)),
                "{later:?}: {error:?}"
            );
            let rows = world.store.rows().clone();
            let status = rows.operations.values().next().unwrap().status;
            assert_eq!(status, OperationStatus::UnknownOutcome, "{later:?}");
            assert_eq!(
                rows.checkout_sessions.values().next().unwrap().status().as_str(),
                "pending"
            );
            world.clock.advance(AFTER_ANY_LEASE_MS);
            resume_abandoned_operations(&world.app, false).await.unwrap();
            let rows = world.store.rows();
            assert_eq!(
                rows.checkout_sessions.values().next().unwrap().status().as_str(),
                "open"
            );
            assert_eq!(world.provider.performed().len(), 1);
        }
    }
}

#[tokio::test]
async fn while_a_change_is_unsettled_no_other_overtakes_it() {
    let (mut world, subscription_id) = subscribed().await;
    world.restart_with(RetryPolicy::NEVER);
    let change = |seats| UpdateSeats {
        tenant_id: world.tenant_id,
        subscription_id,
        seats,
        proration: Proration::default(),
    };
    let caller = Caller::tenant(world.tenant_id);
    world.provider.fail_next([Failing::AnswerLost]);
    update_seats(&world.app, &caller, change(7)).await.unwrap_err();
    let refused = update_seats(&world.app, &caller, change(9)).await.unwrap_err();
    assert_eq!(
        refused,
        ApplicationError::OperationInProgress(subscription_id.to_string())
    );
    world.clock.advance(AFTER_ANY_LEASE_MS);
    resume_abandoned_operations(&world.app, false).await.unwrap();
    let view = update_seats(&world.app, &caller, change(9)).await.unwrap();
    assert_eq!(view.subscription.seats, Some(9));
    assert_eq!(world.provider.performed().len(), 2);
}

#[tokio::test]
async fn what_is_found_too_late_is_not_sent_again() {
    let mut world = retrying().await;
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    // Before the request, after it, and after its record.
    for point in [3, 4, 5] {
        world.fuse.blow_after(point);
        let app = world.app.clone();
        let mut caller = caller.clone();
        caller.idempotency_key.as_mut().unwrap().key = format!("key-{point}");
        let stopped = world.until_stopped(create_checkout_session(&app, &caller, command.clone()));
        assert!(stopped.await.is_none());
        world.restart();
    }
    let before = world.provider.requests();
    world.clock.advance(3 * 24 * 60 * 60 * 1000);
    resume_abandoned_operations(&world.app, true).await.unwrap();
    assert_eq!(
        world.provider.requests(),
        before,
        "the provider may have forgotten the key"
    );
    let rows = world.store.rows();
    for operation in rows.operations.values() {
        assert_eq!(operation.status, OperationStatus::UnknownOutcome);
    }
}

#[tokio::test]
async fn an_outcome_only_asking_can_settle_is_left_alone() {
    let world = retrying().await;
    world.provider.forget_idempotency();
    world.provider.fail_next([Failing::AnswerLost]);
    let caller = with_key(world.tenant_id, "key", 1);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    assert!(failed.is_err());
    for _ in 0..3 {
        world.clock.advance(AFTER_ANY_LEASE_MS);
        assert_eq!(resume_abandoned_operations(&world.app, false).await.unwrap(), 0);
    }
    assert_eq!(world.provider.requests(), 1);
}
