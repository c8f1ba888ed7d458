//! Changes of a subscription: another plan, a pause and its end, a cancellation taken back.

use tillgate_application::ports::{CancelMode, EventBody, GatewayError, Proration};
use tillgate_application::views::ChangeView;
use tillgate_application::{
    ApplicationError, Caller, CancelSubscription, ChangePlan, PauseSubscription, PutProduct, ResumeSubscription,
    RetrieveSubscription, UncancelSubscription, cancel_subscription, change_plan, create_checkout_session,
    pause_subscription, put_product, resume_subscription, retrieve_subscription, uncancel_subscription,
};
use tillgate_domain::{CheckoutType, SubscriptionChange, SubscriptionId, SubscriptionStatus, Timestamp};
use tillgate_fakes::{Failing, NOW, World, subscription_event};

use crate::given::{subscribed, subscribed_with_choice, with_choice, with_key};

type Changed = Result<ChangeView, ApplicationError>;

async fn to_plan(world: &World, id: SubscriptionId, product_id: &str) -> Changed {
    let command = ChangePlan {
        tenant_id: world.tenant_id,
        subscription_id: id,
        product_id: product_id.to_owned(),
        proration: Proration::NextInvoice,
    };
    change_plan(&world.app, &Caller::tenant(world.tenant_id), command).await
}

async fn pause(world: &World, id: SubscriptionId) -> Changed {
    let command = PauseSubscription {
        tenant_id: world.tenant_id,
        subscription_id: id,
    };
    pause_subscription(&world.app, &Caller::tenant(world.tenant_id), command).await
}

async fn resume(world: &World, id: SubscriptionId) -> Changed {
    let command = ResumeSubscription {
        tenant_id: world.tenant_id,
        subscription_id: id,
    };
    resume_subscription(&world.app, &Caller::tenant(world.tenant_id), command).await
}

async fn uncancel(world: &World, id: SubscriptionId) -> Changed {
    let command = UncancelSubscription {
        tenant_id: world.tenant_id,
        subscription_id: id,
    };
    uncancel_subscription(&world.app, &Caller::tenant(world.tenant_id), command).await
}

async fn cancel(world: &World, id: SubscriptionId, mode: CancelMode) -> Changed {
    let command = CancelSubscription {
        tenant_id: world.tenant_id,
        subscription_id: id,
        mode,
        reason: None,
    };
    cancel_subscription(&world.app, &Caller::tenant(world.tenant_id), command).await
}

