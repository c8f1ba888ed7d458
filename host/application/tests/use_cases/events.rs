//! Events: every committed one gets its place, and reaches each endpoint that wants it.

use tillgate_application::event_endpoint::{DeliveryStatus, EndpointStatus};
use tillgate_application::ports::{EventAnswer, EventBody, EventFilter, EventRequest, PageRequest, ProviderEvent};
use tillgate_application::{
    Application, ApplicationError, Caller, CreateEventEndpoint, EventEndpointChanges, EventEndpointWithSecret, Resend,
    bounds, change_event_endpoint, create_event_endpoint, delete_event_endpoint, deliver_due_events, fan_out_events,
    resend_events, rotate_event_endpoint_secret,
};
use tillgate_domain::{EventEndpointId, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{CommitFault, World, subscription_event};

const URL: &str = "https://app.example/events";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn endpoint(world: &World, url: &str, types: &[&str]) -> EventEndpointWithSecret {
    let command = CreateEventEndpoint {
        tenant_id: world.tenant_id,
        url: url.to_owned(),
        description: None,
        event_types: types.iter().map(|name| (*name).to_owned()).collect(),
    };
    let caller = Caller::tenant(world.tenant_id);
    create_event_endpoint(&world.app, &caller, command).await.unwrap()
}

fn id_of(endpoint: &EventEndpointWithSecret) -> EventEndpointId {
    endpoint.endpoint.id.parse().unwrap()
}

/// What a provider says of a subscription and a customer with this number.
fn told(name: &str, change: SubscriptionChange, number: u32, status: SubscriptionStatus) -> ProviderEvent {
    let dedupe_key = format!("evt_{name}_{number}");
    let seconds = if change == SubscriptionChange::Created { 0 } else { 60 };
    let mut event = subscription_event(&dedupe_key, change, seconds, status, 1, None);
    if let EventBody::Subscription { subscription, .. } = &mut event.body {
        subscription.reference = format!("sub_{number}");
        subscription.customer_reference = Some(format!("cus_{number}"));
    }
    event
}

/// A subscription appears at the provider: its customer and it become known.
async fn subscribe(world: &World, number: u32) {
    let event = told("new", SubscriptionChange::Created, number, SubscriptionStatus::Active);
    world.deliver(vec![event]).await.unwrap();
}

/// Orders and sends everything there is.
async fn run(world: &World) -> usize {
    fan_out_events(&world.app).await.unwrap();
    deliver_due_events(&world.app).await.unwrap()
}

fn types(requests: &[EventRequest]) -> Vec<String> {
    let name = |request: &EventRequest| {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        body["type"].as_str().unwrap().to_owned()
    };
    requests.iter().map(name).collect()
}

fn header<'a>(request: &'a EventRequest, name: &str) -> &'a str {
    let found = request.headers.iter().find(|(given, _)| given == name);
    &found.unwrap().1
}

async fn feed(app: &Application, world: &World) -> Vec<(u64, String)> {
    let filter = EventFilter::default();
    let found = app.ports().store.event_feed(world.tenant_id, &filter, 0, 1_000).await;
    let found = found.unwrap().into_iter();
    found.map(|event| (event.position.unwrap(), event.event_type)).collect()
}

#[tokio::test]
async fn an_endpoint_gets_what_it_wants_once_and_signed() {
    let world = World::new().await.unwrap();
    let created = endpoint(&world, URL, &["subscription.*"]).await;
    assert!(created.secret.starts_with("whsec_"));
    subscribe(&world, 1).await;
    run(&world).await;
    run(&world).await;
    let received = world.endpoints.received();
    assert_eq!(types(&received), ["subscription.created"]);
    let request = &received[0];
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(header(request, "webhook-id"), body["id"]);
    assert_eq!(header(request, "content-type"), "application/json");
    assert!(header(request, "webhook-signature").starts_with("v1,"));
    assert_eq!(world.metrics.count("event_delivery delivered"), 1);
    assert_eq!(
        feed(&world.app, &world).await,
        [
            (1, "customer.created".to_owned()),
            (2, "subscription.created".to_owned()),
            (3, "purchase.created".to_owned())
        ]
    );
}

