//! What is kept in memory: never older than one's own change, and as young as is promised where others change something.

use std::sync::Arc;

use tillgate_application::bounds::{CACHE_AGE_MAX_MS, CACHE_AGE_UNHEARD_MS};
use tillgate_application::ports::{PageRequest, Proration, SubscriptionFilter};
use tillgate_application::{
    Application, Caller, CreateApiKey, ListSubscriptions, UpdateSeats, authenticate_api_key, create_api_key,
    follow_changes, list_subscriptions, revoke_api_key, update_seats,
};
use tillgate_domain::{CustomerId, SubscriptionId, SubscriptionStatus, TenantId};
use tillgate_fakes::World;

use crate::given::subscribed;

/// Lets tasks that have something to do get to the end of it: there is one thread.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn follows(world: &World, host: &Arc<Application>) {
    let followers = world.store.followers();
    let host = Arc::clone(host);
    tokio::spawn(async move { follow_changes(&host).await });
    while world.store.followers() == followers {
        tokio::task::yield_now().await;
    }
}

fn of(world: &World) -> ListSubscriptions {
    let customer_id = *world.store.rows().customers.keys().next().unwrap();
    ListSubscriptions {
        tenant_id: world.tenant_id,
        filter: SubscriptionFilter {
            customer_id: Some(customer_id),
            ..SubscriptionFilter::default()
        },
        page: PageRequest { limit: 10, after: None },
        no_cache: false,
    }
}

async fn seats_at(host: &Application, query: ListSubscriptions) -> Option<u64> {
    let found = list_subscriptions(host, query).await.unwrap();
    assert!(!found.has_more);
    found.items.first().and_then(|subscription| subscription.terms().seats)
}

async fn set_seats(host: &Arc<Application>, world: &World, id: SubscriptionId, seats: u64) {
    let command = UpdateSeats {
        tenant_id: world.tenant_id,
        subscription_id: id,
        seats,
        proration: Proration::NextInvoice,
    };
    update_seats(host, &Caller::tenant(world.tenant_id), command)
        .await
        .unwrap();
}

fn reads(world: &World, outcome: &str) -> u64 {
    world.metrics.count(&format!("cache_read subscriptions {outcome}"))
}

#[tokio::test]
async fn a_customers_subscriptions_are_kept_and_ones_own_change_is_seen_at_once() {
    let (world, id) = subscribed().await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    assert_eq!((reads(&world, "miss"), reads(&world, "hit")), (1, 1));
    set_seats(&world.app, &world, id, 7).await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(7));
    assert_eq!((reads(&world, "miss"), reads(&world, "hit")), (2, 1));
}

#[tokio::test]
async fn what_another_host_changed_is_forgotten_when_it_is_heard() {
    let (world, id) = subscribed().await;
    let other = world.another_host();
    follows(&world, &other).await;
    assert_eq!(seats_at(&other, of(&world)).await, Some(3));
    set_seats(&world.app, &world, id, 7).await;
    settle().await;
    assert_eq!(seats_at(&other, of(&world)).await, Some(7));
}

#[tokio::test]
async fn a_notification_that_is_lost_is_made_good_by_time() {
    let (world, _) = subscribed().await;
    follows(&world, &world.app).await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    // Nobody told.
    world.store.rows().subscriptions.clear();
    world.clock.advance(CACHE_AGE_MAX_MS - 1);
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    let fresh = ListSubscriptions {
        no_cache: true,
        ..of(&world)
    };
    assert_eq!(
        seats_at(&world.app, fresh).await,
        None,
        "who doesn't want it isn't given it"
    );
    world.clock.advance(1);
    assert_eq!(seats_at(&world.app, of(&world)).await, None);
}

