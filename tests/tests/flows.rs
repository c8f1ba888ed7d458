//! What happens to a customer, through the real binary, on both databases.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::time::Duration;

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of};
use tokio::time::Instant;

/// A month and a day, in seconds.
const A_MONTH_LATER: u64 = 32 * 24 * 60 * 60;

/// Makes a test of each flow on each database.
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
    a_customer_subscribes_grows_and_leaves,
    webhooks_doubled_and_shuffled_have_their_effect_once,
    a_trial_ends_a_renewal_fails_and_recovers,
    a_one_time_purchase_is_paid_refunded_and_disputed,
    a_delayed_payment_completes_or_fails_its_purchase,
    a_checkout_survives_kill_nine_by_its_journal,
    webhooks_survive_kill_nine,
    an_idempotency_key_replays_its_answer,
    a_provider_that_misbehaves_gets_a_typed_answer,
    a_provider_that_recovers_is_tried_again_under_the_same_key,
    the_portal_opens,
}

async fn a_customer_subscribes_grows_and_leaves(database: Database) {
    let world = World::new(database).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    assert_eq!(subscription["status"], "active");
    assert_eq!(subscription["seats"], 5);
    assert_eq!(subscription["product_id"], "team");
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());

    let customer = world.tenant.get("/v1/customers").await["data"][0].clone();
    assert_eq!(
        (&customer["organization_id"], &customer["user_id"]),
        (&json!("org_1"), &json!("user_1"))
    );
    assert_eq!(customer["id"], subscription["customer_id"]);
    let purchase = world.tenant.get("/v1/purchases").await["data"][0].clone();
    assert_eq!(
        (&purchase["type"], &purchase["status"]),
        (&json!("subscription"), &json!("active"))
    );
    assert_eq!(purchase["subscription_id"], subscription["id"]);

    let change = world.tenant.put(&format!("{path}/seats"), json!({"seats": 8})).await;
    assert_eq!(
        (&change["outcome"], &change["subscription"]["seats"]),
        (&json!("applied"), &json!(8))
    );
    world.webhooks().await;

    let change = world
        .tenant
        .post(&format!("{path}/cancel"), json!({"mode": "at_period_end"}))
        .await;
    assert_eq!(change["outcome"], "scheduled");
    assert_eq!(change["effective_at"], change["subscription"]["current_period_end"]);
    world.webhooks().await;
    assert_eq!(world.tenant.get(&path).await["status"], "active");

    world
        .provider
        .control("clock", json!({"advance_seconds": A_MONTH_LATER}))
        .await;
    world.webhooks().await;
    let ended = world.tenant.get(&path).await;
    assert_eq!(ended["status"], "canceled");
    assert!(ended["ended_at"].is_string());
    let (status, problem) = answer_of(
        world
            .tenant
            .request("PUT", &format!("{path}/seats"))
            .json(&json!({"seats": 9})),
    )
    .await;
    assert_eq!((status, &problem["code"]), (409, &json!("invalid_subscription_status")));

    // The metadata went to the session and to the subscription.
    let sent = world.provider.look("requests").await.to_string();
    assert!(sent.contains("campaign") && sent.contains("org_1"), "{sent}");
}

