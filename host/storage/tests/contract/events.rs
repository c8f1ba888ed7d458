//! Published events, their order, and their way to the endpoints that want them.

use std::collections::BTreeSet;

use tillgate_application::event_endpoint::{
    Delivery, DeliveryAttempt, DeliveryStatus, EndpointStatus, EventEndpoint, SigningSecret,
};
use tillgate_application::inbox::OutboxEvent;
use tillgate_application::ports::{CommitError, Conflict, DeliveryFilter, EventFilter, Write};
use tillgate_domain::{DeliveryId, EventEndpointId, EventId, TenantId};

use crate::given::{Shared, TENANT, at, begin, commit, page};
crate::on_every_store! {
    events_have_no_place_until_they_are_given_one,
    two_who_order_at_once_give_no_place_twice,
    the_feed_is_narrowed_by_names_and_things,
    endpoints_are_read_as_they_were_saved,
    deliveries_are_read_as_they_were_saved,
    what_is_due_keeps_the_order_of_its_subject,
}

fn event(number: u128, event_type: &str, subject: &str) -> OutboxEvent {
    OutboxEvent {
        id: EventId::from_bits(number),
        tenant_id: TENANT,
        event_type: event_type.to_owned(),
        aggregate_id: format!("{subject}_1"),
        subject: subject.to_owned(),
        position: None,
        payload: "{}".to_owned(),
        created_at: at(1),
    }
}

fn endpoint(number: u128) -> EventEndpoint {
    EventEndpoint {
        id: EventEndpointId::from_bits(number),
        tenant_id: TENANT,
        url: "https://app.example/events".to_owned(),
        description: Some("billing".to_owned()),
        event_types: vec!["subscription.*".to_owned()],
        status: EndpointStatus::Enabled,
        disabled_reason: None,
        failing_since: Some(at(3)),
        secrets: vec![SigningSecret {
            sealed: "c2VhbGVk".to_owned(),
            expires_at: Some(7),
        }],
        created_at: at(1),
        updated_at: at(2),
        version: 0,
    }
}

fn delivery(number: u128, endpoint: u128, subject: &str, position: u64) -> Delivery {
    Delivery {
        id: DeliveryId::from_bits(number),
        tenant_id: TENANT,
        endpoint_id: EventEndpointId::from_bits(endpoint),
        event_id: EventId::from_bits(number),
        event_type: "subscription.created".to_owned(),
        subject: subject.to_owned(),
        position,
        status: DeliveryStatus::Pending,
        attempts: 1,
        next_attempt_at: at(10),
        log: vec![DeliveryAttempt {
            at: 5,
            status: Some(503),
            error: None,
            duration_ms: 12,
        }],
        delivered_at: None,
        created_at: at(1),
        version: 0,
    }
}

fn order(from: u64, ids: &[u128]) -> Write {
    Write::OrderEvents {
        from,
        ids: ids.iter().copied().map(EventId::from_bits).collect(),
    }
}

async fn feed(database: &Shared, filter: &EventFilter, after: u64, limit: u32) -> Vec<(u64, u128)> {
    let found = database.event_feed(TENANT, filter, after, limit).await.unwrap();
    let place = |event: &OutboxEvent| (event.position.unwrap(), event.id.bits());
    found.iter().map(place).collect()
}

async fn events_have_no_place_until_they_are_given_one(database: &Shared) {
    begin(database).await;
    // A host whose clock is behind makes smaller ids later.
    for number in [3, 1, 2] {
        let write = Write::Event(event(number, "customer.created", "cus"));
        commit(database, [write]).await.unwrap();
    }
    let all = EventFilter::default();
    assert_eq!(database.events_ordered().await.unwrap(), 0);
    assert!(feed(database, &all, 0, 10).await.is_empty());
    let waiting = database.unordered_events(10).await.unwrap();
    let ids: Vec<u128> = waiting.iter().map(|event| event.id.bits()).collect();
    assert_eq!(ids, [3, 1, 2], "as they were committed");
    assert_eq!(database.unordered_events(2).await.unwrap().len(), 2);

    commit(database, [order(0, &[3, 1])]).await.unwrap();
    assert_eq!(feed(database, &all, 0, 10).await, [(1, 3), (2, 1)]);
    commit(database, [order(2, &[2])]).await.unwrap();
    assert_eq!(feed(database, &all, 0, 10).await, [(1, 3), (2, 1), (3, 2)]);
    assert_eq!(feed(database, &all, 1, 1).await, [(2, 1)]);
    assert_eq!(database.events_ordered().await.unwrap(), 3);
    assert!(database.unordered_events(10).await.unwrap().is_empty());

    let one = database.event(TENANT, EventId::from_bits(2)).await.unwrap().unwrap();
    assert_eq!((one.position, one.subject.as_str()), (Some(3), "cus"));
    let another = TenantId::from_bits(99);
    assert_eq!(database.event(another, EventId::from_bits(2)).await.unwrap(), None);
    assert!(database.event_feed(another, &all, 0, 10).await.unwrap().is_empty());
}

