//! Whatever is sent, the answer is a problem with a stable code.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::fakes::{ADMIN_TOKEN, Answer, World};

/// A problem, whole.
fn assert_problem(answer: &Answer, status: u16, code: &str, why: &str) {
    let json = answer.json();
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (status, code),
        "{why}: {json}"
    );
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "application/problem+json",
        "{why}"
    );
    for member in ["type", "title", "detail", "request_id", "help"] {
        assert!(
            json[member].as_str().is_some_and(|text| !text.is_empty()),
            "{why}: {member}"
        );
    }
    assert_eq!(json["status"], status, "{why}");
    assert_eq!(json["type"], format!("/docs/errors#{code}"));
    assert_eq!(answer.headers["x-request-id"], json["request_id"].as_str().unwrap());
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
}

fn named(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    errors
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect()
}

fn checkout() -> Value {
    json!({
        "type": "subscription", "product_id": "p_1", "success_url": "https://a.example/ok",
        "cancel_url": "https://a.example/no",
    })
}

fn checkout_with(field: &str, value: Value) -> String {
    let mut body = checkout();
    body[field] = value;
    body.to_string()
}

#[tokio::test]
async fn wrong_bodies_name_the_field() {
    let world = World::new().await;
    let cases: Vec<(String, u16, &str, &str)> = vec![
        ("{".into(), 400, "malformed_json", ""),
        (String::new(), 400, "malformed_json", ""),
        ("[]".into(), 422, "invalid_request", "body"),
        (checkout_with("seat", json!(1)), 422, "invalid_request", "seat"),
        (checkout_with("type", json!("rental")), 422, "invalid_request", "type"),
        (checkout_with("seats", json!("5")), 422, "invalid_request", "seats"),
        (checkout_with("seats", json!(-1)), 422, "invalid_request", "seats"),
        (checkout_with("seats", json!(0)), 422, "invalid_seats", "seats"),
        (
            checkout_with("seats", json!(1_u64 << 63)),
            422,
            "invalid_seats",
            "seats",
        ),
        (checkout_with("seats", json!(1e30)), 422, "invalid_request", "seats"),
        (
            checkout_with("trial_period_days", json!(0)),
            422,
            "invalid_trial",
            "trial_period_days",
        ),
        (
            checkout_with("success_url", json!("javascript:x")),
            422,
            "invalid_request",
            "success_url",
        ),
        (
            checkout_with("customer_id", json!("cus_x")),
            422,
            "invalid_request",
            "customer_id",
        ),
        (
            checkout_with("metadata", json!({"a": 1})),
            422,
            "invalid_request",
            "metadata.a",
        ),
        (
            checkout_with("organization_id", json!("nobody")),
            404,
            "organization_not_found",
            "",
        ),
        (checkout_with("user_id", json!("nobody")), 404, "user_not_found", ""),
        (checkout_with("product_id", json!("none")), 404, "product_not_found", ""),
    ];
    for (body, status, code, field) in cases {
        let request = world
            .request("POST", "checkout-sessions")
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(body.clone()))
            .unwrap();
        let answer = world.send(request).await;
        assert_problem(&answer, status, code, &body);
        if !field.is_empty() {
            assert_eq!(named(&answer), [field], "{body}");
        }
    }
}

#[tokio::test]
async fn media_types_sizes_and_times_are_bounded() {
    let world = World::new().await;
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = world.request("POST", "checkout-sessions");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = world.send(request.body(Body::from("{}")).unwrap()).await;
        assert_problem(&answer, 415, "unsupported_media_type", "content type");
    }
    let json = |length: usize| {
        let request = world.request("POST", "checkout-sessions");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from("x".repeat(length))).unwrap()
    };
    assert_problem(&world.send(json(4097)).await, 413, "body_too_large", "too large");
    assert_problem(
        &world.send(json(4096)).await,
        400,
        "malformed_json",
        "just not too large",
    );
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = world
        .request("POST", "checkout-sessions")
        .body(Body::from_stream(endless))
        .unwrap();
    assert_problem(&world.send(request).await, 408, "request_timeout", "endless");
}

