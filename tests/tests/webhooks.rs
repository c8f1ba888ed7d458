//! Received webhooks are shown and put back by the real binary, on both databases.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of, signature_header};

macro_rules! flows {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Postgres).await;
            })*
        }
    };
}

flows! {
    everything_received_is_put_back_and_changes_nothing,
    the_command_line_shows_replays_and_refuses,
    other_contents_under_a_known_id_are_kept_and_not_applied,
}

/// A customer subscribes, pays, and changes the seats.
async fn lived(database: Database) -> World {
    let world = World::new(database).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    world.webhooks().await;
    let id = subscription["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/{id}/seats");
    world.tenant.put(&path, json!({ "seats": 9 })).await;
    world.webhooks().await;
    world
}

/// What dashboards and tenants see.
async fn seen(world: &World) -> (Vec<String>, Vec<String>, Value, Value) {
    let text = world.gateway.metrics_text().await;
    let counted = text.lines().filter(|line| line.starts_with("billing_"));
    (
        world.gateway.published_types().await,
        counted.map(str::to_owned).collect(),
        world.tenant.get("/v1/subscriptions").await,
        world.tenant.get("/v1/payments").await,
    )
}

async fn received(world: &World, query: &str) -> Vec<Value> {
    let path = format!("/v1/admin/webhooks?limit=100&{query}");
    let list = world.tenant.admin("GET", &path, Value::Null).await;
    list["data"].as_array().unwrap().clone()
}

async fn everything_received_is_put_back_and_changes_nothing(database: Database) {
    let world = lived(database).await;
    let before = seen(&world).await;
    let all = received(&world, "status=processed").await;
    assert!(all.len() > 3, "{all:?}");
    let filter = json!({ "provider_account_id": world.tenant.account_id });
    let request = world.tenant.as_operator("POST", "/v1/admin/webhooks/replay");
    let (status, put_back) = answer_of(request.json(&json!({ "filter": filter }))).await;
    assert_eq!((status, &put_back["replayed"]), (202, &json!(all.len())));
    world.tenant.settled().await;
    let after = received(&world, "status=processed").await;
    assert_eq!(after.len(), all.len());
    assert!(after.iter().all(|webhook| webhook["replays"] == 1), "{after:?}");
    assert_eq!(before, seen(&world).await);
}

async fn the_command_line_shows_replays_and_refuses(database: Database) {
    let world = lived(database).await;
    let gateway = &world.gateway;
    let before = world.gateway.published_types().await;
    let (code, out, err) = gateway
        .cli(&["webhook", "list", "--json", "--status", "processed"], "")
        .await;
    assert_eq!(code, Some(0), "{err}");
    let list: Value = serde_json::from_str(&out).unwrap();
    let webhook = list.as_array().unwrap().iter().find(|webhook| {
        let types = webhook["provider_types"].to_string();
        types.contains("customer.subscription")
    });
    let id = webhook.unwrap()["id"].as_str().unwrap();
    let (_, table, _) = gateway
        .cli(&["webhook", "list", "--type", "invoice.paid", "--limit", "1"], "")
        .await;
    assert!(table.starts_with("ID") && table.contains("invoice.paid"), "{table}");
    let (_, shown, _) = gateway.cli(&["webhook", "show", id], "").await;
    assert!(
        shown.contains("stripe-signature: (") && shown.contains("SHA-256"),
        "{shown}"
    );
    let (_, revealed, _) = gateway.cli(&["webhook", "show", id, "--reveal", "--json"], "").await;
    let revealed: Value = serde_json::from_str(&revealed).unwrap();
    let body: Value = serde_json::from_str(revealed["request"]["body"]["content"].as_str().unwrap()).unwrap();
    assert!(body["id"].as_str().unwrap().starts_with("evt_"));
    let (code, out, err) = gateway.cli(&["webhook", "replay", id, "--dry-run"], "").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("would change nothing") && out.contains("Nothing was changed"),
        "{out}"
    );
    let (code, out, err) = gateway.cli(&["webhook", "replay", id, "--json"], "").await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["replays"], 1);
    let many = [
        "webhook",
        "replay",
        "--account",
        &world.tenant.account_id,
        "--from",
        "2000-01-01T00:00:00Z",
    ];
    let dry: Vec<&str> = many.iter().copied().chain(["--dry-run", "--json"]).collect();
    let (code, out, _) = gateway.cli(&dry, "").await;
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["previews"], json!([]));
    let (code, out, err) = gateway.cli(&many, "").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("are pending again"), "{out}");
    world.tenant.settled().await;
    assert_eq!(before, gateway.published_types().await);
    let unknown = "whk_01JDB2Z7N3V9Q4T6W8X0Y1A2B3";
    for (arguments, code, said) in [
        (&["webhook", "show", unknown][..], 1, "does not exist"),
        (&["webhook", "replay", unknown], 1, "does not exist"),
        (
            &["webhook", "replay", id, "--plugin-version", "9.9.9"],
            1,
            "stripe 9.9.9",
        ),
        (&["webhook", "replay"], 2, "at least one of"),
        (
            &["webhook", "replay", "--status", "dead", "--plugin-version", "0.1.0"],
            2,
            "--account",
        ),
        (&["webhook", "replay", id, "--status", "dead"], 2, "cannot be used with"),
        (&["webhook", "list", "--status", "lost"], 2, "possible values"),
        (&["webhook", "list", "--from", "yesterday"], 2, "--from"),
    ] {
        let (ended, _, err) = gateway.cli(arguments, "").await;
        assert_eq!(ended, Some(code), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
}

async fn other_contents_under_a_known_id_are_kept_and_not_applied(database: Database) {
    let world = lived(database).await;
    let before = world.gateway.published_types().await;
    let known = received(&world, "provider_type=customer.subscription.updated").await;
    let path = format!("/v1/admin/webhooks/{}?reveal=true", known[0]["id"].as_str().unwrap());
    let shown = world.tenant.admin("GET", &path, Value::Null).await;
    let mut event: Value = serde_json::from_str(shown["request"]["body"]["content"].as_str().unwrap()).unwrap();
    // As it is when it is delivered once more: the provider counts its tries.
    event["pending_webhooks"] = json!(7);
    send(&world, &event).await;
    assert!(received(&world, "status=conflicting").await.is_empty());
    event["data"]["object"]["items"]["data"][0]["quantity"] = json!(77);
    send(&world, &event).await;
    let conflicting = received(&world, "status=conflicting").await;
    assert_eq!(conflicting.len(), 1);
    let error = conflicting[0]["error"].as_str().unwrap();
    assert!(error.contains(event["id"].as_str().unwrap()), "{error}");
    assert_eq!(before, world.gateway.published_types().await);
    let metrics = world.gateway.metrics_text().await;
    assert!(metrics.contains("tillgate_webhooks_conflicting_total 1\n"), "{metrics}");
    let path = format!("/v1/admin/webhooks/{}/replay", conflicting[0]["id"].as_str().unwrap());
    let (status, refused) = answer_of(world.tenant.as_operator("POST", &path)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("webhook_not_replayable")));
}

/// Seconds since 1970, as a signer has them.
#[expect(
    clippy::disallowed_methods,
    reason = "a webhook is signed with the real time, and the gateway judges by it"
)]
fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Delivers an event as Stripe does, which has to be acknowledged.
async fn send(world: &World, event: &Value) {
    let body = event.to_string();
    let signature = signature_header(&world.tenant.webhook_secret, seconds_now(), body.as_bytes());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(&world.tenant.webhook_url)
        .header("stripe-signature", signature);
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}
