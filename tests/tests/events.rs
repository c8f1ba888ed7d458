//! Events reach tenants' endpoints through the real binary: each at least once, signed, in order, whatever happens.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tillgate_tests::{
    Database, Gateway, GatewayOptions, Provider, Received, Receiver, Tenant, answer_of, node_judge, python_judge,
};

struct Scene {
    provider: Provider,
    receiver: Receiver,
    gateway: Gateway,
    tenant: Tenant,
}

async fn scene(database: Database) -> Scene {
    let provider = Provider::start().await;
    let receiver = Receiver::start().await;
    let options = GatewayOptions {
        database,
        origin_overrides: vec![provider.url.clone(), receiver.origin.clone()],
        environment: Vec::new(),
    };
    let gateway = Gateway::start(options).await;
    let tenant = Tenant::create(&gateway, &provider).await;
    Scene {
        provider,
        receiver,
        gateway,
        tenant,
    }
}

/// The whole feed, page by page.
async fn feed(tenant: &Tenant) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events
            .last()
            .map(|event| format!("&after={}", event["id"].as_str().unwrap()));
        let page = tenant
            .get(&format!("/v1/events?limit=7{}", after.unwrap_or_default()))
            .await;
        let items = page["data"].as_array().unwrap();
        events.extend(items.iter().cloned());
        if items.is_empty() {
            return events;
        }
    }
}

fn ids(received: &[Received]) -> BTreeSet<String> {
    received
        .iter()
        .map(|request| request.header("webhook-id").to_owned())
        .collect()
}

/// Waits until as many different events came as were published.
async fn until_complete(scene: &Scene) -> Vec<Received> {
    let published = scene.gateway.published_types().await.len();
    scene.receiver.until(|received| ids(received).len() >= published).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_arrive_in_order_and_signed_on_sqlite() {
    they_arrive(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_arrive_in_order_and_signed_on_postgres() {
    they_arrive(Database::Postgres).await;
}

async fn they_arrive(database: Database) {
    let scene = scene(database).await;
    let created = scene
        .tenant
        .post(
            "/v1/event-endpoints",
            json!({"url": scene.receiver.url, "description": "all"}),
        )
        .await;
    let secret = created["secret"].as_str().unwrap();
    let path = format!("/v1/event-endpoints/{}", created["id"].as_str().unwrap());
    assert!(
        !scene.tenant.get(&path).await.to_string().contains(secret),
        "it is shown once"
    );
    // The first try of the first event fails, and those of other subscriptions don't wait for it.
    scene.receiver.answer([503]);
    let subscription = scene.tenant.subscribe(&scene.provider).await;
    let seats = format!("/v1/subscriptions/{}/seats", subscription["id"].as_str().unwrap());
    scene.tenant.put(&seats, json!({"seats": 9})).await;
    let received = until_complete(&scene).await;
    let feed = feed(&scene.tenant).await;
    assert_eq!(feed.len(), ids(&received).len());
    let known: BTreeSet<String> = feed
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(known, ids(&received));
    assert!(received.len() > feed.len(), "the first try failed");
    // Those of the subscription came in the order of the feed.
    let about = |event: &Value| {
        let object = &event["data"]["object"];
        [&object["id"], &object["subscription_id"]].contains(&&subscription["id"])
    };
    let wanted: Vec<&Value> = feed.iter().filter(|event| about(event)).collect();
    let mut came: Vec<Value> = Vec::new();
    for event in received.iter().map(Received::event).filter(about) {
        if !came.contains(&event) {
            came.push(event);
        }
    }
    assert_eq!(came.iter().collect::<Vec<_>>(), wanted);
    assert!(wanted.len() >= 3, "{wanted:?}");
    judge(&received, secret).await;
    let deliveries = format!("{path}/deliveries?status=delivered&limit=100");
    let log = scene.tenant.get(&deliveries).await;
    assert!(!log["data"].as_array().unwrap().is_empty(), "{log}");
    assert_eq!(log["data"][0]["log"].as_array().unwrap().last().unwrap()["status"], 204);
}

/// Both official libraries believe what came, and nothing that was changed.
async fn judge(received: &[Received], secret: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("received.json");
    let all: Vec<Value> = received.iter().map(Received::to_json).collect();
    std::fs::write(&file, serde_json::to_string(&all).unwrap()).unwrap();
    let arguments = [file.to_str().unwrap(), secret];
    print!("{}", node_judge("standard_webhooks.mjs", &arguments).await);
    print!("{}", python_judge("standard_webhooks.py", &arguments).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_secret_and_the_one_before_are_believed() {
    let scene = scene(Database::Sqlite).await;
    let input = json!({"url": scene.receiver.url, "event_types": ["customer.*"]});
    let created = scene.tenant.post("/v1/event-endpoints", input).await;
    let path = format!("/v1/event-endpoints/{}", created["id"].as_str().unwrap());
    let rotated = scene.tenant.post(&format!("{path}/rotate-secret"), json!({})).await;
    scene.tenant.subscribe(&scene.provider).await;
    let received = scene.receiver.until(|received| !received.is_empty()).await;
    for secret in [&created["secret"], &rotated["secret"]] {
        judge(&received, secret.as_str().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_lost_where_the_host_is_killed_again_and_again_on_sqlite() {
    none_is_lost(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_lost_where_the_host_is_killed_again_and_again_on_postgres() {
    none_is_lost(Database::Postgres).await;
}

async fn none_is_lost(database: Database) {
    let mut scene = scene(database).await;
    scene
        .tenant
        .post("/v1/event-endpoints", json!({"url": scene.receiver.url}))
        .await;
    for round in 0..4 {
        scene.tenant.subscribe(&scene.provider).await;
        // In the middle of sending: some arrived, and which of them is known to have is chance.
        let before = round * 3;
        scene.receiver.until(|received| received.len() > before).await;
        scene.gateway.kill().await;
        scene.gateway.restart().await;
        scene.tenant.moved(&scene.gateway);
    }
    // What a host was sending when it was killed is sent again when its lease is over.
    let received = until_complete(&scene).await;
    let feed = feed(&scene.tenant).await;
    let different: BTreeSet<&str> = feed.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(different.len(), feed.len(), "no event has two places");
    assert_eq!(different.len(), ids(&received).len());
    assert_eq!(feed.len(), scene.gateway.published_types().await.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_where_nothing_may_be_sent() {
    let scene = scene(Database::Sqlite).await;
    for url in [
        "http://app.example/events",
        "https://127.0.0.1/events",
        "https://[::1]/events",
        "https://localhost/events",
        "https://169.254.169.254/latest",
        "https://user:password@app.example/events",
        "ftp://app.example/",
        "events",
    ] {
        let request = scene.tenant.request("POST", "/v1/event-endpoints");
        let (status, answer) = answer_of(request.json(&json!({"url": url}))).await;
        assert_eq!(
            (status, &answer["code"]),
            (422, &json!("invalid_request")),
            "{url}: {answer}"
        );
        assert_eq!(answer["errors"][0]["field"], "url", "{answer}");
    }
    for path in ["/v1/events?after=evt_01JDB2Z7N3V9Q4T6W8X0Y1A2B3", "/v1/events/evt_1"] {
        let (status, answer) = answer_of(scene.tenant.request("GET", path)).await;
        assert_eq!((status, &answer["code"]), (404, &json!("event_not_found")), "{answer}");
    }
    let (status, answer) = answer_of(scene.tenant.request("GET", "/v1/events?types=nothing.*")).await;
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (422, &json!("types")),
        "{answer}"
    );
    assert_eq!(scene.tenant.get("/v1/events").await["data"], json!([]));
}
