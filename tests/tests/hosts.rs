//! Two hosts on one PostgreSQL database: what one keeps in memory, it forgets when the other changes it.

use std::time::Duration;

use serde_json::json;
use tillgate_tests::{Database, World, answer_of};
use tokio::time::Instant;

/// Far longer than telling takes, and far shorter than anything is kept that nobody told of.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_host_changes_the_other_forgets() {
    let world = World::new(Database::Postgres).await;
    let there = world.gateway.another().await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let customer = subscription["customer_id"].as_str().unwrap();
    let list = format!("/v1/subscriptions?customer_id={customer}");
    let ask_there = |cache: &'static str| {
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(format!("{}{list}", there.api))
            .bearer_auth(world.tenant.key())
            .header("cache-control", cache);
        answer_of(request)
    };
    let hits = async || {
        let labels = [("cache", "subscriptions"), ("outcome", "hit")];
        there.metrics().await.value("tillgate_cache_reads_total", &labels)
    };
    let (status, found) = ask_there("max-age=60").await;
    assert_eq!((status, &found["data"][0]["seats"]), (200, &json!(5)), "{found}");
    ask_there("max-age=60").await;
    assert!(hits().await >= 1.0, "it is kept");

    let path = format!("/v1/subscriptions/{}/seats", subscription["id"].as_str().unwrap());
    world.tenant.put(&path, json!({"seats": 9})).await;
    // Here at once, and there for whoever insists.
    assert_eq!(world.tenant.get(&list).await["data"][0]["seats"], 9);
    assert_eq!(ask_there("no-cache").await.1["data"][0]["seats"], 9);
    let deadline = Instant::now() + SOON;
    while ask_there("max-age=60").await.1["data"][0]["seats"] != 9 {
        assert!(Instant::now() < deadline, "it was not told");
        tokio::task::yield_now().await;
    }

    let path = format!("/v1/admin/tenants/{}/api-keys", world.tenant.id);
    let (_, keys) = answer_of(world.tenant.as_operator("GET", &path)).await;
    let id = keys["data"][0]["id"].as_str().unwrap().to_owned();
    let (status, _) = answer_of(world.tenant.as_operator("DELETE", &format!("{path}/{id}"))).await;
    assert_eq!(status, 204);
    let deadline = Instant::now() + SOON;
    while ask_there("max-age=60").await.0 != 401 {
        assert!(Instant::now() < deadline, "it was not told");
        tokio::task::yield_now().await;
    }
    assert!(!there.log().contains("aren't heard"), "it has heard all the while");
}
