//! The tenant API, as it is meant to be used.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tillgate_application::inbox::OutboxEvent;
use tillgate_application::ports::{FailureKind, GatewayError, ProviderFailure, RetryAdvice};
use tillgate_domain::{
    Customer, CustomerId, FactSource, FactStamp, NewCustomer, NewSubscription, Subscription, SubscriptionId,
    SubscriptionSnapshot, SubscriptionStatus, Terms, Timestamp,
};

use crate::fakes::{Answer, World};

fn checkout() -> Value {
    json!({
        "type": "subscription", "product_id": "p_1", "organization_id": "org_1", "seats": 5,
        "success_url": "https://a.example/ok", "cancel_url": "https://a.example/no", "metadata": {"plan": "team"},
    })
}

async fn create(world: &World, key: &str, body: &Value) -> Answer {
    let request = world
        .request("POST", "checkout-sessions")
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", key)
        .body(Body::from(body.to_string()))
        .unwrap();
    world.send(request).await
}

pub(crate) fn subscription(world: &World, bits: u128, status: SubscriptionStatus) -> String {
    let now = Timestamp::from_seconds(1_700_000_000);
    let new = NewSubscription {
        id: SubscriptionId::from_bits(bits),
        tenant_id: world.tenant.parse().unwrap(),
        account_id: world.account.parse().unwrap(),
        customer_id: CustomerId::from_bits(1),
        product_id: None,
        provider_reference: format!("ref_{bits}"),
        trial_period_days: None,
    };
    let snapshot = SubscriptionSnapshot {
        status: Some(status),
        provider_status: status.as_str().to_owned(),
        terms: Terms::default(),
    };
    let stamp = FactStamp {
        object_version: None,
        as_of: Some(now),
        source: FactSource::Answer,
    };
    let customer = Customer::create(
        NewCustomer {
            id: new.customer_id,
            tenant_id: new.tenant_id,
            account_id: new.account_id,
            provider_reference: "cus_1".to_owned(),
            email: None,
        },
        now,
    );
    let row = Subscription::from_snapshot(new, snapshot, stamp, now);
    let id = row.id.to_string();
    let mut rows = world.store.rows();
    rows.customers.insert(customer.id, customer);
    rows.subscriptions.insert(row.id, row);
    id
}

