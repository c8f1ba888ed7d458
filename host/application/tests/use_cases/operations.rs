//! What operations decide.

use tillgate_application::ports::{CancelMode, Proration};
use tillgate_application::{
    ApplicationError, Caller, CancelSubscription, CreatePortalSession, PinPlugin, RetrieveSubscription, UpdateSeats,
    cancel_subscription, create_checkout_session, create_portal_session, pin_plugin, resume_abandoned_operations,
    retrieve_subscription, update_seats,
};
use tillgate_domain::{CheckoutType, DomainError, SubscriptionChange, SubscriptionStatus, Timestamp};
use tillgate_fakes::{NOW, World, subscription_event};

use crate::given::{AFTER_ANY_LEASE_MS, subscribed, with_key};

#[tokio::test]
async fn an_operation_ends_with_the_plugin_it_began_with() {
    for point in 0..6 {
        let mut world = World::new().await.unwrap();
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        world.fuse.blow_after(point);
        let app = world.app.clone();
        let stopped = world.until_stopped(create_checkout_session(&app, &caller, command));
        assert!(stopped.await.is_none());
        world.restart();
        let newer = PinPlugin {
            tenant_id: world.tenant_id,
            account_id: world.account_id,
            version: "0.2.0".to_owned(),
        };
        let account = pin_plugin(&world.app, newer).await.unwrap();
        assert_eq!(account.plugin_digest, "digest-of-0.2.0");
        world.clock.advance(AFTER_ANY_LEASE_MS);
        resume_abandoned_operations(&world.app, false).await.unwrap();
        for performed in world.provider.performed() {
            assert_eq!(performed.plugin_digest, "digest-of-0.1.0", "stopped at {point}");
        }
        // What begins now begins with the new one.
        let caller = Caller::tenant(world.tenant_id);
        create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
            .await
            .unwrap();
        let last = world.provider.performed().pop().unwrap();
        assert_eq!(last.plugin_digest, "digest-of-0.2.0");
    }
}

#[tokio::test]
async fn a_running_operation_is_not_taken_over() {
    let mut world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let command = world.checkout(CheckoutType::OneTime);
    world.fuse.blow_after(4);
    let app = world.app.clone();
    let stopped = world.until_stopped(create_checkout_session(&app, &caller, command.clone()));
    assert!(stopped.await.is_none());
    world.restart();
    // For all that is known, its host is alive.
    assert_eq!(resume_abandoned_operations(&world.app, false).await.unwrap(), 0);
    let refused = create_checkout_session(&world.app, &caller, command).await;
    assert_eq!(refused.unwrap_err(), ApplicationError::IdempotencyKeyInUse);
    // Where this host is the only one, and has only just started, it is not.
    assert_eq!(resume_abandoned_operations(&world.app, true).await.unwrap(), 1);
}

#[tokio::test]
async fn a_cancellation_at_the_end_of_the_period_is_scheduled() {
    let (world, subscription_id) = subscribed().await;
    let caller = Caller::tenant(world.tenant_id);
    let command = CancelSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        mode: CancelMode::AtPeriodEnd,
        reason: Some("too dear".to_owned()),
    };
    let view = cancel_subscription(&world.app, &caller, command).await.unwrap();
    assert_eq!(view.outcome, "scheduled");
    assert_eq!(view.effective_at.as_deref(), Some("2023-12-14T22:13:20Z"));
    assert!(view.subscription.cancel_at_period_end);
    assert_eq!(view.subscription.status, "active");
}