#[tokio::test]
async fn what_happened_before_an_endpoint_was_made_is_sent_on_demand() {
    let world = World::new().await.unwrap();
    subscribe(&world, 1).await;
    run(&world).await;
    let created = endpoint(&world, URL, &[]).await;
    assert_eq!(run(&world).await, 0);
    let which = Resend::Since {
        after: None,
        before: None,
    };
    let resent = resend_events(
        &world.app,
        &Caller::tenant(world.tenant_id),
        world.tenant_id,
        id_of(&created),
        which,
    )
    .await
    .unwrap();
    assert_eq!((resent.events, resent.next), (3, None));
    assert_eq!(run(&world).await, 3);
    // One that arrived is sent again under the same id.
    let first = world.endpoints.received()[0].clone();
    let which = Resend::Event(header(&first, "webhook-id").parse().unwrap());
    let resent = resend_events(
        &world.app,
        &Caller::tenant(world.tenant_id),
        world.tenant_id,
        id_of(&created),
        which,
    )
    .await
    .unwrap();
    assert_eq!(resent.events, 1);
    assert_eq!(run(&world).await, 1);
    assert_eq!(
        header(&world.endpoints.received()[3], "webhook-id"),
        header(&first, "webhook-id")
    );
}

#[tokio::test]
async fn a_failing_endpoint_is_tried_on_schedule_and_then_given_up() {
    let world = World::new().await.unwrap();
    let created = endpoint(&world, URL, &["customer.created"]).await;
    world
        .endpoints
        .answer(URL, [Err("the connection was refused".to_owned())]);
    subscribe(&world, 1).await;
    assert_eq!(run(&world).await, 1);
    for pause in bounds::DELIVERY_PAUSES_MS {
        world.clock.advance(pause - 1);
        assert_eq!(run(&world).await, 0, "{pause}");
        world.clock.advance(1);
        assert_eq!(run(&world).await, 1, "{pause}");
    }
    world.clock.advance(30 * DAY_MS);
    assert_eq!(run(&world).await, 0);
    let delivery = world.store.rows().deliveries.values().next().unwrap().clone();
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.log.len(), bounds::DELIVERY_PAUSES_MS.len() + 1);
    assert_eq!(delivery.log[0].error.as_deref(), Some("the connection was refused"));
    assert_eq!(world.metrics.count("event_delivery given_up"), 1);
    assert_eq!(
        world.metrics.count("event_delivery postponed"),
        bounds::DELIVERY_PAUSES_MS.len() as u64
    );
    // On demand the whole schedule begins anew.
    world.endpoints.answer_statuses(URL, [200]);
    let which = Resend::Event(delivery.event_id);
    resend_events(
        &world.app,
        &Caller::tenant(world.tenant_id),
        world.tenant_id,
        id_of(&created),
        which,
    )
    .await
    .unwrap();
    assert_eq!(run(&world).await, 1);
    assert_eq!(
        world.store.rows().deliveries[&delivery.id].status,
        DeliveryStatus::Delivered
    );
}