async fn two_who_order_at_once_give_no_place_twice(database: &Shared) {
    begin(database).await;
    let events = (1..=40).map(|number| Write::Event(event(number, "customer.created", "cus")));
    commit(database, events).await.unwrap();
    let refused = Err(CommitError::Conflict(Conflict::Version("order of events")));
    let racing: Vec<_> = (0..8)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                loop {
                    let from = database.events_ordered().await.unwrap();
                    let waiting = database.unordered_events(3).await.unwrap();
                    if waiting.is_empty() {
                        return;
                    }
                    let ids: Vec<u128> = waiting.iter().map(|event| event.id.bits()).collect();
                    let _faster_or_not = commit(&database, [order(from, &ids)]).await;
                }
            })
        })
        .collect();
    for racer in racing {
        racer.await.unwrap();
    }
    let found = feed(database, &EventFilter::default(), 0, 100).await;
    let places: Vec<u64> = found.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, (1..=40).collect::<Vec<u64>>());
    let ids: BTreeSet<u128> = found.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), 40);
    // From a count that isn't the present one, of what has its place, and of what isn't there.
    assert_eq!(commit(database, [order(3, &[1])]).await, refused);
    assert_eq!(commit(database, [order(40, &[1])]).await, refused);
    assert_eq!(commit(database, [order(40, &[1_000])]).await, refused);
    assert_eq!(database.events_ordered().await.unwrap(), 40);
}

async fn the_feed_is_narrowed_by_names_and_things(database: &Shared) {
    begin(database).await;
    let names = [
        "subscription.created",
        "subscription.canceled",
        "subscriptions.created",
        "payment.failed",
        "checkout_session.paid",
        "checkoutXsession.paid",
    ];
    let events = (1..).zip(names).map(|(number, name)| {
        let subject = if number == 2 { "other" } else { "sub" };
        Write::Event(event(number, name, subject))
    });
    commit(database, events).await.unwrap();
    commit(database, [order(0, &[1, 2, 3, 4, 5, 6])]).await.unwrap();
    for (types, object, expected) in [
        (vec!["subscription.*"], None, vec![1, 2]),
        (vec!["subscription.created", "payment.*"], None, vec![1, 4]),
        (vec!["checkout_session.*"], None, vec![5]),
        (vec!["subscription.*"], Some("other_1"), vec![2]),
        (vec![], Some("other_1"), vec![2]),
        (vec!["subscription"], None, vec![]),
    ] {
        let filter = EventFilter {
            event_types: types.iter().map(|name| (*name).to_owned()).collect(),
            aggregate_id: object.map(str::to_owned),
        };
        let found: Vec<u128> = feed(database, &filter, 0, 10).await.iter().map(|(_, id)| *id).collect();
        assert_eq!(found, expected, "{types:?} {object:?}");
    }
}

