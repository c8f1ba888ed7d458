//! What shouldn't be believed, and what a caller gets wrong, through the real binary.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tillgate_tests::{ADMIN_TOKEN, Database, World, answer_of, signature_header};

/// Seconds since 1970, as a signer has them.
#[expect(
    clippy::disallowed_methods,
    reason = "a webhook is signed with the real time, and the gateway judges by it"
)]
fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_should_not_be_believed_are_not() {
    let world = World::new(Database::Sqlite).await;
    let path = format!("/v1/webhooks/{}", world.tenant.account_id);
    let body = br#"{"id":"evt_1","object":"event","type":"ping","created":1,"livemode":false,"data":{"object":{}}}"#;
    let now = seconds_now();
    let send = |signature: Option<String>, body: Vec<u8>| {
        let request = world.tenant.anonymous("POST", &path).body(body);
        answer_of(match signature {
            Some(signature) => request.header("stripe-signature", signature),
            None => request,
        })
    };
    let good = |at: i64| signature_header(&world.tenant.webhook_secret, at, body);
    let cases = [
        (None, body.to_vec(), 400, "webhook_signature_missing"),
        (
            Some("nonsense".to_owned()),
            body.to_vec(),
            400,
            "webhook_signature_malformed",
        ),
        (
            Some(signature_header("whsec_other", now, body)),
            body.to_vec(),
            401,
            "webhook_signature_invalid",
        ),
        (
            Some(good(now)),
            [body.as_slice(), b" "].concat(),
            401,
            "webhook_signature_invalid",
        ),
        (Some(good(now - 400)), body.to_vec(), 400, "webhook_too_old"),
        (Some(good(now + 400)), body.to_vec(), 400, "webhook_too_new"),
        (Some(good(now)), vec![b'x'; 2 * 1024 * 1024], 413, "body_too_large"),
    ];
    for (signature, body, status, code) in cases {
        let (found, problem) = send(signature, body).await;
        assert_eq!(
            (found, problem["code"].as_str().unwrap_or_default()),
            (status, code),
            "{problem}"
        );
        if status != 413 {
            assert!(problem["help"].is_string(), "{problem}");
        }
    }
    assert_eq!(send(Some(good(now)), body.to_vec()).await.0, 204);
    assert_eq!(
        send(Some(good(now)), body.to_vec()).await.0,
        204,
        "replayed: acknowledged, and without effect"
    );
    let unknown = "/v1/webhooks/pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3";
    let (status, problem) = answer_of(world.tenant.anonymous("POST", unknown).body("{}")).await;
    assert_eq!((status, &problem["code"]), (404, &json!("provider_account_not_found")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_webhooks_is_told_to_stay_away_and_genuine_ones_get_through() {
    let world = World::new(Database::Sqlite).await;
    let path = format!("/v1/webhooks/{}", world.tenant.account_id);
    let body = br#"{"id":"evt_1","object":"event","type":"ping","created":1,"livemode":false,"data":{"object":{}}}"#;
    let signed = |secret: &str| {
        let signature = signature_header(secret, seconds_now(), body);
        let request = world.tenant.anonymous("POST", &path).body(body.to_vec());
        request.header("stripe-signature", signature)
    };
    let mut told = None;
    // Some a second are let through again, so that how many it takes depends on the machine.
    for _ in 0..2_000 {
        let answer = signed("whsec_guessed").send().await.unwrap();
        if answer.status() == 429 {
            told = Some(answer);
            break;
        }
        assert_eq!(answer.status(), 401);
    }
    let told = told.expect("sixty in a row are too many");
    let pause: u64 = told.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
    let problem: serde_json::Value = told.json().await.unwrap();
    assert_eq!(problem["code"], "webhook_rejected_too_often");
    assert_eq!(answer_of(signed(&world.tenant.webhook_secret)).await.0, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signing_secret_that_can_be_none_is_refused_whenever_it_is_configured() {
    let world = World::new(Database::Sqlite).await;
    let accounts = format!("/v1/admin/tenants/{}/provider-accounts", world.tenant.id);
    let secret = format!("{accounts}/{}/secrets/webhook_secret", world.tenant.account_id);
    for (index, wrong) in [
        "canary_0123456789",
        "",
        "   ",
        " whsec_canary_1",
        "whsec_canary_1\n",
        "WHSEC_canary",
        "whsec_",
    ]
    .into_iter()
    .enumerate()
    {
        let rotated = world.tenant.anonymous("PUT", &secret).json(&json!({"secret": wrong}));
        let created = world.tenant.anonymous("POST", &accounts).json(&json!({
            "plugin": "stripe", "name": format!("wrong {index}"), "settings": {},
            "secrets": {"api_key": "sk_test_0123456789", "webhook_secret": wrong},
        }));
        for request in [rotated, created] {
            let (status, problem) = answer_of(request.bearer_auth(ADMIN_TOKEN)).await;
            let found = (status, &problem["code"], &problem["errors"][0]["field"]);
            let wanted = (422, &json!("invalid_request"), &json!("secrets.webhook_secret"));
            assert_eq!(found, wanted, "{wrong:?}: {problem}");
            assert!(!problem.to_string().contains("canary"), "{problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_asked_to_end_ends_well() {
    let mut world = World::new(Database::Sqlite).await;
    assert_eq!(world.gateway.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_gets_wrong_is_named() {
    let world = World::new(Database::Sqlite).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let seats = format!("/v1/subscriptions/{}/seats", subscription["id"].as_str().unwrap());
    let cases: [(&str, &str, String, u16, &str); 9] = [
        ("POST", "/v1/checkout-sessions", "{".into(), 400, "malformed_json"),
        (
            "POST",
            "/v1/checkout-sessions",
            json!({"typo": 1}).to_string(),
            422,
            "invalid_request",
        ),
        ("PUT", &seats, json!({"seats": 0}).to_string(), 422, "invalid_seats"),
        (
            "PUT",
            &seats,
            "{\"seats\": 9223372036854775808}".into(),
            422,
            "invalid_seats",
        ),
        ("PUT", &seats, json!({"seats": -1}).to_string(), 422, "invalid_request"),
        (
            "PUT",
            &seats,
            json!({"seats": 1, "proration": "maybe"}).to_string(),
            422,
            "invalid_request",
        ),
        ("PUT", "/v1/organizations/a%20b", "{}".into(), 422, "invalid_request"),
        (
            "GET",
            "/v1/subscriptions/sub_unknown",
            String::new(),
            404,
            "subscription_not_found",
        ),
        ("GET", "/v1/nowhere", String::new(), 404, "route_not_found"),
    ];
    for (method, path, body, status, code) in cases {
        let request = world
            .tenant
            .request(method, path)
            .header("content-type", "application/json")
            .body(body.clone());
        let (found, problem) = answer_of(request).await;
        assert_eq!(
            (found, problem["code"].as_str().unwrap_or_default()),
            (status, code),
            "{path} {body}: {problem}"
        );
        assert!(problem["request_id"].is_string(), "{problem}");
    }
    let mut unknown = world.tenant.checkout();
    unknown["organization_id"] = json!("org_nobody");
    let (status, problem) = answer_of(world.tenant.request("POST", "/v1/checkout-sessions").json(&unknown)).await;
    assert_eq!((status, &problem["code"]), (404, &json!("organization_not_found")));
    let (status, _) = answer_of(world.tenant.anonymous("GET", "/v1/subscriptions")).await;
    assert_eq!(status, 401);
}
