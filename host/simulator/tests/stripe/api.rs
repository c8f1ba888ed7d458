//! Answers, errors and idempotency of the API.

use serde_json::{Value, json};
use tillgate_simulator::stripe::Options;

use crate::world::{START, World, id};

#[tokio::test]
async fn every_answer_carries_stripes_headers() {
    let world = World::new().await;
    let answer = world.post_keyed("/v1/customers", "email=a@b.co", "key-1").await;
    assert!(answer.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(answer.header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(answer.header("date"), Some("Sat, 31 Jan 2026 12:00:00 GMT"));
    assert_eq!(answer.header("idempotency-key"), Some("key-1"));
    assert_eq!(answer.json()["created"], START);
}

#[tokio::test]
async fn wrong_keys_are_refused_without_being_logged() {
    let world = World::with(Options {
        api_key: Some("sk_test_right_one".into()),
        ..Options::default()
    })
    .await;
    let answer = world.get_raw("/v1/customers").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"]["message"], "Invalid API Key provided: ****7890");
    let bare = world
        .client
        .get(format!("{}/v1/customers", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
    let log = world
        .client
        .get(format!("{}/_simulator/requests", world.base))
        .send()
        .await
        .unwrap();
    let log = log.text().await.unwrap();
    assert!(log.contains("Bearer ****7890"), "{log}");
    assert!(!log.contains("sk_test_1234567890"));
}

#[tokio::test]
async fn errors_have_stripes_shape() {
    let world = World::new().await;
    let price = world.monthly_price().await;
    let ok = "success_url=https://a.example/ok";
    let long = "r".repeat(201);
    let cases = [
        ("/v1/customers", "foo=1".to_owned(), "parameter_unknown", "foo"),
        ("/v1/customers", "email=nobody".to_owned(), "email_invalid", "email"),
        (
            "/v1/customers",
            "balance=x".to_owned(),
            "parameter_invalid_integer",
            "balance",
        ),
        ("/v1/checkout/sessions", ok.to_owned(), "parameter_missing", "mode"),
        (
            "/v1/checkout/sessions",
            "mode=subscription".to_owned(),
            "parameter_missing",
            "success_url",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}"),
            "parameter_missing",
            "line_items",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}&line_items[0][price]=price_no&line_items[0][quantity]=1"),
            "resource_missing",
            "line_items[0][price]",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}&line_items[0][price]={price}&line_items[0][quantity]=1&customer=cus_no"),
            "resource_missing",
            "customer",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=payment&{ok}&line_items[0][price]={price}&line_items[0][quantity]=1"),
            "",
            "line_items[0][price]",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}&customer_creation=always"),
            "",
            "customer_creation",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}&client_reference_id={long}"),
            "",
            "client_reference_id",
        ),
        (
            "/v1/checkout/sessions",
            format!("mode=subscription&{ok}&expires_at={}", START + 60),
            "",
            "expires_at",
        ),
        (
            "/v1/checkout/sessions",
            "mode=payment&success_url=javascript:alert(1)".to_owned(),
            "url_invalid",
            "success_url",
        ),
        ("/v1/refunds", "charge=ch_no".to_owned(), "resource_missing", "charge"),
    ];
    for (path, form, code, param) in cases {
        let answer = world.post_raw(path, &form).await;
        assert_eq!(answer.status, 400, "{form}: {}", answer.text);
        let error = &answer.json()["error"];
        assert_eq!(error["type"], "invalid_request_error", "{form}");
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{form}: {error}");
        assert_eq!(error["param"], param, "{form}: {error}");
        assert!(error["request_log_url"].as_str().unwrap().contains("req_"));
    }
    let gone = world.get_raw("/v1/subscriptions/sub_no").await;
    assert_eq!(
        (gone.status, &gone.json()["error"]["message"]),
        (404, &json!("No such subscription: 'sub_no'"))
    );
    assert_eq!(world.get_raw("/v1/nonsense").await.status, 404);
    let json_body = world
        .request("POST", "/v1/customers")
        .header("content-type", "application/json")
        .body("{}");
    assert_eq!(json_body.send().await.unwrap().status(), 400);
    let big = world
        .post_raw("/v1/customers", &format!("description={}", "x".repeat(1_100_000)))
        .await;
    assert_eq!(big.status, 413);
}