async fn endpoints_are_read_as_they_were_saved(database: &Shared) {
    begin(database).await;
    let mut saved = endpoint(1);
    commit(
        database,
        [Write::EventEndpoint(saved.clone()), Write::EventEndpoint(endpoint(2))],
    )
    .await
    .unwrap();
    saved.version = 1;
    let found = database.event_endpoint(TENANT, saved.id).await.unwrap();
    assert_eq!(found, Some(saved.clone()));
    let another = TenantId::from_bits(99);
    assert_eq!(database.event_endpoint(another, saved.id).await.unwrap(), None);
    assert_eq!(
        database
            .event_endpoints(TENANT, &page(10, None))
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    assert_eq!(
        database
            .enabled_event_endpoints(&[TENANT, another])
            .await
            .unwrap()
            .len(),
        2
    );
    assert!(database.enabled_event_endpoints(&[another]).await.unwrap().is_empty());
    assert!(database.enabled_event_endpoints(&[]).await.unwrap().is_empty());

    saved.status = EndpointStatus::Disabled;
    saved.disabled_reason = Some("gone".to_owned());
    commit(database, [Write::EventEndpoint(saved.clone())]).await.unwrap();
    assert_eq!(database.enabled_event_endpoints(&[TENANT]).await.unwrap().len(), 1);
    let stale = commit(database, [Write::EventEndpoint(saved.clone())]).await;
    assert_eq!(stale, Err(CommitError::Conflict(Conflict::Version("event endpoint"))));

    saved.version = 2;
    saved.status = EndpointStatus::Deleted;
    commit(database, [Write::EventEndpoint(saved.clone())]).await.unwrap();
    assert_eq!(database.event_endpoint(TENANT, saved.id).await.unwrap(), None);
    assert_eq!(
        database
            .event_endpoints(TENANT, &page(10, None))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

async fn deliveries_are_read_as_they_were_saved(database: &Shared) {
    begin(database).await;
    commit(database, [Write::EventEndpoint(endpoint(1))]).await.unwrap();
    let mut saved = delivery(1, 1, "sub", 1);
    commit(database, [Write::Delivery(saved.clone())]).await.unwrap();
    saved.version = 1;
    assert_eq!(database.delivery(TENANT, saved.id).await.unwrap(), Some(saved.clone()));
    let found = database.delivery_of(saved.endpoint_id, saved.event_id).await.unwrap();
    assert_eq!(found, Some(saved.clone()));
    // The same event isn't on its way to the same endpoint twice.
    let twice = Delivery {
        id: DeliveryId::from_bits(2),
        version: 0,
        ..saved.clone()
    };
    assert!(commit(database, [Write::Delivery(twice)]).await.is_err());
    let nowhere = commit(database, [Write::Delivery(delivery(3, 77, "sub", 1))]).await;
    assert_eq!(nowhere, Err(CommitError::Conflict(Conflict::Reference("delivery"))));

    let listed = async |filter: &DeliveryFilter| {
        let found = database
            .deliveries(TENANT, saved.endpoint_id, filter, &page(10, None))
            .await;
        found.unwrap().items.len()
    };
    assert_eq!(listed(&DeliveryFilter::default()).await, 1);
    let failed = DeliveryFilter {
        status: Some(DeliveryStatus::Failed),
        event_id: None,
    };
    assert_eq!(listed(&failed).await, 0);
    let of_another = DeliveryFilter {
        status: None,
        event_id: Some(EventId::from_bits(2)),
    };
    assert_eq!(listed(&of_another).await, 0);
}

async fn what_is_due_keeps_the_order_of_its_subject(database: &Shared) {
    begin(database).await;
    let endpoints = [Write::EventEndpoint(endpoint(1)), Write::EventEndpoint(endpoint(2))];
    commit(database, endpoints).await.unwrap();
    let later = Delivery {
        next_attempt_at: at(20),
        ..delivery(5, 1, "slow", 5)
    };
    let waiting = [
        delivery(1, 1, "sub", 1),
        delivery(2, 1, "sub", 2),
        delivery(3, 1, "other", 3),
        delivery(4, 2, "sub", 2),
        later,
        delivery(6, 1, "slow", 6),
    ];
    commit(database, waiting.map(Write::Delivery)).await.unwrap();
    let due = async |at_seconds: i64, except: &[u128], limit: u32| {
        let except: Vec<EventEndpointId> = except.iter().copied().map(EventEndpointId::from_bits).collect();
        let found = database.due_deliveries(at(at_seconds), &except, limit).await.unwrap();
        found.iter().map(|delivery| delivery.id.bits()).collect::<Vec<u128>>()
    };
    assert!(due(9, &[], 10).await.is_empty());
    // What comes after one that waits for another try waits with it.
    assert_eq!(due(10, &[], 10).await, [1, 4, 3]);
    assert_eq!(due(10, &[1], 10).await, [4]);
    assert_eq!(due(10, &[], 2).await, [1, 4]);
    assert_eq!(due(20, &[], 10).await, [1, 4, 3, 5]);
    let mut first = database
        .delivery(TENANT, DeliveryId::from_bits(1))
        .await
        .unwrap()
        .unwrap();
    first.status = DeliveryStatus::Failed;
    commit(database, [Write::Delivery(first)]).await.unwrap();
    assert_eq!(due(10, &[], 10).await, [2, 4, 3]);
}