/// The rule that was broken, in words.
fn broken(changed: Changed) -> String {
    match changed {
        Err(ApplicationError::Domain(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_changes_to_another_product_and_the_seats_stay() {
    let (world, id) = subscribed_with_choice().await;
    let view = to_plan(&world, id, "plus").await.unwrap();
    assert_eq!(view.outcome, "applied");
    assert_eq!(
        (view.subscription.product_id.as_deref(), view.subscription.seats),
        (Some("plus"), Some(3))
    );
    // The same again changes nothing.
    let view = to_plan(&world, id, "plus").await.unwrap();
    assert_eq!(view.subscription.product_id.as_deref(), Some("plus"));
    let events = ["subscription.created", "subscription.plan_changed"];
    assert_eq!(world.published("subscription"), events);
    let stored = world.store.rows().subscriptions[&id].clone();
    assert_eq!(stored.terms().price_reference.as_deref(), Some("price_2"));
}

#[tokio::test]
async fn of_two_products_at_one_price_the_one_that_was_named_counts() {
    let (world, id) = subscribed_with_choice().await;
    let twin = PutProduct {
        tenant_id: world.tenant_id,
        id: "a-twin".to_owned(),
        name: None,
        prices: [(world.account_id, "price_2".to_owned())].into(),
    };
    put_product(&world.app, twin).await.unwrap();
    let view = to_plan(&world, id, "plus").await.unwrap();
    assert_eq!(view.subscription.product_id.as_deref(), Some("plus"));
}

#[tokio::test]
async fn a_plan_needs_a_product_with_a_price_there() {
    let (world, id) = subscribed().await;
    let missing = to_plan(&world, id, "plus").await;
    assert_eq!(missing.unwrap_err(), ApplicationError::not_found("product", "plus"));
    let elsewhere = PutProduct {
        tenant_id: world.tenant_id,
        id: "plus".to_owned(),
        name: None,
        prices: [(world.connect("other", false).await.unwrap(), "price_2".to_owned())].into(),
    };
    put_product(&world.app, elsewhere).await.unwrap();
    let expected = ApplicationError::ProductWithoutPrice {
        product_id: "plus".to_owned(),
        account_id: world.account_id.to_string(),
    };
    assert_eq!(to_plan(&world, id, "plus").await.unwrap_err(), expected);
    assert_eq!(world.provider.requests(), 0);
}

#[tokio::test]
async fn a_plan_that_changes_later_is_what_it_is_until_then() {
    let (world, id) = subscribed_with_choice().await;
    world.provider.change_later(Timestamp::from_seconds(NOW + 86_400));
    let view = to_plan(&world, id, "plus").await.unwrap();
    assert_eq!(
        (view.outcome.as_str(), view.subscription.product_id.as_deref()),
        ("scheduled", Some("pro"))
    );
    let paused = pause(&world, id).await.unwrap();
    assert_eq!(
        (paused.outcome.as_str(), paused.subscription.status.as_str()),
        ("scheduled", "active")
    );
}

/// The subscription as the provider has it, with another price.
fn at_price(seconds: i64, price: &str) -> tillgate_application::ports::ProviderEvent {
    let key = format!("evt_{seconds}");
    let mut event = subscription_event(
        &key,
        SubscriptionChange::Updated,
        seconds,
        SubscriptionStatus::Active,
        3,
        None,
    );
    if let EventBody::Subscription { subscription, .. } = &mut event.body {
        price.clone_into(&mut subscription.items[0].price_reference);
    }
    event
}

/// The word of the change is overtaken by that of the end, and then counts no more.
#[tokio::test]
async fn a_plan_of_which_the_end_tells_first_is_followed() {
    let (world, id) = subscribed_with_choice().await;
    let mut ended = at_price(6, "price_2");
    if let EventBody::Subscription { change, subscription } = &mut ended.body {
        *change = SubscriptionChange::Ended;
        subscription.snapshot.status = Some(SubscriptionStatus::Canceled);
    }
    world.deliver(vec![ended]).await.unwrap();
    world.deliver(vec![at_price(5, "price_2")]).await.unwrap();
    let subscription = world.store.rows().subscriptions[&id].clone();
    assert_eq!(subscription.terms().price_reference.as_deref(), Some("price_2"));
    assert_eq!(subscription.product_id.as_deref(), Some("plus"));
    assert!(subscription.is_ended());
}

/// The word of a change overtakes that of the creation.
#[tokio::test]
async fn a_plan_that_was_changed_before_anything_was_heard_is_not_the_one_that_was_checked_out() {
    let world = World::new().await.unwrap();
    with_choice(&world).await;
    let caller = with_key(world.tenant_id, "key", 1);
    let checkout = world.checkout(CheckoutType::Subscription);
    let checkout = create_checkout_session(&world.app, &caller, checkout).await.unwrap();
    let mut changed = at_price(5, "price_2");
    if let EventBody::Subscription { subscription, .. } = &mut changed.body {
        subscription.correlation_id = Some(checkout.id);
    }
    world.deliver(vec![changed]).await.unwrap();
    let rows = world.store.rows();
    let subscription = rows.subscriptions.values().next().unwrap();
    assert_eq!(subscription.product_id.as_deref(), Some("plus"));
    let purchase = rows.purchases.values().next().unwrap();
    assert_eq!(purchase.product_id.as_deref(), Some("pro"), "that was bought");
}

#[tokio::test]
async fn a_plan_changed_elsewhere_is_followed() {
    let (world, id) = subscribed_with_choice().await;
    let product = || world.store.rows().subscriptions[&id].product_id.clone();
    world.deliver(vec![at_price(5, "price_2")]).await.unwrap();
    assert_eq!(product().as_deref(), Some("plus"));
    // A price that is no product's.
    world.deliver(vec![at_price(6, "price_9")]).await.unwrap();
    assert_eq!(product(), None);

    let event = at_price(7, "price_1");
    if let EventBody::Subscription { subscription, .. } = event.body {
        world.provider.put_subscription(*subscription);
    }
    let query = RetrieveSubscription {
        tenant_id: world.tenant_id,
        subscription_id: id,
        refresh: true,
    };
    let view = retrieve_subscription(&world.app, query).await.unwrap();
    assert_eq!(view.product_id.as_deref(), Some("pro"));
    let changes = world.published("subscription");
    let changes = changes.iter().filter(|name| *name == "subscription.plan_changed");
    assert_eq!(changes.count(), 3);
}

#[tokio::test]
async fn a_pause_lasts_until_it_is_resumed() {
    let (world, id) = subscribed().await;
    let refused = broken(resume(&world, id).await);
    assert_eq!(refused, "cannot resume a subscription with status active");
    let view = pause(&world, id).await.unwrap();
    assert_eq!(
        (view.outcome.as_str(), view.subscription.status.as_str()),
        ("applied", "paused")
    );
    let refused = broken(pause(&world, id).await);
    assert_eq!(refused, "cannot pause a subscription with status paused");
    let view = resume(&world, id).await.unwrap();
    assert_eq!(
        (view.outcome.as_str(), view.subscription.status.as_str()),
        ("applied", "active")
    );
    let events = [
        "subscription.created",
        "subscription.paused",
        "subscription.resumed",
        "subscription.status_changed",
        "subscription.status_changed",
    ];
    assert_eq!(world.published("subscription"), events);
}

#[tokio::test]
async fn a_scheduled_cancellation_is_taken_back() {
    let (world, id) = subscribed().await;
    // Nothing is scheduled, as far as is known here: the provider may know more.
    assert_eq!(uncancel(&world, id).await.unwrap().outcome, "applied");
    assert_eq!(world.provider.requests(), 1);
    let view = cancel(&world, id, CancelMode::AtPeriodEnd).await.unwrap();
    assert!(view.subscription.cancel_at_period_end);
    let view = uncancel(&world, id).await.unwrap();
    assert!(!view.subscription.cancel_at_period_end);
    let events = [
        "subscription.cancellation_scheduled",
        "subscription.cancellation_withdrawn",
        "subscription.created",
    ];
    assert_eq!(world.published("subscription"), events);
}

#[tokio::test]
async fn what_has_ended_takes_no_change() {
    let (world, id) = subscribed_with_choice().await;
    cancel(&world, id, CancelMode::Immediate).await.unwrap();
    let asked = world.provider.requests();
    let refused = [
        broken(to_plan(&world, id, "plus").await),
        broken(pause(&world, id).await),
        broken(resume(&world, id).await),
        broken(uncancel(&world, id).await),
    ];
    let actions = ["change the plan of", "pause", "resume", "uncancel"];
    assert_eq!(
        refused,
        actions.map(|action| format!("cannot {action} a subscription with status canceled"))
    );
    assert_eq!(world.provider.requests(), asked);
}

#[tokio::test]
async fn a_change_is_made_once_for_one_key() {
    let (world, id) = subscribed_with_choice().await;
    let caller = with_key(world.tenant_id, "key", 1);
    let command = ChangePlan {
        tenant_id: world.tenant_id,
        subscription_id: id,
        product_id: "plus".to_owned(),
        proration: Proration::default(),
    };
    // The answer is lost, and the repetition finds out.
    world.provider.fail_next([Failing::AnswerLost]);
    let lost = change_plan(&world.app, &caller, command.clone()).await.unwrap_err();
    let ApplicationError::Gateway { error, .. } = lost else {
        panic!("{lost:?}");
    };
    assert!(matches!(*error, GatewayError::UnknownOutcome(_)), "{error:?}");
    let view = change_plan(&world.app, &caller, command.clone()).await.unwrap();
    assert_eq!(view.subscription.product_id.as_deref(), Some("plus"));
    assert_eq!(change_plan(&world.app, &caller, command).await.unwrap(), view);
    assert_eq!(world.provider.performed().len(), 1);
}
