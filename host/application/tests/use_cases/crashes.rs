//! The host stops between any two steps, and once more while it makes up for it: each effect is there once.

use tillgate_application::operation::OperationStatus;
use tillgate_application::ports::{CancelMode, GatewayError, Proration, ProviderEvent};
use tillgate_application::{
    ApplicationError, CancelSubscription, ChangePlan, CreateRefund, UpdateSeats, WebhookAnswer, cancel_subscription,
    change_plan, create_checkout_session, create_refund, process_due_webhooks, receive_webhook,
    resume_abandoned_operations, update_seats,
};
use tillgate_domain::{CheckoutType, Money, PaymentState, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{World, checkout_completed, payment, refund, subscription_event, webhook};

use crate::given::{AFTER_ANY_LEASE_MS, counted, paid, subscribed, subscribed_with_choice, with_key};

/// The most points a host passes in any of these tests; more means that one never ends.
const POINTS_MAX: u32 = 60;

/// Stops a host at the given point of `what`, starts it again, and lets it resume, stopping at the second point.
/// Answers whether each was reached.
macro_rules! crash_twice {
    ($world:ident, $first:expr, $second:expr, $what:expr) => {{
        $world.fuse.blow_after($first);
        let crashed = $world.until_stopped($what).await.is_none();
        if crashed {
            $world.restart();
            $world.clock.advance(AFTER_ANY_LEASE_MS);
            $world.fuse.blow_after($second);
            let resuming = resume_abandoned_operations(&$world.app, false);
            let again = $world.until_stopped(resuming).await.is_none();
            $world.restart();
            $world.clock.advance(AFTER_ANY_LEASE_MS);
            (true, again)
        } else {
            (false, false)
        }
    }};
}

#[tokio::test]
async fn a_checkout_session_is_made_once() {
    let (mut first, mut crashes) = (0, 0);
    'first: loop {
        for second in 0.. {
            assert!(first < POINTS_MAX && second < POINTS_MAX);
            let mut world = World::new().await.unwrap();
            let caller = with_key(world.tenant_id, "key", 1);
            let command = world.checkout(CheckoutType::Subscription);
            let app = world.app.clone();
            let (crashed, again) = crash_twice!(
                world,
                first,
                second,
                create_checkout_session(&app, &caller, command.clone())
            );
            if !crashed {
                break 'first;
            }
            crashes += 1;
            // Whatever happened, the same request with the same key gives the one session.
            let view = create_checkout_session(&world.app, &caller, command).await.unwrap();
            assert_eq!(
                world.provider.performed().len(),
                1,
                "stopped at {first}, then at {second}"
            );
            assert_eq!(view.url.as_deref(), Some("https://pay.acme.example/cs_1"));
            let rows = world.store.rows().clone();
            assert_eq!((rows.checkout_sessions.len(), rows.operations.len()), (1, 1));
            let operation = rows.operations.values().next().unwrap();
            assert_eq!(operation.status, OperationStatus::Succeeded);
            assert_eq!(world.published("checkout_session"), ["checkout_session.created"]);
            if !again {
                break;
            }
        }
        first += 1;
    }
    // Before and after each of three commits and one request, at the least.
    assert!(first >= 8, "{first} points, {crashes} crashes");
}

#[tokio::test]
async fn without_idempotency_at_the_provider_nothing_is_done_twice() {
    let mut unknown = 0;
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let mut world = World::new().await.unwrap();
        world.provider.forget_idempotency();
        let caller = with_key(world.tenant_id, "key", 1);
        let command = world.checkout(CheckoutType::OneTime);
        let app = world.app.clone();
        let (crashed, _) = crash_twice!(
            world,
            first,
            u32::MAX,
            create_checkout_session(&app, &caller, command.clone())
        );
        if !crashed {
            break;
        }
        let ended = create_checkout_session(&world.app, &caller, command).await;
        match ended {
            Ok(_) => {}
            Err(ApplicationError::Gateway { error, .. }) if matches!(*error, GatewayError::UnknownOutcome(_)) => {
                unknown += 1;
            }
            Err(error) => panic!("stopped at {first}: {error}"),
        }
        assert!(world.provider.performed().len() <= 1, "stopped at {first}");
    }
    assert!(unknown > 0, "between the request and its record, nobody can know");
}