#[tokio::test]
async fn events_of_one_subscription_keep_their_order_and_others_dont_wait() {
    let world = World::new().await.unwrap();
    endpoint(&world, URL, &["subscription.*"]).await;
    world.endpoints.answer_statuses(URL, [500, 200]);
    subscribe(&world, 1).await;
    run(&world).await;
    // The first one failed: what happens to the same subscription waits, another doesn't.
    let canceled = told("end", SubscriptionChange::Ended, 1, SubscriptionStatus::Canceled);
    world.deliver(vec![canceled]).await.unwrap();
    subscribe(&world, 2).await;
    run(&world).await;
    assert_eq!(
        types(&world.endpoints.received()),
        ["subscription.created", "subscription.created"]
    );
    world.clock.advance(bounds::DELIVERY_PAUSES_MS[0]);
    run(&world).await;
    let arrived = types(&world.endpoints.received()[2..]);
    assert_eq!(arrived[0], "subscription.created");
    assert!(
        arrived[1..].contains(&"subscription.canceled".to_owned()),
        "{arrived:?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_gone_or_failed_for_days_is_disabled_and_others_are_told() {
    for gone in [true, false] {
        let world = World::new().await.unwrap();
        let created = endpoint(&world, URL, &["customer.created"]).await;
        endpoint(&world, "https://ops.example/events", &["event_endpoint.*"]).await;
        world.endpoints.answer_statuses(URL, [if gone { 410 } else { 500 }]);
        subscribe(&world, 1).await;
        run(&world).await;
        if !gone {
            let status = |world: &World| world.store.rows().event_endpoints[&id_of(&created)].status;
            assert_eq!(status(&world), EndpointStatus::Enabled);
            world.clock.advance(bounds::ENDPOINT_FAILING_MAX_MS - 1);
            run(&world).await;
            assert_eq!(status(&world), EndpointStatus::Enabled);
            world.clock.advance(1);
            subscribe(&world, 2).await;
            run(&world).await;
        }
        let found = world.store.rows().event_endpoints[&id_of(&created)].clone();
        assert_eq!(found.status, EndpointStatus::Disabled, "gone: {gone}");
        run(&world).await;
        assert_eq!(
            types(&world.endpoints.received()).last().unwrap(),
            "event_endpoint.disabled"
        );
        // Nothing more is sent there, until it is enabled again.
        let before = world.endpoints.received().len();
        subscribe(&world, 3).await;
        run(&world).await;
        assert_eq!(world.endpoints.received().len(), before);
        let changes = EventEndpointChanges {
            enabled: Some(true),
            ..EventEndpointChanges::default()
        };
        let enabled = change_event_endpoint(&world.app, world.tenant_id, id_of(&created), changes)
            .await
            .unwrap();
        assert_eq!((enabled.status.as_str(), enabled.failing_since), ("enabled", None));
    }
}

#[tokio::test]
async fn an_answer_may_ask_for_a_longer_pause() {
    let world = World::new().await.unwrap();
    endpoint(&world, URL, &["customer.created"]).await;
    let busy = EventAnswer {
        status: 429,
        retry_after_seconds: Some(600),
    };
    let taken = EventAnswer {
        status: 200,
        retry_after_seconds: None,
    };
    world.endpoints.answer(URL, [Ok(busy), Ok(taken)]);
    subscribe(&world, 1).await;
    run(&world).await;
    world.clock.advance(599_999);
    assert_eq!(run(&world).await, 0);
    world.clock.advance(1);
    assert_eq!(run(&world).await, 1);
    assert!(
        world
            .store
            .rows()
            .event_endpoints
            .values()
            .all(|endpoint| endpoint.failing_since.is_none())
    );
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_new_one_until_its_overlap_ends() {
    let world = World::new().await.unwrap();
    let created = endpoint(&world, URL, &["customer.created"]).await;
    let caller = Caller::tenant(world.tenant_id);
    let rotated = rotate_event_endpoint_secret(&world.app, &caller, world.tenant_id, id_of(&created), Some(3_600_000))
        .await
        .unwrap();
    assert_ne!(rotated.secret, created.secret);
    let signatures = async |number: u32| {
        subscribe(&world, number).await;
        run(&world).await;
        let received = world.endpoints.received();
        header(received.last().unwrap(), "webhook-signature").split(' ').count()
    };
    assert_eq!(signatures(1).await, 2);
    world.clock.advance(3_600_000);
    assert_eq!(signatures(2).await, 1);
}

#[tokio::test]
async fn what_a_tenant_gets_wrong_is_named() {
    let world = World::new().await.unwrap();
    let caller = Caller::tenant(world.tenant_id);
    let command = |url: &str, types: &[&str]| CreateEventEndpoint {
        tenant_id: world.tenant_id,
        url: url.to_owned(),
        description: None,
        event_types: types.iter().map(|name| (*name).to_owned()).collect(),
    };
    for (command, field) in [
        (command("http://app.example", &[]), "url"),
        (command(URL, &["subscription.exploded"]), "event_types"),
        (command(URL, &["*"]), "event_types"),
        (command(URL, &["subscription*"]), "event_types"),
    ] {
        match create_event_endpoint(&world.app, &caller, command).await {
            Err(ApplicationError::Invalid(fields)) => assert_eq!(fields[0].field, field),
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..bounds::EVENT_ENDPOINTS_MAX {
        endpoint(&world, URL, &[]).await;
    }
    assert!(
        create_event_endpoint(&world.app, &caller, command(URL, &[]))
            .await
            .is_err()
    );
    let page = PageRequest { limit: 1, after: None };
    let store = &world.app.ports().store;
    let first = store.event_endpoints(world.tenant_id, &page).await.unwrap().items[0].id;
    delete_event_endpoint(&world.app, world.tenant_id, first).await.unwrap();
    let again = delete_event_endpoint(&world.app, world.tenant_id, first).await;
    assert!(matches!(again, Err(ApplicationError::NotFound { .. })));
    assert!(
        create_event_endpoint(&world.app, &caller, command(URL, &[]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_host_stops_between_any_two_steps_and_nothing_is_lost() {
    for steps in 0.. {
        let mut world = World::new().await.unwrap();
        endpoint(&world, URL, &[]).await;
        subscribe(&world, 1).await;
        world.fuse.blow_after(steps);
        let ended = world.until_stopped(run(&world)).await.is_some();
        world.restart();
        world.clock.advance(bounds::DELIVERY_LEASE_MS);
        while run(&world).await > 0 {}
        let ids: Vec<String> = world
            .endpoints
            .received()
            .iter()
            .map(|request| header(request, "webhook-id").to_owned())
            .collect();
        let mut different = ids.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 3, "stopped after {steps}: {ids:?}");
        assert!(ids.len() <= 6, "stopped after {steps}: {ids:?}");
        assert!(
            world
                .store
                .rows()
                .deliveries
                .values()
                .all(|row| row.status == DeliveryStatus::Delivered)
        );
        assert_eq!(feed(&world.app, &world).await.len(), 3);
        if ended {
            assert!(steps > 4, "{steps}");
            break;
        }
    }
}

#[tokio::test]
async fn two_hosts_that_order_and_send_at_once_send_each_event_once() {
    let world = World::new().await.unwrap();
    endpoint(&world, URL, &[]).await;
    for number in 1..=20 {
        subscribe(&world, number).await;
    }
    let another = world.another_host();
    let work = async |app: &std::sync::Arc<Application>| {
        fan_out_events(app).await.unwrap();
        deliver_due_events(app).await.unwrap();
    };
    tokio::join!(work(&world.app), work(&another));
    run(&world).await;
    assert_eq!(world.endpoints.received().len(), 60);
}

#[tokio::test]
async fn a_commit_that_fails_is_made_again() {
    for fault in [
        CommitFault::NotWritten,
        CommitFault::WrittenButUnanswered,
        CommitFault::Conflict,
    ] {
        let world = World::new().await.unwrap();
        endpoint(&world, URL, &["customer.created"]).await;
        subscribe(&world, 1).await;
        for nth in 0..4 {
            let before = (0..nth).map(|_| CommitFault::None);
            world.store.fault_commits(before.chain([fault]));
            let _failed = fan_out_events(&world.app).await;
            let _failed = deliver_due_events(&world.app).await;
        }
        world.store.fault_commits([]);
        world.clock.advance(bounds::DELIVERY_LEASE_MS);
        run(&world).await;
        let row = world.store.rows().deliveries.values().next().unwrap().clone();
        assert_eq!(row.status, DeliveryStatus::Delivered, "{fault:?}");
        assert_eq!(feed(&world.app, &world).await.len(), 3, "{fault:?}");
    }
}