#[tokio::test]
async fn whoever_hears_nothing_keeps_nothing_for_long() {
    let (world, _) = subscribed().await;
    follows(&world, &world.app).await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    world.store.lose_followers();
    settle().await;
    world.store.rows().subscriptions.clear();
    world.clock.advance(CACHE_AGE_UNHEARD_MS - 1);
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    world.clock.advance(1);
    assert_eq!(seats_at(&world.app, of(&world)).await, None);
}

#[tokio::test]
async fn what_was_missed_is_forgotten_when_changes_are_heard_again() {
    let (world, _) = subscribed().await;
    follows(&world, &world.app).await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    world.store.lose_followers();
    settle().await;
    world.store.rows().subscriptions.clear();
    follows(&world, &world.app).await;
    assert_eq!(seats_at(&world.app, of(&world)).await, None);
}

#[tokio::test]
async fn pages_and_filters_are_the_same_from_memory() {
    let (world, id) = subscribed().await;
    let whole = of(&world);
    for status in [
        None,
        Some(SubscriptionStatus::Active),
        Some(SubscriptionStatus::PastDue),
    ] {
        for after in [None, Some(SubscriptionId::from_bits(0)), Some(id)] {
            let query = |no_cache, expiring_before| ListSubscriptions {
                filter: SubscriptionFilter {
                    status,
                    expiring_before,
                    ..whole.filter.clone()
                },
                page: PageRequest {
                    limit: 1,
                    after: after.map(|id| id.to_string()),
                },
                no_cache,
                ..whole.clone()
            };
            let kept = list_subscriptions(&world.app, query(false, None)).await.unwrap();
            let mut asked = query(true, None);
            // The way around memory altogether.
            asked.filter.organization_id = None;
            let store = &world.app.ports().store;
            let stored = store.subscriptions(asked.tenant_id, &asked.filter, &asked.page).await;
            assert_eq!(kept, stored.unwrap(), "{status:?} {after:?}");
        }
    }
}

#[tokio::test]
async fn another_tenant_is_not_shown_what_is_kept() {
    let (world, _) = subscribed().await;
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    let stranger = ListSubscriptions {
        tenant_id: TenantId::from_bits(99),
        ..of(&world)
    };
    assert_eq!(seats_at(&world.app, stranger.clone()).await, None);
    assert_eq!(seats_at(&world.app, of(&world)).await, Some(3));
    let nobody = ListSubscriptions {
        filter: SubscriptionFilter {
            customer_id: Some(CustomerId::from_bits(99)),
            ..SubscriptionFilter::default()
        },
        ..stranger
    };
    assert_eq!(seats_at(&world.app, nobody).await, None);
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_other_hosts_as_soon_as_they_hear_of_it() {
    let world = World::new().await.unwrap();
    let command = CreateApiKey {
        tenant_id: world.tenant_id,
        name: "backend".to_owned(),
    };
    let created = create_api_key(&world.app, &Caller::operator(), command).await.unwrap();
    let other = world.another_host();
    follows(&world, &other).await;
    authenticate_api_key(&other, &created.key).await.unwrap().unwrap();
    revoke_api_key(&world.app, world.tenant_id, created.id.parse().unwrap())
        .await
        .unwrap();
    settle().await;
    assert!(authenticate_api_key(&other, &created.key).await.unwrap().is_none());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_stale() {
    let world = World::new().await.unwrap();
    let command = CreateApiKey {
        tenant_id: world.tenant_id,
        name: "backend".to_owned(),
    };
    let created = create_api_key(&world.app, &Caller::operator(), command).await.unwrap();
    assert!(authenticate_api_key(&world.app, &created.key).await.unwrap().is_some());
    {
        let id = created.id.parse().unwrap();
        let revoking = revoke_api_key(&world.app, world.tenant_id, id);
        tokio::select! {
            biased;
            revoked = revoking => panic!("it waits for its commit: {revoked:?}"),
            () = std::future::ready(()) => {}
        }
    }
    settle().await;
    assert!(authenticate_api_key(&world.app, &created.key).await.unwrap().is_none());
}