#[tokio::test]
async fn a_change_of_seats_that_comes_later_cancels_nothing() {
    let (world, subscription_id) = subscribed().await;
    world.provider.change_later(Timestamp::from_seconds(NOW + 86_400));
    let command = UpdateSeats {
        tenant_id: world.tenant_id,
        subscription_id,
        seats: 7,
        proration: Proration::default(),
    };
    let caller = Caller::tenant(world.tenant_id);
    let view = update_seats(&world.app, &caller, command).await.unwrap();
    assert_eq!(
        (view.outcome.as_str(), view.effective_at.as_deref()),
        ("scheduled", Some("2023-11-15T22:13:20Z"))
    );
    assert_eq!(
        (view.subscription.seats, view.subscription.cancel_at.as_deref()),
        (Some(3), None)
    );
    let command = CancelSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        mode: CancelMode::AtPeriodEnd,
        reason: None,
    };
    let view = cancel_subscription(&world.app, &caller, command).await.unwrap();
    assert_eq!(view.subscription.cancel_at.as_deref(), Some("2023-11-15T22:13:20Z"));
}

#[tokio::test]
async fn what_has_ended_is_not_changed_any_more() {
    let (world, subscription_id) = subscribed().await;
    let ended = subscription_event(
        "evt_ended",
        SubscriptionChange::Ended,
        9,
        SubscriptionStatus::Canceled,
        3,
        None,
    );
    world.deliver(vec![ended]).await.unwrap();
    let caller = Caller::tenant(world.tenant_id);
    let cancel = CancelSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        mode: CancelMode::Immediate,
        reason: None,
    };
    let seats = UpdateSeats {
        tenant_id: world.tenant_id,
        subscription_id,
        seats: 4,
        proration: Proration::default(),
    };
    let refused = [
        (
            "cancel",
            cancel_subscription(&world.app, &caller, cancel).await.map(drop),
        ),
        (
            "change the seats of",
            update_seats(&world.app, &caller, seats).await.map(drop),
        ),
    ];
    for (wanted, refused) in refused {
        let Err(ApplicationError::Domain(error @ DomainError::InvalidSubscriptionStatus { .. })) = refused else {
            panic!("{wanted}: {refused:?}");
        };
        let text = error.to_string();
        assert!(text.contains("canceled") && text.contains(wanted), "{text}");
    }
    assert!(world.provider.performed().is_empty());
}

#[tokio::test]
async fn seats_have_bounds() {
    let (world, subscription_id) = subscribed().await;
    let caller = Caller::tenant(world.tenant_id);
    for seats in [0, 1 << 63, u64::MAX] {
        let command = UpdateSeats {
            tenant_id: world.tenant_id,
            subscription_id,
            seats,
            proration: Proration::default(),
        };
        let refused = update_seats(&world.app, &caller, command).await;
        assert!(matches!(refused, Err(ApplicationError::Domain(_))), "{refused:?}");
    }
    assert_eq!(world.provider.requests(), 0);
}

#[tokio::test]
async fn a_refresh_takes_in_what_the_provider_says() {
    let (world, subscription_id) = subscribed().await;
    let mut changed = subscription_event("", SubscriptionChange::Updated, 5, SubscriptionStatus::PastDue, 9, None);
    if let tillgate_application::ports::EventBody::Subscription { subscription, .. } = &mut changed.body {
        world.provider.put_subscription((**subscription).clone());
    }
    let mut query = RetrieveSubscription {
        tenant_id: world.tenant_id,
        subscription_id,
        refresh: false,
    };
    let known = retrieve_subscription(&world.app, query.clone()).await.unwrap();
    assert_eq!((known.status.as_str(), known.seats), ("active", Some(3)));
    query.refresh = true;
    let asked = retrieve_subscription(&world.app, query).await.unwrap();
    assert_eq!((asked.status.as_str(), asked.seats), ("past_due", Some(9)));
}

#[tokio::test]
async fn a_customer_gets_to_their_portal() {
    let (world, _) = subscribed().await;
    let customer_id = *world.store.rows().customers.keys().next().unwrap();
    let command = CreatePortalSession {
        tenant_id: world.tenant_id,
        customer_id,
        return_url: "https://shop.example/account".to_owned(),
    };
    let caller = Caller::tenant(world.tenant_id);
    let view = create_portal_session(&world.app, &caller, command).await.unwrap();
    assert_eq!(view.url, "https://pay.acme.example/portal/1");
    assert_eq!(view.customer_id, customer_id.to_string());
}