async fn webhooks_doubled_and_shuffled_have_their_effect_once(database: Database) {
    let world = World::new(database).await;
    let faults = json!({"webhooks": {"duplicate": 2, "reorder_window": 8, "delay_ms": 0, "drop_every": 0}});
    world.provider.control("faults", faults).await;
    for _ in 0..3 {
        assert_eq!(world.tenant.subscribe(&world.provider).await["status"], "active");
    }
    for list in ["subscriptions", "purchases", "customers", "payments"] {
        let found = world.tenant.get(&format!("/v1/{list}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), 3, "{list}: {found}");
    }
}

async fn a_trial_ends_a_renewal_fails_and_recovers(database: Database) {
    let world = World::new(database).await;
    let mut checkout = world.tenant.checkout();
    checkout["trial_period_days"] = json!(14);
    let session = world.tenant.post("/v1/checkout-sessions", checkout).await;
    world.provider.pay(session["url"].as_str().unwrap(), "pay").await;
    world.webhooks().await;
    let session = world
        .tenant
        .get(&format!("/v1/checkout-sessions/{}", session["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("no_payment_required"))
    );
    let subscription = world.tenant.get("/v1/subscriptions").await["data"][0].clone();
    assert_eq!(subscription["status"], "trialing");
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());

    world
        .provider
        .control("clock", json!({"advance_seconds": 15 * 24 * 60 * 60}))
        .await;
    world.webhooks().await;
    assert_eq!(world.tenant.get(&path).await["status"], "active");

    let customer = world.tenant.get("/v1/customers").await["data"][0]["provider_reference"]
        .as_str()
        .unwrap()
        .to_owned();
    let decline = json!({"outcome": "decline", "count": 1});
    world
        .provider
        .control(&format!("customers/{customer}/next_payment"), decline)
        .await;
    world
        .provider
        .control("clock", json!({"advance_seconds": 31 * 24 * 60 * 60}))
        .await;
    world.webhooks().await;
    let failed = world.tenant.get("/v1/payments").await;
    assert!(
        failed["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|payment| payment["status"] == "failed"),
        "{failed}"
    );
    assert_eq!(world.tenant.get(&path).await["status"], "past_due");
    assert_eq!(
        world.tenant.get(&format!("{path}?refresh=true")).await["status"],
        "past_due"
    );

    world
        .provider
        .control("clock", json!({"advance_seconds": 8 * 24 * 60 * 60}))
        .await;
    world.webhooks().await;
    assert_eq!(world.tenant.get(&path).await["status"], "active");
    let payments = world.tenant.get("/v1/payments").await;
    assert!(
        payments["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|payment| payment["status"] == "succeeded"),
        "{payments}"
    );
}

async fn buy_a_pack(world: &World, action: &str) -> Value {
    let mut checkout = world.tenant.checkout();
    checkout["type"] = json!("one_time");
    checkout["product_id"] = json!("pack");
    checkout["seats"] = json!(1);
    let session = world.tenant.post("/v1/checkout-sessions", checkout).await;
    world.provider.pay(session["url"].as_str().unwrap(), action).await;
    world.webhooks().await;
    session
}

async fn a_one_time_purchase_is_paid_refunded_and_disputed(database: Database) {
    let world = World::new(database).await;
    let session = buy_a_pack(&world, "pay").await;
    let purchase = world.tenant.get("/v1/purchases").await["data"][0].clone();
    assert_eq!(
        (&purchase["type"], &purchase["status"]),
        (&json!("one_time"), &json!("completed"))
    );
    assert_eq!(purchase["amount"], json!({"amount": 4900, "currency": "usd"}));
    assert_eq!(purchase["checkout_session_id"], session["id"]);
    let payment = world.tenant.get("/v1/payments").await["data"][0].clone();
    assert_eq!(
        (&payment["status"], &payment["amount"]["amount"]),
        (&json!("succeeded"), &json!(4900))
    );

    let intent = purchase["provider_transaction_id"].as_str().unwrap();
    world
        .provider
        .call("/v1/refunds", &[("payment_intent", intent), ("amount", "900")])
        .await;
    world.webhooks().await;
    let payment_path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    assert_eq!(world.tenant.get(&payment_path).await["refunded_amount"], 900);

    let charge = world.provider.read(&format!("/v1/payment_intents/{intent}")).await["latest_charge"].clone();
    world
        .provider
        .control("disputes", json!({"charge": charge, "reason": "fraudulent"}))
        .await;
    world.webhooks().await;
    assert_eq!(world.gateway.published("dispute.opened").await, 1);
    assert_eq!(world.gateway.published("payment.refunded").await, 1);
}

async fn a_delayed_payment_completes_or_fails_its_purchase(database: Database) {
    let world = World::new(database).await;
    for (outcome, wanted) in [("succeeded", "completed"), ("failed", "failed")] {
        let session = buy_a_pack(&world, "delayed").await;
        let path = format!("/v1/checkout-sessions/{}", session["id"].as_str().unwrap());
        let session = world.tenant.get(&path).await;
        assert_eq!(
            (&session["status"], &session["payment_status"]),
            (&json!("complete"), &json!("unpaid"))
        );
        let reference = session["provider_reference"].as_str().unwrap();
        let purchase = |list: &Value| {
            let all = list["data"].as_array().unwrap().clone();
            all.into_iter()
                .find(|purchase| purchase["checkout_session_id"] == session["id"])
                .unwrap()
        };
        assert_eq!(purchase(&world.tenant.get("/v1/purchases").await)["status"], "pending");
        world
            .provider
            .control(
                &format!("checkout_sessions/{reference}/settle"),
                json!({"outcome": outcome}),
            )
            .await;
        world.webhooks().await;
        assert_eq!(purchase(&world.tenant.get("/v1/purchases").await)["status"], wanted);
    }
}

/// The provider has performed the request, its answer is on the way, and the power goes.
async fn a_checkout_survives_kill_nine_by_its_journal(database: Database) {
    let short = [
        ("TILLGATE_EGRESS__TIMEOUT_SECONDS", "1"),
        ("TILLGATE_OPERATIONS__LEASE_SECONDS", "2"),
        ("TILLGATE_OPERATIONS__RETRY_DEADLINE_SECONDS", "0"),
    ];
    let mut world = World::with(database, &short).await;
    let before = world.provider.look("state").await["counts"]["checkout_sessions"]
        .as_u64()
        .unwrap();
    let hang = json!({"next": {"status": "hang", "count": 1, "path_prefix": "/v1/checkout/sessions", "apply_before_failing": true}});
    world.provider.control("faults", hang).await;
    let body = world.tenant.checkout();
    let request = world
        .tenant
        .request("POST", "/v1/checkout-sessions")
        .header("idempotency-key", "order-1")
        .json(&body);
    let asking = tokio::spawn(async move { request.send().await.is_ok() });
    // The provider has it once it has made the session.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "the provider was not asked");
        let made = world.provider.look("state").await["counts"]["checkout_sessions"]
            .as_u64()
            .unwrap();
        if made > before {
            break;
        }
        tokio::task::yield_now().await;
    }
    world.gateway.kill().await;
    assert!(!asking.await.unwrap(), "the caller got no answer");

    world.gateway.restart().await;
    world.tenant.moved(&world.gateway);
    // On a shared database another host could still be running it, until its lease is over. On SQLite nobody else can,
    // and it is resumed at the start.
    let deadline = Instant::now() + Duration::from_secs(60);
    let session = loop {
        let list = world.tenant.get("/v1/checkout-sessions").await;
        if list["data"][0]["status"] == "open" {
            break list["data"][0].clone();
        }
        let request = world
            .tenant
            .request("POST", "/v1/checkout-sessions")
            .header("idempotency-key", "order-1");
        let (status, problem) = answer_of(request.json(&body)).await;
        assert!(
            status == 201 || problem["code"] == "idempotency_key_in_use",
            "{status} {problem}"
        );
        assert!(Instant::now() < deadline, "the operation was not resumed: {list}");
        tokio::task::yield_now().await;
    };
    let request = world
        .tenant
        .request("POST", "/v1/checkout-sessions")
        .header("idempotency-key", "order-1");
    let (status, answer) = answer_of(request.json(&body)).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["id"], session["id"]);
    assert!(answer["url"].is_string());
    let made = world.provider.look("state").await["counts"]["checkout_sessions"]
        .as_u64()
        .unwrap();
    assert_eq!(made, before + 1, "the provider made one session");
}

async fn webhooks_survive_kill_nine(database: Database) {
    let mut world = World::new(database).await;
    let session = world
        .tenant
        .post("/v1/checkout-sessions", world.tenant.checkout())
        .await;
    world.provider.pay(session["url"].as_str().unwrap(), "pay").await;
    let faults = json!({"webhooks": {"duplicate": 3, "reorder_window": 8, "delay_ms": 0, "drop_every": 0}});
    world.provider.control("faults", faults).await;
    // The endpoint at the provider keeps its URL, so that the gateway has to come back on the same port.
    let port = world.gateway.api.rsplit_once(':').unwrap().1.to_owned();
    // The power goes while webhooks come in.
    tokio::join!(world.provider.deliver(), world.gateway.kill());
    world.gateway.restart_on(&port).await;
    world.tenant.moved(&world.gateway);
    world.provider.deliver().await;
    world.provider.control("clock", json!({"advance_seconds": 3600})).await;
    let events = world.provider.read("/v1/events?limit=100").await;
    for event in events["data"].as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        world.provider.control(&format!("events/{id}/resend"), json!({})).await;
    }
    world.webhooks().await;
    for list in ["subscriptions", "purchases", "customers", "payments"] {
        let found = world.tenant.get(&format!("/v1/{list}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{list}: {found}");
    }
    assert_eq!(
        world.tenant.get("/v1/subscriptions").await["data"][0]["status"],
        "active"
    );
}

async fn an_idempotency_key_replays_its_answer(database: Database) {
    let world = World::new(database).await;
    let ask = |key: &str, body: Value| {
        answer_of(
            world
                .tenant
                .request("POST", "/v1/checkout-sessions")
                .header("idempotency-key", key)
                .json(&body),
        )
    };
    let (status, first) = ask("k", world.tenant.checkout()).await;
    assert_eq!(status, 201, "{first}");
    world.provider.pay(first["url"].as_str().unwrap(), "pay").await;
    world.webhooks().await;
    let (status, again) = ask("k", world.tenant.checkout()).await;
    assert_eq!(
        (status, &again),
        (201, &first),
        "the answer of the first time, though the session is paid by now"
    );
    let mut other = world.tenant.checkout();
    other["seats"] = json!(6);
    let (status, problem) = ask("k", other).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    let (one, two) = tokio::join!(
        ask("racing", world.tenant.checkout()),
        ask("racing", world.tenant.checkout())
    );
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert!(statuses == [201, 201] || statuses == [201, 409], "{statuses:?}");
    assert_eq!(world.provider.look("state").await["counts"]["checkout_sessions"], 2);
}

async fn a_provider_that_misbehaves_gets_a_typed_answer(database: Database) {
    let once = [
        ("TILLGATE_EGRESS__TIMEOUT_SECONDS", "1"),
        ("TILLGATE_OPERATIONS__RETRIES_MAX", "0"),
    ];
    let world = World::with(database, &once).await;
    for (fault, status, code) in [
        (json!(429), 503, "provider_rate_limited"),
        (json!("html"), 504, "unknown_outcome"),
        (json!("empty"), 504, "unknown_outcome"),
        (json!("hang"), 504, "unknown_outcome"),
        (json!("close"), 504, "unknown_outcome"),
    ] {
        let faults = json!({"clear": true, "next": {"status": fault, "count": 1, "path_prefix": "/v1/checkout"}});
        world.provider.control("faults", faults).await;
        let key = format!("misbehaving-{fault}").replace('"', "");
        let ask = || {
            let request = world
                .tenant
                .request("POST", "/v1/checkout-sessions")
                .header("idempotency-key", &key);
            answer_of(request.json(&world.tenant.checkout()))
        };
        let (found, problem) = ask().await;
        assert_eq!(
            (found, problem["code"].as_str().unwrap()),
            (status, code),
            "{fault}: {problem}"
        );
        let (found, session) = ask().await;
        assert_eq!(found, 201, "{fault}: the same key goes on: {session}");
    }
}

async fn a_provider_that_recovers_is_tried_again_under_the_same_key(database: Database) {
    let soon = [("TILLGATE_OPERATIONS__RETRY_BASE_MS", "2")];
    let world = World::with(database, &soon).await;
    for fault in [json!(429), json!(409)] {
        let faults = json!({"clear": true, "next": {"status": fault, "count": 3, "path_prefix": "/v1/checkout"}});
        world.provider.control("faults", faults).await;
        let before = world.provider.look("requests").await["requests"]
            .as_array()
            .unwrap()
            .len();
        world
            .tenant
            .post("/v1/checkout-sessions", world.tenant.checkout())
            .await;
        let requests = world.provider.look("requests").await["requests"].clone();
        let keys: Vec<&Value> = requests.as_array().unwrap()[before..]
            .iter()
            .map(|request| &request["headers"]["idempotency-key"])
            .collect();
        assert_eq!(keys.len(), 4, "{fault}: three retries: {requests}");
        assert!(
            keys[0].is_string() && keys.iter().all(|key| *key == keys[0]),
            "{keys:?}"
        );
    }
}

async fn the_portal_opens(database: Database) {
    let world = World::new(database).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let input = json!({"customer_id": subscription["customer_id"], "return_url": "https://app.example/billing"});
    let portal = world.tenant.post("/v1/portal-sessions", input).await;
    assert!(
        portal["url"].as_str().unwrap().starts_with(&world.provider.url),
        "{portal}"
    );
}