#[tokio::test]
async fn a_checkout_session_is_created_once_per_key_and_can_be_read() {
    let world = World::new().await;
    let first = create(&world, "order-1", &checkout()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.json());
    let session = first.json();
    assert_eq!(session["url"], "https://pay.example/cs_1");
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["metadata"], json!({"plan": "team"}));
    let again = create(&world, "order-1", &checkout()).await;
    assert_eq!((again.status, again.json()), (StatusCode::CREATED, session.clone()));
    let mut other = checkout();
    other["seats"] = json!(6);
    let reused = create(&world, "order-1", &other).await;
    assert_eq!(
        (reused.status.as_u16(), reused.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let bad = create(&world, "has space", &checkout()).await;
    assert_eq!(
        (bad.status.as_u16(), bad.code().as_str()),
        (422, "invalid_idempotency_key")
    );
    let path = format!("checkout-sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(world.tenant("GET", &path, Value::Null).await.json(), session);
    let list = world
        .tenant("GET", "checkout-sessions?limit=1", Value::Null)
        .await
        .json();
    assert_eq!((&list["has_more"], &list["next"]), (&json!(false), &Value::Null));
    assert_eq!(list["data"], json!([session]));
}

#[tokio::test]
async fn what_the_provider_says_is_passed_on() {
    let world = World::new().await;
    let failure = |kind| ProviderFailure {
        kind,
        message: "No such price".into(),
        provider_code: Some("resource_missing".into()),
        decline_code: None,
        parameter: Some("price".into()),
        http_status: Some(400),
        request_id: Some("req_p".into()),
        retry: RetryAdvice::After(2_000),
    };
    for (kind, status, code) in [
        (FailureKind::InvalidRequest, 422, "provider_rejected_request"),
        (FailureKind::Unauthorized, 502, "provider_unauthorized"),
        (FailureKind::RateLimited, 503, "provider_rate_limited"),
    ] {
        *world.provider.checkout.lock().unwrap() = Err(GatewayError::Rejected(Box::new(failure(kind))));
        let answer = world.tenant("POST", "checkout-sessions", checkout()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        let json = answer.json();
        assert_eq!(json["provider"], "acme");
        assert_eq!(json["provider_request_id"], "req_p");
        assert_eq!(json["provider_code"], "resource_missing");
        assert!(json["operation_id"].as_str().unwrap().starts_with("op_"));
        assert_eq!(answer.headers[header::RETRY_AFTER], "2");
    }
    *world.provider.checkout.lock().unwrap() = Err(GatewayError::UnknownOutcome(Box::new(failure(
        FailureKind::Unavailable,
    ))));
    let answer = world.tenant("POST", "checkout-sessions", checkout()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (504, "unknown_outcome")
    );
}

#[tokio::test]
async fn subscriptions_are_listed_in_pages_and_by_status() {
    let world = World::new().await;
    for bits in 1..=3 {
        subscription(&world, bits, SubscriptionStatus::Active);
    }
    let ended = subscription(&world, 4, SubscriptionStatus::Canceled);
    let first = world.tenant("GET", "subscriptions?limit=3", Value::Null).await.json();
    assert_eq!(
        (first["data"].as_array().unwrap().len(), &first["has_more"]),
        (3, &json!(true))
    );
    let next = format!("subscriptions?after={}", first["next"].as_str().unwrap());
    let second = world.tenant("GET", &next, Value::Null).await.json();
    assert_eq!(second["data"][0]["id"], ended.as_str());
    let canceled = world
        .tenant("GET", "subscriptions?status=canceled", Value::Null)
        .await
        .json();
    assert_eq!(canceled["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_subscription_is_canceled_at_its_end_unless_said_otherwise() {
    let world = World::new().await;
    let id = subscription(&world, 1, SubscriptionStatus::Active);
    let cancel = format!("subscriptions/{id}/cancel");
    let refused = world.tenant("POST", &cancel, json!({"mode": "immediate"})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (422, "capability_not_supported")
    );
    assert_eq!(refused.json()["provider"], "acme");
    let wrong = world.tenant("POST", &cancel, json!({"mode": "someday"})).await;
    assert_eq!(
        (wrong.code().as_str(), &wrong.json()["errors"][0]["field"]),
        ("invalid_request", &json!("mode"))
    );
    let done = world.tenant("POST", &cancel, Value::Null).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.json());
    assert_eq!(done.json()["outcome"], "scheduled");
    assert_eq!(done.json()["subscription"]["id"], id.as_str());
    let ended = subscription(&world, 2, SubscriptionStatus::Canceled);
    let refused = world
        .tenant("POST", &format!("subscriptions/{ended}/cancel"), json!({}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "invalid_subscription_status")
    );
}

#[tokio::test]
async fn capabilities_are_those_of_the_accounts_plugin() {
    let world = World::new().await;
    let list = world.tenant("GET", "capabilities", Value::Null).await.json();
    let account = &list["data"][0];
    assert_eq!(account["id"], world.account.as_str());
    assert_eq!(
        account["capabilities"],
        json!([
            "checkout",
            "portal",
            "subscriptions",
            "plan-change",
            "pause",
            "refunds",
            "webhooks",
            "backfill"
        ])
    );
    assert_eq!(account["cancel_modes"], json!(["at_period_end"]));
    assert_eq!(
        (&account["quantity"], &account["default"]),
        (&json!("native"), &json!(true))
    );
}

#[tokio::test]
async fn users_and_products_can_be_put_and_read() {
    let world = World::new().await;
    let user = world
        .tenant("PUT", "users/u_1", json!({"email": "a@b.example", "name": null}))
        .await;
    assert_eq!(user.status, StatusCode::OK);
    assert_eq!(
        world.tenant("GET", "users/u_1", Value::Null).await.json()["email"],
        "a@b.example"
    );
    let unknown = json!({"prices": {"pac_00000000000000000000000009": "price_1"}});
    let refused = world.tenant("PUT", "products/p_2", unknown).await;
    assert_eq!(refused.code(), "provider_account_not_found");
    let bad = world
        .tenant("PUT", "products/p_2", json!({"prices": {"main": "price_1"}}))
        .await;
    assert_eq!(bad.json()["errors"][0]["field"], "prices.main");
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let mut world = World::new().await;
    let id = subscription(&world, 1, SubscriptionStatus::Active);
    let session = create(&world, "order-1", &checkout()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = world
        .admin("POST", "tenants", json!({"name": "Other", "mode": "live"}))
        .await
        .json();
    let keys = format!("tenants/{}/api-keys", other["id"].as_str().unwrap());
    let key = world.admin("POST", &keys, json!({"name": "k"})).await.json();
    world.key = key["key"].as_str().unwrap().to_owned();
    assert!(world.key.starts_with("tg_live_"));
    for (method, path, body, code) in [
        (
            "GET",
            format!("subscriptions/{id}"),
            Value::Null,
            "subscription_not_found",
        ),
        (
            "POST",
            format!("subscriptions/{id}/cancel"),
            json!({}),
            "subscription_not_found",
        ),
        (
            "PUT",
            format!("subscriptions/{id}/seats"),
            json!({"seats": 2}),
            "subscription_not_found",
        ),
        (
            "GET",
            format!("checkout-sessions/{session}"),
            Value::Null,
            "checkout_session_not_found",
        ),
        (
            "GET",
            "organizations/org_1".to_owned(),
            Value::Null,
            "organization_not_found",
        ),
        ("GET", "products/p_1".to_owned(), Value::Null, "product_not_found"),
        (
            "POST",
            "checkout-sessions".to_owned(),
            checkout(),
            "organization_not_found",
        ),
    ] {
        let answer = world.tenant(method, &path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, code),
            "{method} {path}"
        );
    }
    let product = json!({"prices": {(world.account.clone()): "price_1"}});
    let answer = world.tenant("PUT", "products/p_1", product).await;
    assert_eq!(answer.code(), "provider_account_not_found");
    let list = world.tenant("GET", "subscriptions", Value::Null).await.json();
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_answered() {
    let world = World::new().await;
    let id = subscription(&world, 1, SubscriptionStatus::Active);
    let answer = world
        .tenant("GET", &format!("subscriptions/{id}?refresh=true"), Value::Null)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (500, "internal_error")
    );
    let answer = world.tenant("GET", &format!("subscriptions/{id}"), Value::Null).await;
    assert_eq!(answer.json()["status"], "active");
}

#[tokio::test]
async fn a_customer_is_associated_and_found_by_that() {
    let world = World::new().await;
    subscription(&world, 1, SubscriptionStatus::Active);
    let customer = world.tenant("GET", "customers", Value::Null).await.json()["data"][0].clone();
    let path = format!("customers/{}/association", customer["id"].as_str().unwrap());
    assert_eq!(customer["organization_id"], Value::Null);
    world.tenant("PUT", "users/user_1", json!({})).await;
    let both = json!({"organization_id": "org_1", "user_id": "user_1"});
    for _ in 0..2 {
        let answer = world.tenant("PUT", &path, both.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        let customer = answer.json();
        assert_eq!(
            (&customer["organization_id"], &customer["user_id"]),
            (&json!("org_1"), &json!("user_1"))
        );
    }
    let found = async |query: &str| {
        let answer = world.tenant("GET", &format!("customers?{query}"), Value::Null).await;
        answer.json()["data"].as_array().unwrap().len()
    };
    assert_eq!(
        found("organization_id=org_1&user_id=user_1&provider_reference=cus_1").await,
        1
    );
    assert_eq!(found("organization_id=org_2").await, 0);
    for (body, code) in [
        (
            json!({"organization_id": "org_9", "user_id": null}),
            "organization_not_found",
        ),
        (json!({"organization_id": null, "user_id": "user_9"}), "user_not_found"),
    ] {
        let answer = world.tenant("PUT", &path, body).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::NOT_FOUND, &json!(code))
        );
    }
    let answer = world.tenant("PUT", &path, json!({"user_id": "user_1"})).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "what isn't given isn't taken away"
    );
    let answer = world
        .tenant("PUT", &path, json!({"organization_id": null, "user_id": "user_1"}))
        .await;
    assert_eq!(answer.json()["organization_id"], Value::Null);
    let rows = world.store.rows();
    let associated = |event: &&OutboxEvent| event.event_type == "customer.associated";
    assert_eq!(rows.events.values().filter(associated).count(), 2);
}
