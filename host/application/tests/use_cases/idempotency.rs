//! The same key and request: the same answer, once.

use tillgate_application::operation::OperationStatus;
use tillgate_application::ports::GatewayError;
use tillgate_application::{
    ApplicationError, Caller, CreateApiKey, CreateTenant, create_api_key, create_checkout_session, create_tenant,
};
use tillgate_domain::{CheckoutType, Mode};
use tillgate_fakes::{Failing, World};

use crate::given::with_key;

#[tokio::test]
async fn the_same_key_gives_the_first_answer() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    let first = create_checkout_session(&world.app, &caller, command.clone())
        .await
        .unwrap();
    let mut later = command;
    // What was answered once is answered again, whatever the world has become.
    later.product_id = "gone".to_owned();
    let second = create_checkout_session(&world.app, &caller, later).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let world = World::new().await.unwrap();
    let command = world.checkout(CheckoutType::OneTime);
    create_checkout_session(&world.app, &with_key(world.tenant_id, "key", 1), command.clone())
        .await
        .unwrap();
    let refused = create_checkout_session(&world.app, &with_key(world.tenant_id, "key", 2), command).await;
    assert_eq!(refused.unwrap_err(), ApplicationError::IdempotencyKeyReused);
    assert_eq!(world.provider.performed().len(), 1);
}

#[tokio::test]
async fn without_a_key_each_request_is_its_own() {
    let world = World::new().await.unwrap();
    let caller = Caller::tenant(world.tenant_id);
    for _ in 0..2 {
        create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
            .await
            .unwrap();
    }
    assert_eq!(world.provider.performed().len(), 2);
}

#[tokio::test]
async fn two_at_once_do_it_once() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    let other = world.another_host();
    let (one, two) = tokio::join!(
        create_checkout_session(&world.app, &caller, command.clone()),
        create_checkout_session(&other, &caller, command.clone()),
    );
    let in_use = |result: &Result<_, ApplicationError>| *result == Err(ApplicationError::IdempotencyKeyInUse);
    assert!(one.is_ok() || two.is_ok());
    assert!(one.is_ok() || in_use(&one), "{one:?}");
    assert!(two.is_ok() || in_use(&two), "{two:?}");
    assert_eq!(world.provider.performed().len(), 1);
    create_checkout_session(&world.app, &caller, command).await.unwrap();
    assert_eq!(world.provider.performed().len(), 1);
}

#[tokio::test]
async fn a_decline_is_final_for_its_key() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    world.provider.fail_next([Failing::Declined]);
    let first = create_checkout_session(&world.app, &caller, command.clone()).await;
    let second = create_checkout_session(&world.app, &caller, command).await;
    assert_eq!(first, second);
    let Err(ApplicationError::Gateway { error, .. }) = first else {
        panic!("{first:?}");
    };
    assert!(matches!(*error, GatewayError::Rejected(_)), "{error:?}");
    assert_eq!(world.provider.performed().len(), 0);
    let status = world.store.rows().checkout_sessions.values().next().unwrap().status();
    assert_eq!(status.as_str(), "failed");
}

#[tokio::test]
async fn what_was_not_sent_or_may_have_been_is_settled_under_the_same_key() {
    for failing in [
        Failing::NotSent,
        Failing::RateLimited,
        Failing::AnswerLost,
        Failing::PluginTraps,
    ] {
        let world = World::new().await.unwrap();
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        world.provider.fail_next([failing]);
        let failed = create_checkout_session(&world.app, &caller, command.clone()).await;
        assert!(failed.is_err(), "{failing:?}");
        let status = world.store.rows().operations.values().next().unwrap().status;
        let expected = match failing {
            Failing::NotSent | Failing::RateLimited => OperationStatus::NotSent,
            _ => OperationStatus::UnknownOutcome,
        };
        assert_eq!(status, expected, "{failing:?}");
        let view = create_checkout_session(&world.app, &caller, command).await.unwrap();
        assert_eq!(view.status, "open");
        assert_eq!(world.provider.performed().len(), 1, "{failing:?}");
    }
}

#[tokio::test]
async fn without_a_key_what_was_not_sent_is_over() {
    let world = World::new().await.unwrap();
    world.provider.fail_next([Failing::NotSent]);
    let caller = Caller::tenant(world.tenant_id);
    let failed = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime)).await;
    let Err(ApplicationError::Gateway { error, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert!(matches!(*error, GatewayError::NotSent(_)), "{error:?}");
    let rows = world.store.rows();
    let session = rows.checkout_sessions.values().next().unwrap();
    assert_eq!(session.status().as_str(), "failed", "nobody can go on with it");
}

#[tokio::test]
async fn an_operation_goes_on_though_its_caller_goes_away() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    let (app, asking, asked) = (world.app.clone(), caller.clone(), command.clone());
    let task = tokio::spawn(async move { create_checkout_session(&app, &asking, asked).await });
    while world.store.rows().operations.is_empty() {
        tokio::task::yield_now().await;
    }
    task.abort();
    let _gone = task.await;
    world.app.drain().await;
    let status = world.store.rows().operations.values().next().unwrap().status;
    assert_eq!(status, OperationStatus::Succeeded);
    create_checkout_session(&world.app, &caller, command).await.unwrap();
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn a_key_shown_once_is_shown_again_under_its_idempotency_key_and_kept_sealed() {
    let world = World::new().await.unwrap();
    let mut operator = with_key(world.tenant_id, "key", 1);
    operator.tenant_id = None;
    let command = CreateApiKey {
        tenant_id: world.tenant_id,
        name: "backend".to_owned(),
    };
    let first = create_api_key(&world.app, &operator, command.clone()).await.unwrap();
    let second = create_api_key(&world.app, &operator, command).await.unwrap();
    assert_eq!(first.key, second.key);
    let rows = world.store.rows();
    assert_eq!(rows.api_keys.len(), 1);
    let kept = rows.idempotency_keys.values().next().unwrap().answer.clone().unwrap();
    assert!(kept.starts_with(b"tnt_"), "sealed for its owner: {kept:?}");
}

#[tokio::test]
async fn keys_of_two_owners_are_two_keys() {
    let world = World::new().await.unwrap();
    let mut operator = with_key(world.tenant_id, "key", 1);
    operator.tenant_id = None;
    let new = CreateTenant {
        name: "Other".to_owned(),
        mode: Mode::Test,
    };
    create_tenant(&world.app, &operator, new).await.unwrap();
    let caller = with_key(world.tenant_id, "key", 2);
    create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
}
