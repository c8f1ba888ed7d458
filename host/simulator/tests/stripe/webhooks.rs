//! Delivery: shapes, retries, secrets, duplicates, order.

use serde_json::json;
use tillgate_simulator::stripe::Options;

use crate::world::{START, World, kinds};

#[tokio::test]
async fn a_delivery_looks_like_stripes() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    world.post_keyed("/v1/customers", "email=a@b.co", "key-7").await;
    let hook = world.flush().await.remove(0);
    assert_eq!(
        hook.headers["user-agent"],
        "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    );
    assert_eq!(hook.headers["content-type"], "application/json; charset=utf-8");
    assert!(hook.body.starts_with("{\n  \""));
    let event = hook.json();
    assert_eq!((&event["object"], &event["created"]), (&json!("event"), &json!(START)));
    assert_eq!(
        (&event["pending_webhooks"], &event["livemode"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(event["request"]["idempotency_key"], "key-7");
    // The signature is of the real time, not of the simulated one.
    let signature = hook.headers["stripe-signature"].to_str().unwrap();
    let time: i64 = signature
        .strip_prefix("t=")
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((time - START).abs() > 86_400, "{time}");
    let again = world
        .get(&format!("/v1/events/{}", event["id"].as_str().unwrap()))
        .await;
    assert_eq!(again["pending_webhooks"], 0);
}

#[tokio::test]
async fn refused_deliveries_are_retried_with_the_same_event() {
    let world = World::with(Options {
        webhook_max_attempts: 3,
        ..Options::default()
    })
    .await;
    world.subscribe_hooks("/h", "").await;
    world.post("/v1/customers", "email=a@b.co").await;
    world.answer_hooks(&[500, 302, 204]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.extend(world.flush().await.iter().map(|hook| hook.json()["id"].clone()));
    }
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|id| *id == seen[0]));
    world.post("/v1/customers", "email=a@b.co").await;
    world.answer_hooks(&[500, 500, 500]);
    for _ in 0..4 {
        world.flush().await;
    }
    let counts = world.control("deliveries/flush", json!({})).await;
    assert_eq!(
        (&counts["delivered"], &counts["failed"], &counts["pending"]),
        (&json!(1), &json!(1), &json!(0))
    );
}

#[tokio::test]
async fn both_secrets_sign_while_a_secret_is_rolled() {
    let world = World::new().await;
    let (endpoint, old) = world.subscribe_hooks("/h", "").await;
    let rolled = world
        .control(&format!("webhook_endpoints/{endpoint}/roll_secret"), json!({}))
        .await;
    let new = rolled["secret"].as_str().unwrap();
    world.post("/v1/customers", "email=a@b.co").await;
    let hook = world.flush().await.remove(0);
    assert!(hook.is_signed_by(&old) && hook.is_signed_by(new));
    world
        .control(&format!("webhook_endpoints/{endpoint}/end_roll"), json!({}))
        .await;
    world.post("/v1/customers", "email=a@b.co").await;
    let hook = world.flush().await.remove(0);
    assert!(!hook.is_signed_by(&old) && hook.is_signed_by(new));
}

#[tokio::test]
async fn endpoints_get_their_events_in_their_shape() {
    let world = World::new().await;
    world.subscribe_hooks("/old", "&api_version=2023-10-16").await;
    world.subscribe_hooks("/thin", "&event_payload=thin").await;
    let form = format!("url={}/few&enabled_events[]=invoice.paid", world.hooks_url);
    world.post("/v1/webhook_endpoints", &form).await;
    let subscription = world.subscribe("").await;
    let hooks = world.flush().await;
    let on = |path: &str, kind: &str| {
        hooks
            .iter()
            .find(|hook| hook.path == path && hook.kind() == kind)
            .unwrap()
            .json()
    };
    let old = on("/old", "customer.subscription.created");
    assert_eq!(old["api_version"], "2023-10-16");
    assert!(old["data"]["object"]["current_period_end"].is_i64());
    let invoice = &on("/old", "invoice.paid")["data"]["object"];
    assert_eq!(
        (&invoice["subscription"], &invoice["paid"]),
        (&subscription["id"], &json!(true))
    );
    assert!(invoice["charge"].is_string() && invoice["payment_intent"].is_string());
    let thin = on("/thin", "v1.customer.subscription.created");
    assert_eq!(thin["object"], "v2.core.event");
    assert_eq!(
        thin["related_object"]["url"],
        format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap())
    );
    let few: Vec<_> = hooks.iter().filter(|hook| hook.path == "/few").cloned().collect();
    assert_eq!(kinds(&few), ["invoice.paid"]);
}

#[tokio::test]
async fn webhooks_are_duplicated_shuffled_and_lost_on_demand() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    world.control("faults", json!({"webhooks": {"duplicate": 2}})).await;
    world.post("/v1/customers", "email=a@b.co").await;
    let copies = world.flush().await;
    assert_eq!(copies.len(), 3);
    assert!(copies.iter().all(|copy| copy.json()["id"] == copies[0].json()["id"]));

    world
        .control("faults", json!({"webhooks": {"reorder_window": 20}}))
        .await;
    world.subscribe("").await;
    let shuffled = kinds(&world.flush().await);
    let listed = world.get("/v1/events?limit=100").await;
    let mut emitted: Vec<String> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    emitted.pop();
    emitted.reverse();
    assert_ne!(shuffled, emitted);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(shuffled), sorted(emitted));

    world.control("faults", json!({"webhooks": {"drop_every": 1}})).await;
    world.post("/v1/customers", "email=a@b.co").await;
    assert!(world.flush().await.is_empty());
}