#[tokio::test]
async fn a_key_replays_its_answer_and_refuses_another_request() {
    let world = World::new().await;
    let first = world
        .post_keyed("/v1/customers", "email=a@b.co&metadata[x]=1", "k")
        .await;
    let again = world
        .post_keyed("/v1/customers", "email=a@b.co&metadata[x]=1", "k")
        .await;
    assert_eq!(first.text, again.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    let other = world.post_keyed("/v1/customers", "email=c@d.co", "k").await;
    assert_eq!(
        (other.status, &other.json()["error"]["type"]),
        (400, &json!("idempotency_error"))
    );
    // Another account has keys of its own.
    let request = world.request("POST", "/v1/customers").header("idempotency-key", "k");
    let elsewhere = request
        .header("stripe-account", "acct_2")
        .body("email=c@d.co")
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 200);
    let customers = world.get("/v1/customers").await;
    assert_eq!(customers["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_request_that_was_refused_leaves_its_key_free() {
    let world = World::new().await;
    assert_eq!(world.post_keyed("/v1/customers", "foo=1", "k").await.status, 400);
    assert_eq!(world.post_keyed("/v1/customers", "email=a@b.co", "k").await.status, 200);
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict_until_its_caller_is_gone() {
    let world = World::new().await;
    world.control("faults", json!({"latency_ms": 600_000})).await;
    let slow = world.clone();
    let first = tokio::spawn(async move { slow.post_keyed("/v1/customers", "email=a@b.co", "k").await });
    loop {
        let url = format!("{}/_simulator/requests", world.base);
        let log: Value =
            serde_json::from_str(&world.client.get(url).send().await.unwrap().text().await.unwrap()).unwrap();
        if !log["requests"].as_array().unwrap().is_empty() {
            break;
        }
    }
    let second = world.post_keyed("/v1/customers", "email=a@b.co", "k").await;
    assert_eq!(
        (second.status, &second.json()["error"]["code"]),
        (409, &json!("idempotency_key_in_use"))
    );
    assert_eq!(second.header("stripe-should-retry"), Some("true"));
    first.abort();
    world.control("faults", json!({"clear": true})).await;
    while world.post_keyed("/v1/customers", "email=a@b.co", "k").await.status == 409 {}
    assert_eq!(world.get("/v1/customers").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for seed in [1, 1, 2] {
        let world = World::with(Options {
            seed,
            ..Options::default()
        })
        .await;
        world.get("/v1/customers").await;
        ids.push(id(&world.subscribe("").await));
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn properties_expand_and_old_versions_get_old_shapes() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let path = format!(
        "/v1/subscriptions/{}?expand[]=latest_invoice.payments&expand[]=customer&expand[]=items.data.price",
        id(&subscription)
    );
    let expanded = world.get(&path).await;
    assert_eq!(expanded["customer"]["email"], "jane@example.com");
    assert_eq!(expanded["latest_invoice"]["status"], "paid");
    assert!(expanded["latest_invoice"]["payments"]["data"][0]["payment"]["payment_intent"].is_string());
    let bad = world
        .get_raw(&format!("/v1/subscriptions/{}?expand[]=nonsense", id(&subscription)))
        .await;
    assert_eq!(bad.status, 400);
    assert!(subscription.get("current_period_end").is_none());
    let request = world.request("GET", &format!("/v1/subscriptions/{}", id(&subscription)));
    let old = request
        .header("stripe-version", "2023-10-16")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let old: Value = serde_json::from_str(&old).unwrap();
    assert_eq!(
        old["current_period_end"],
        subscription["items"]["data"][0]["current_period_end"]
    );
}