#[tokio::test]
async fn routes_methods_and_queries_that_are_none() {
    let world = World::new().await;
    assert_problem(
        &world.tenant("GET", "nothing", Value::Null).await,
        404,
        "route_not_found",
        "route",
    );
    let answer = world.tenant("DELETE", "checkout-sessions", Value::Null).await;
    assert_problem(&answer, 405, "method_not_allowed", "method");
    let allow = answer.headers[header::ALLOW].to_str().unwrap();
    assert!(allow.contains("POST") && allow.contains("GET"), "{allow}");
    for (path, field) in [
        ("customers?limit=0", "limit"),
        ("customers?limit=101", "limit"),
        ("customers?limit=x", "limit"),
        ("customers?limit=1&limit=2", "limit"),
        ("customers?after=nonsense", "after"),
        ("customers?offset=3", "offset"),
        ("subscriptions?status=happy", "status"),
        ("subscriptions?expiring_before=soon", "expiring_before"),
        ("subscriptions?customer_id=7", "customer_id"),
        ("payments?status=canceled", "status"),
        ("payments?customer_id=7", "customer_id"),
        ("purchases?status=paid", "status"),
        ("customers?email=a", "email"),
        ("organizations/org_1?expand=all", "expand"),
        ("subscriptions/sub_00000000000000000000000000?refresh=yes", "refresh"),
    ] {
        let answer = world.tenant("GET", path, Value::Null).await;
        assert_problem(&answer, 422, "invalid_request", path);
        assert_eq!(named(&answer), [field], "{path}");
    }
}

#[tokio::test]
async fn callers_who_are_not_known_get_nothing() {
    let world = World::new().await;
    let with = |path: &str, authorization: Option<&str>| {
        let mut request = Request::builder().uri(path);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        request.body(Body::empty()).unwrap()
    };
    let unknown = format!("Bearer tg_test_{}", "0".repeat(64));
    let (key, token) = (format!("Bearer {}", world.key), format!("Bearer {ADMIN_TOKEN}"));
    for (path, authorization) in [
        ("/v1/customers", None),
        ("/v1/customers", Some("Basic YTpi")),
        ("/v1/customers", Some(unknown.as_str())),
        ("/v1/customers", Some(token.as_str())),
        ("/v1/admin/tenants", None),
        ("/v1/admin/tenants", Some(key.as_str())),
        (
            "/v1/admin/tenants",
            Some("Bearer operator-token-of-at-least-32-characterz"),
        ),
    ] {
        let answer = world.send(with(path, authorization)).await;
        assert_problem(&answer, 401, "unauthorized", path);
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains(&world.key) && !text.contains(ADMIN_TOKEN));
    }
}

#[tokio::test]
async fn ids_that_are_nobodys_or_anothers_are_not_found() {
    let world = World::new().await;
    let other = "00000000000000000000000001";
    for (path, code) in [
        ("organizations/org_2".to_owned(), "organization_not_found"),
        ("users/u".to_owned(), "user_not_found"),
        ("products/none".to_owned(), "product_not_found"),
        (format!("customers/cus_{other}"), "customer_not_found"),
        ("customers/42".to_owned(), "customer_not_found"),
        (format!("subscriptions/sub_{other}"), "subscription_not_found"),
        (format!("purchases/pur_{other}"), "purchase_not_found"),
        (format!("payments/pay_{other}"), "payment_not_found"),
        (format!("checkout-sessions/cks_{other}"), "checkout_session_not_found"),
    ] {
        assert_problem(&world.tenant("GET", &path, Value::Null).await, 404, code, &path);
    }
    let path = format!("subscriptions/sub_{other}/seats");
    let answer = world.tenant("PUT", &path, json!({"seats": 3})).await;
    assert_problem(&answer, 404, "subscription_not_found", "seats of nobody's");
    let answer = world.tenant("PUT", &path, json!({"seats": 1_u64 << 63})).await;
    assert_problem(&answer, 422, "invalid_seats", "2^63 seats");
}

#[tokio::test]
async fn a_sane_request_id_comes_back_and_another_does_not() {
    let world = World::new().await;
    for (given, kept) in [("trace-1.2:3_4", true), ("a b", false), ("<x>", false), ("", false)] {
        let request = Request::builder().uri("/nothing").header("x-request-id", given);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        let got = answer.headers["x-request-id"].to_str().unwrap();
        assert_eq!(got == given, kept, "{given}");
        assert!(kept || got.starts_with("req_"), "{got}");
    }
}

#[tokio::test]
async fn a_failing_database_is_503_and_tells_nothing_of_itself() {
    let world = World::new().await;
    world.store.set_down(true);
    let answer = world.tenant("GET", "customers", Value::Null).await;
    assert_problem(&answer, 503, "database_unavailable", "down");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert!(!String::from_utf8(answer.body).unwrap().contains("db.internal"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let world = World::new().await;
    let mut options = World::options();
    options.request_timeout = Duration::from_millis(20);
    options.body_timeout = Duration::from_secs(30);
    let router = tillgate_http_api::router(std::sync::Arc::clone(&world.app), options);
    let world = World { router, ..world };
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = world
        .request("POST", "portal-sessions")
        .body(Body::from_stream(endless))
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_problem(&answer, 504, "request_timed_out", "too long");
}
