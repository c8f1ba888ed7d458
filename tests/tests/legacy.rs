//! The routes for code that is still to be moved, through the real binary.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of, signature_header};

const LINK: &str = "/v1/legacy/checkout-link";

/// Seconds since 1970, as a signer has them.
#[expect(
    clippy::disallowed_methods,
    reason = "a webhook is signed with the real time, and the gateway judges by it"
)]
fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_options_give_a_link_that_ends_in_a_subscription() {
    let world = World::new(Database::Sqlite).await;
    let price = world.tenant.get("/v1/products/team").await["prices"][&world.tenant.account_id].clone();
    let options = json!({
        "type": "subscription", "productId": price, "email": "ada@acme.example", "customerId": null,
        "organizationId": "org_1", "userId": "", "seats": 3, "redirectUrl": "https://app.example/billing",
        "somethingElse": true,
    });
    let link = world.tenant.post(LINK, options.clone()).await;
    world.provider.pay(link["url"].as_str().unwrap(), "pay").await;
    world.webhooks().await;
    let subscription = world.tenant.get("/v1/subscriptions").await["data"][0].clone();
    assert_eq!(
        (&subscription["seats"], &subscription["product_id"]),
        (&json!(3), &json!("team"))
    );
    let customer = world.tenant.get("/v1/customers").await["data"][0].clone();
    assert_eq!(customer["organization_id"], "org_1");
    // Once more for the customer who is known now, by the id the old code has.
    let reference = customer["provider_reference"].clone();
    for known in [reference, customer["id"].clone()] {
        let mut again = options.clone();
        again["customerId"] = known;
        again["type"] = json!("one-time");
        again["productId"] = json!("pack");
        assert!(world.tenant.post(LINK, again).await["url"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_null_as_it_was_with_a_code_beside_it() {
    let world = World::new(Database::Sqlite).await;
    let good = json!({"type": "one-time", "productId": "pack", "redirectUrl": "https://app.example/billing"});
    for (field, value, code) in [
        ("productId", json!("price_nobody_has"), "product_not_found"),
        ("organizationId", json!("org_nobody"), "organization_not_found"),
        ("customerId", json!("cus_nobody"), "customer_not_found"),
        ("redirectUrl", Value::Null, "invalid_request"),
        ("trialPeriodDays", json!(7), "invalid_trial"),
    ] {
        let mut options = good.clone();
        options[field] = value;
        let link = world.tenant.post(LINK, options).await;
        assert_eq!((&link["url"], &link["code"]), (&Value::Null, &json!(code)), "{field}");
    }
    let (status, _) = answer_of(world.tenant.anonymous("POST", LINK).json(&good)).await;
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_answered_204_or_400_and_nothing_else() {
    let world = World::new(Database::Sqlite).await;
    let path = format!("/v1/legacy/stripe-webhook/{}", world.tenant.account_id);
    let body = br#"{"id":"evt_1","object":"event","type":"ping","created":1,"livemode":false,"data":{"object":{}}}"#;
    let send = |path: &str, signature: Option<String>, body: &[u8]| {
        let request = world.tenant.anonymous("POST", path).body(body.to_vec());
        answer_of(match signature {
            Some(signature) => request.header("stripe-signature", signature),
            None => request,
        })
    };
    let (now, secret) = (seconds_now(), world.tenant.webhook_secret.as_str());
    let good = Some(signature_header(secret, now, body));
    let unknown = "/v1/legacy/stripe-webhook/pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3";
    for (path, signature, body, code) in [
        (path.as_str(), None, &body[..], "webhook_signature_missing"),
        (&path, good.clone(), b"", "webhook_signature_invalid"),
        (&path, good.clone(), b"{}", "webhook_signature_invalid"),
        (
            &path,
            Some(signature_header("whsec_other", now, body)),
            body,
            "webhook_signature_invalid",
        ),
        (
            &path,
            Some(signature_header(secret, now - 400, body)),
            body,
            "webhook_too_old",
        ),
        (
            &path,
            Some(signature_header(secret, now + 400, body)),
            body,
            "webhook_too_new",
        ),
        (unknown, good.clone(), body, "provider_account_not_found"),
        (&path, good.clone(), &[b'x'; 2 * 1024 * 1024], "body_too_large"),
    ] {
        let (status, problem) = send(path, signature, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("webhook_not_processed")),
            "{code}: {problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().starts_with(code),
            "{code}: {problem}"
        );
    }
    // A flood is no exception: the old handler knew no other answer.
    for _ in 0..70 {
        assert_eq!(send(&path, good.clone(), b"{}").await.0, 400);
    }
    for _ in 0..2 {
        assert_eq!(send(&path, good.clone(), body).await.0, 204);
    }
}