#[tokio::test]
async fn seats_are_changed_once() {
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let (mut world, subscription_id) = subscribed().await;
        let caller = with_key(world.tenant_id, "key", 1);
        let command = UpdateSeats {
            tenant_id: world.tenant_id,
            subscription_id,
            seats: 7,
            proration: Proration::default(),
        };
        let app = world.app.clone();
        let (crashed, _) = crash_twice!(world, first, u32::MAX, update_seats(&app, &caller, command.clone()));
        if !crashed {
            break;
        }
        let view = update_seats(&world.app, &caller, command).await.unwrap();
        assert_eq!((view.outcome.as_str(), view.subscription.seats), ("applied", Some(7)));
        assert_eq!(world.provider.performed().len(), 1, "stopped at {first}");
        let changed = ["subscription.created", "subscription.seats_changed"];
        assert_eq!(world.published("subscription"), changed, "stopped at {first}");
    }
}

#[tokio::test]
async fn a_plan_is_changed_once() {
    let mut first = 0;
    loop {
        assert!(first < POINTS_MAX);
        let (mut world, subscription_id) = subscribed_with_choice().await;
        let caller = with_key(world.tenant_id, "key", 1);
        let command = ChangePlan {
            tenant_id: world.tenant_id,
            subscription_id,
            product_id: "plus".to_owned(),
            proration: Proration::default(),
        };
        let app = world.app.clone();
        let (crashed, _) = crash_twice!(world, first, u32::MAX, change_plan(&app, &caller, command.clone()));
        if !crashed {
            break;
        }
        let view = change_plan(&world.app, &caller, command).await.unwrap();
        let product = view.subscription.product_id.as_deref();
        assert_eq!(
            (view.outcome.as_str(), product),
            ("applied", Some("plus")),
            "stopped at {first}"
        );
        assert_eq!(view.subscription.seats, Some(3));
        assert_eq!(world.provider.performed().len(), 1, "stopped at {first}");
        let changed = ["subscription.created", "subscription.plan_changed"];
        assert_eq!(world.published("subscription"), changed, "stopped at {first}");
        first += 1;
    }
    assert!(first >= 8, "{first} points");
}

#[tokio::test]
async fn a_payment_is_refunded_once() {
    let (mut first, mut crashes) = (0, 0);
    'first: loop {
        for second in 0.. {
            assert!(first < POINTS_MAX && second < POINTS_MAX);
            let (mut world, payment_id) = paid(PaymentState::Succeeded).await;
            let caller = with_key(world.tenant_id, "key", 1);
            let command = CreateRefund {
                tenant_id: world.tenant_id,
                payment_id,
                amount: Some(Money::new(700, "usd".parse().unwrap())),
                reason: None,
            };
            let app = world.app.clone();
            let (crashed, again) = crash_twice!(world, first, second, create_refund(&app, &caller, command.clone()));
            if !crashed {
                break 'first;
            }
            crashes += 1;
            // The provider tells of it by a webhook too, before the answer is taken in or after.
            let told = refund("evt_refund", 9, "re_1", "by_in_1", 700);
            if second % 2 == 0 && !world.provider.performed().is_empty() {
                world.deliver(vec![told.clone()]).await.unwrap();
            }
            let view = create_refund(&world.app, &caller, command).await.unwrap();
            world.deliver(vec![told]).await.unwrap();
            assert_eq!(
                (view.amount.amount, view.payment_id),
                (700, Some(payment_id.to_string()))
            );
            assert_eq!(
                world.provider.performed().len(),
                1,
                "stopped at {first}, then at {second}"
            );
            let rows = world.store.rows().clone();
            assert_eq!(rows.refunds.len(), 1, "stopped at {first}, then at {second}");
            assert_eq!(
                rows.payments[&payment_id].refunded_amount, 700,
                "stopped at {first}, then at {second}"
            );
            assert_eq!(world.published("payment"), ["payment.refunded", "payment.succeeded"]);
            assert_eq!(counted(&world.published("refund"))["refund.created"], 1);
            if !again {
                break;
            }
        }
        first += 1;
    }
    assert!(first >= 8, "{first} points, {crashes} crashes");
}

#[tokio::test]
async fn without_idempotency_at_the_provider_nothing_is_refunded_twice() {
    let mut unknown = 0;
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let (mut world, payment_id) = paid(PaymentState::Succeeded).await;
        world.provider.forget_idempotency();
        let caller = with_key(world.tenant_id, "key", 1);
        let command = CreateRefund {
            tenant_id: world.tenant_id,
            payment_id,
            amount: None,
            reason: None,
        };
        let app = world.app.clone();
        let (crashed, _) = crash_twice!(world, first, u32::MAX, create_refund(&app, &caller, command.clone()));
        if !crashed {
            break;
        }
        match create_refund(&world.app, &caller, command).await {
            Ok(_) => {}
            Err(ApplicationError::Gateway { error, .. }) if matches!(*error, GatewayError::UnknownOutcome(_)) => {
                unknown += 1;
            }
            Err(error) => panic!("stopped at {first}: {error}"),
        }
        assert!(world.provider.performed().len() <= 1, "stopped at {first}");
    }
    assert!(unknown > 0, "between the request and its record, nobody can know");
}

