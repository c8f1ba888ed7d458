//! Answers that fail on demand.

use std::time::Duration;

use serde_json::json;

use crate::world::World;

async fn customers(world: &World) -> usize {
    world.get("/v1/customers").await["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_429_is_not_saved_and_a_500_is() {
    let world = World::new().await;
    world
        .control(
            "faults",
            json!({"next": {"status": 429, "retry_after": 7, "should_retry": true}}),
        )
        .await;
    let limited = world.post_keyed("/v1/customers", "email=a@b.co", "k1").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    assert_eq!(limited.header("stripe-should-retry"), Some("true"));
    assert_eq!(limited.json()["error"]["code"], "rate_limit");
    assert_eq!(
        world.post_keyed("/v1/customers", "email=a@b.co", "k1").await.status,
        200
    );

    world.control("faults", json!({"next": {"status": 500}})).await;
    assert_eq!(
        world.post_keyed("/v1/customers", "email=a@b.co", "k2").await.status,
        500
    );
    let saved = world.post_keyed("/v1/customers", "email=a@b.co", "k2").await;
    assert_eq!((saved.status, saved.header("idempotent-replayed")), (500, Some("true")));
    assert_eq!(customers(&world).await, 1);
}

#[tokio::test]
async fn an_applied_write_with_a_lost_answer_is_found_by_its_key() {
    let world = World::new().await;
    for (number, status) in [json!(500), json!("html"), json!("empty"), json!("close")]
        .into_iter()
        .enumerate()
    {
        let key = format!("k{number}");
        world
            .control(
                "faults",
                json!({"next": {"status": status, "apply_before_failing": true, "method": "POST"}}),
            )
            .await;
        let request = world.request("POST", "/v1/customers").header("idempotency-key", &key);
        let lost = request.body("email=a@b.co").send().await;
        match status.as_str() {
            Some("close") => assert!(lost.is_err()),
            Some("empty") => assert_eq!(lost.unwrap().text().await.unwrap(), ""),
            Some(_) => assert_eq!(lost.unwrap().status(), 502),
            None => assert_eq!(lost.unwrap().status(), 500),
        }
        let found = world.post_keyed("/v1/customers", "email=a@b.co", &key).await;
        assert_eq!((found.status, found.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(customers(&world).await, number + 1);
    }
}

#[tokio::test]
async fn a_hanging_answer_never_comes_and_nothing_happened() {
    let world = World::new().await;
    world.control("faults", json!({"next": {"status": "hang"}})).await;
    let request = world
        .request("POST", "/v1/customers")
        .timeout(Duration::from_millis(50));
    assert!(request.body("email=a@b.co").send().await.unwrap_err().is_timeout());
    assert_eq!(customers(&world).await, 0);
}

#[tokio::test]
async fn reset_forgets_everything() {
    let world = World::new().await;
    world.subscribe("").await;
    world.control("faults", json!({"next": {"status": 500}})).await;
    world.control("reset", json!({})).await;
    assert_eq!(customers(&world).await, 0);
    let index = world.get_raw("/").await;
    assert!(index.text.contains("Control API"));
}

#[tokio::test]
async fn an_answer_can_be_lost_more_than_once() {
    let world = World::new().await;
    let fault = json!({"next": {"status": "close", "count": 2, "apply_before_failing": true}});
    world.control("faults", fault).await;
    for _ in 0..2 {
        let request = world.request("POST", "/v1/customers").header("idempotency-key", "k");
        assert!(request.body("email=a@b.co").send().await.is_err());
    }
    let found = world.post_keyed("/v1/customers", "email=a@b.co", "k").await;
    assert_eq!((found.status, found.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(customers(&world).await, 1);
}
