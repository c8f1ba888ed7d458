//! What tests begin with, and how they look at the end.

use std::collections::BTreeMap;

use tillgate_application::operation::IdempotencyKey;
use tillgate_application::{Caller, PutProduct, put_product};
use tillgate_domain::{PaymentId, PaymentState, SubscriptionChange, SubscriptionId, SubscriptionStatus, TenantId};
use tillgate_fakes::{World, payment, subscription_event};

/// Longer than any lease of the use cases.
pub(crate) const AFTER_ANY_LEASE_MS: i64 = 10 * 60 * 1000;

/// A tenant with an idempotency key for a request.
pub(crate) fn with_key(tenant_id: TenantId, key: &str, request: u8) -> Caller {
    Caller {
        tenant_id: Some(tenant_id),
        idempotency_key: Some(IdempotencyKey {
            key: key.to_owned(),
            fingerprint: [request; 32],
        }),
    }
}

/// Whatever kind of thing it is, how many of them.
pub(crate) fn counted(names: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.as_str()).or_insert(0) += 1;
    }
    counts
}

/// A world with one active subscription of three seats, at the provider as well.
pub(crate) async fn subscribed() -> (World, SubscriptionId) {
    let world = World::new().await.unwrap();
    let created = subscription_event(
        "evt_created",
        SubscriptionChange::Created,
        0,
        SubscriptionStatus::Active,
        3,
        None,
    );
    if let tillgate_application::ports::EventBody::Subscription { subscription, .. } = &created.body {
        world.provider.put_subscription((**subscription).clone());
    }
    world.deliver(vec![created]).await.unwrap();
    let id = *world.store.rows().subscriptions.keys().next().unwrap();
    (world, id)
}

/// The same, with another product `plus` that costs `price_2`.
pub(crate) async fn subscribed_with_choice() -> (World, SubscriptionId) {
    let (world, id) = subscribed().await;
    with_choice(&world).await;
    (world, id)
}

/// Another product, to which one may change.
pub(crate) async fn with_choice(world: &World) {
    let plus = PutProduct {
        tenant_id: world.tenant_id,
        id: "plus".to_owned(),
        name: None,
        prices: BTreeMap::from([(world.account_id, "price_2".to_owned())]),
    };
    put_product(&world.app, plus).await.unwrap();
}

/// A world with one payment of 20.00, in a state.
pub(crate) async fn paid(state: PaymentState) -> (World, PaymentId) {
    let (world, _) = subscribed().await;
    world
        .deliver(vec![payment("evt_paid", 1, "in_1", state)])
        .await
        .unwrap();
    let id = *world.store.rows().payments.keys().next().unwrap();
    (world, id)
}