#[tokio::test]
async fn a_subscription_is_canceled_once() {
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let (mut world, subscription_id) = subscribed().await;
        let caller = with_key(world.tenant_id, "key", 1);
        let command = CancelSubscription {
            tenant_id: world.tenant_id,
            subscription_id,
            mode: CancelMode::Immediate,
            reason: None,
        };
        let app = world.app.clone();
        let (crashed, _) = crash_twice!(
            world,
            first,
            u32::MAX,
            cancel_subscription(&app, &caller, command.clone())
        );
        if !crashed {
            break;
        }
        let view = cancel_subscription(&world.app, &caller, command).await.unwrap();
        assert_eq!(view.subscription.status, "canceled");
        assert_eq!(world.provider.performed().len(), 1, "stopped at {first}");
        let canceled = counted(&world.published("subscription"))["subscription.canceled"];
        assert_eq!(canceled, 1, "stopped at {first}");
    }
}

/// What a paid subscription's checkout sends in one go.
fn events() -> Vec<ProviderEvent> {
    vec![
        checkout_completed("evt_1", 1, None, Some("sub_a")),
        subscription_event(
            "evt_2",
            SubscriptionChange::Created,
            1,
            SubscriptionStatus::Active,
            3,
            None,
        ),
        payment("evt_3", 2, "in_1", PaymentState::Succeeded),
    ]
}

/// Everything that is stored and published, without ids and times.
fn essence(world: &World) -> (Vec<usize>, Vec<String>) {
    let rows = world.store.rows();
    let counts = vec![
        rows.customers.len(),
        rows.subscriptions.len(),
        rows.purchases.len(),
        rows.payments.len(),
        rows.event_keys.len(),
    ];
    let mut published: Vec<String> = rows.events.values().map(|event| event.event_type.clone()).collect();
    published.sort_unstable();
    (counts, published)
}

/// A webhook is delivered, the host stopped, and the webhook delivered again as providers do, if it wasn't acknowledged.
async fn webhook_survives(ask: bool) {
    let expected = {
        let world = World::new().await.unwrap();
        world.deliver(events()).await.unwrap();
        essence(&world)
    };
    assert_eq!(expected.0, [1, 1, 1, 1, 3]);
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let mut world = World::new().await.unwrap();
        let request = webhook(world.provider.body_of(events(), ask), "whsec_1");
        world.fuse.blow_after(first);
        let (app, account_id) = (world.app.clone(), world.account_id);
        let delivering = async {
            let answer = receive_webhook(&app, account_id, request.clone()).await.unwrap();
            assert_eq!(answer, WebhookAnswer::Acknowledged(None));
            process_due_webhooks(&app).await.unwrap();
        };
        let ended = world.until_stopped(delivering).await.is_some();
        world.restart();
        world.clock.advance(AFTER_ANY_LEASE_MS);
        // Stopped in the middle of anything, the provider didn't necessarily hear the answer: it sends it once more.
        receive_webhook(&world.app, account_id, request).await.unwrap();
        process_due_webhooks(&world.app).await.unwrap();
        assert_eq!(essence(&world), expected, "stopped at {first}");
        if ended {
            break;
        }
    }
}

#[tokio::test]
async fn a_webhook_has_its_effect_once() {
    webhook_survives(false).await;
}

#[tokio::test]
async fn a_webhook_that_needs_asking_has_its_effect_once() {
    webhook_survives(true).await;
}

#[tokio::test]
async fn an_acknowledged_webhook_needs_no_second_delivery() {
    for first in 0.. {
        assert!(first < POINTS_MAX);
        let mut world = World::new().await.unwrap();
        let request = webhook(world.provider.body_of(events(), true), "whsec_1");
        let answer = receive_webhook(&world.app, world.account_id, request).await.unwrap();
        assert_eq!(answer, WebhookAnswer::Acknowledged(None));
        world.fuse.blow_after(first);
        let app = world.app.clone();
        let ended = world.until_stopped(process_due_webhooks(&app)).await.is_some();
        world.restart();
        world.clock.advance(AFTER_ANY_LEASE_MS);
        process_due_webhooks(&world.app).await.unwrap();
        let (counts, _) = essence(&world);
        assert_eq!(counts, [1, 1, 1, 1, 3], "stopped at {first}");
        if ended {
            break;
        }
    }
}
