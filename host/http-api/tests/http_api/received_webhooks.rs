//! What the operator sees of received webhooks.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tillgate_application::ports::{WebhookDecision, WebhookRejection};

use crate::fakes::World;

/// Sends a webhook, as a provider does.
async fn send(world: &World, body: &[u8]) {
    let request = Request::builder()
        .method("POST")
        .uri(format!("{}?token=canary-query", world.webhook_path()))
        .header("content-type", "application/json")
        .header("x-signature", "canary-signature")
        .header("authorization", "Basic canary-authorization")
        .body(Body::from(body.to_vec()))
        .unwrap();
    assert_eq!(world.send(request).await.status, StatusCode::NO_CONTENT);
}

fn ids(list: &Value) -> Vec<String> {
    let all = list["data"].as_array().unwrap().iter();
    all.map(|webhook| webhook["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn contents_and_credentials_are_withheld_until_they_are_asked_for() {
    let world = World::new().await;
    send(&world, b"{\"email\":\"canary@example.com\"}").await;
    let list = world.admin("GET", "webhooks", Value::Null).await;
    let [id] = ids(&list.json()).try_into().unwrap();
    let shown = world.admin("GET", &format!("webhooks/{id}"), Value::Null).await;
    for answer in [&list, &shown] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    }
    let request = &shown.json()["request"];
    assert_eq!(
        request["headers"],
        json!([
            { "name": "content-type", "value": "application/json", "size_bytes": 16 },
            { "name": "x-signature", "value": null, "size_bytes": 16 },
            { "name": "authorization", "value": null, "size_bytes": 26 },
        ])
    );
    assert_eq!(
        request["query"],
        json!([{ "name": "token", "value": null, "size_bytes": 12 }])
    );
    let body = &request["body"];
    assert_eq!((&body["size_bytes"], &body["content"]), (&json!(30), &Value::Null));
    assert_eq!(body["sha256"].as_str().unwrap().len(), 64);
    let revealed = world
        .admin("GET", &format!("webhooks/{id}?reveal=true"), Value::Null)
        .await
        .json();
    assert_eq!(revealed["status"], "processed");
    let request = &revealed["request"];
    assert_eq!(request["body"]["content"], "{\"email\":\"canary@example.com\"}");
    assert_eq!(request["headers"][1]["value"], "canary-signature");
    assert_eq!(request["query"][0]["value"], "canary-query");
}

#[tokio::test]
async fn webhooks_are_filtered_and_come_in_pages() {
    let world = World::new().await;
    for _ in 0..3 {
        send(&world, b"{}").await;
    }
    let list = async |query: &str| world.admin("GET", &format!("webhooks?{query}"), Value::Null).await;
    let first = list("limit=2").await.json();
    assert_eq!((ids(&first).len(), &first["has_more"]), (2, &json!(true)));
    let next = first["next"].as_str().unwrap();
    let rest = list(&format!("limit=2&after={next}")).await.json();
    assert_eq!((ids(&rest).len(), &rest["next"]), (1, &Value::Null));
    for (query, expected) in [
        (
            format!("tenant_id={}&provider_account_id={}", world.tenant, world.account),
            3,
        ),
        ("status=processed".to_owned(), 3),
        ("status=dead".to_owned(), 0),
        ("provider_type=invoice.paid".to_owned(), 0),
        ("received_after=2023-11-14T22:13:20Z".to_owned(), 3),
        ("received_before=2023-11-14T22:13:20Z".to_owned(), 0),
    ] {
        assert_eq!(ids(&list(&query).await.json()).len(), expected, "{query}");
    }
    for (query, field) in [
        ("status=lost", "status"),
        ("tenant_id=acme", "tenant_id"),
        ("received_after=yesterday", "received_after"),
        ("after=pac_1", "after"),
        ("statuss=dead", "statuss"),
    ] {
        let refused = list(query).await;
        assert_eq!(refused.code(), "invalid_request", "{query}");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{query}");
    }
    let missing = world.admin("GET", "webhooks/whk_1", Value::Null).await;
    assert_eq!(
        (missing.status.as_u16(), missing.code().as_str()),
        (404, "webhook_not_found")
    );
    let refused = world
        .admin("GET", &format!("webhooks/{next}?reveal=yes"), Value::Null)
        .await;
    assert_eq!(refused.code(), "invalid_request");
}

#[tokio::test]
async fn no_tenant_sees_the_inbox_and_what_is_not_believed_is_not_in_it() {
    let world = World::new().await;
    assert_eq!(
        world.tenant("GET", "admin/webhooks", Value::Null).await.code(),
        "unauthorized"
    );
    *world.provider.decision.lock().unwrap() = WebhookDecision::Rejected {
        reason: WebhookRejection::SignatureInvalid,
        message: "no secret proves it".to_owned(),
        ack: None,
    };
    let request = Request::builder().method("POST").uri(world.webhook_path());
    let refused = world.send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(refused.code(), "webhook_signature_invalid");
    let list = world.admin("GET", "webhooks", Value::Null).await.json();
    assert!(ids(&list).is_empty());
}

#[tokio::test]
async fn a_webhook_is_put_back_by_its_id_or_with_many() {
    let world = World::new().await;
    for _ in 0..3 {
        send(&world, b"{}").await;
    }
    let all = ids(&world.admin("GET", "webhooks", Value::Null).await.json());
    let path = format!("webhooks/{}/replay", all[0]);
    let preview = world
        .admin("POST", &path, json!({ "dry_run": true, "plugin_version": "0.1.0" }))
        .await;
    assert_eq!(preview.status, StatusCode::OK);
    let preview = preview.json();
    assert_eq!(
        (&preview["pinned"]["version"], &preview["asked_for"]["version"]),
        (&json!("0.2.0"), &json!("0.1.0"))
    );
    assert_eq!((&preview["events"], &preview["publishes"]), (&json!([]), &json!([])));
    let put_back = world.admin("POST", &path, Value::Null).await;
    assert_eq!(put_back.status, StatusCode::ACCEPTED);
    assert_eq!(put_back.json()["status"], "pending");
    assert_eq!(put_back.json()["replays"], 1);
    let filter = json!({ "provider_account_id": world.account, "received_after": "2023-11-14T00:00:00Z" });
    let body = json!({ "filter": filter, "limit": 2, "plugin_version": "0.2.0" });
    let first = world.admin("POST", "webhooks/replay", body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(
        first.json(),
        json!({ "replayed": 2, "skipped": 0, "has_more": true, "next": all[1] })
    );
    let rest = json!({ "filter": filter, "after": all[1] });
    let rest = world.admin("POST", "webhooks/replay", rest).await.json();
    assert_eq!((&rest["replayed"], &rest["next"]), (&json!(1), &Value::Null));
    let dry = json!({ "filter": filter, "dry_run": true });
    let dry = world.admin("POST", "webhooks/replay", dry).await;
    assert_eq!(dry.status, StatusCode::OK);
    assert_eq!((&dry.json()["data"], &dry.json()["looked_at"]), (&json!([]), &json!(3)));
    for (body, code) in [
        (json!({}), "invalid_request"),
        (json!({ "filter": {} }), "invalid_request"),
        (json!({ "filter": { "status": "lost" } }), "invalid_request"),
        (json!({ "filter": filter, "limit": 1001 }), "invalid_request"),
        (
            json!({ "filter": filter, "limit": 101, "dry_run": true }),
            "invalid_request",
        ),
        (
            json!({ "filter": filter, "plugin_version": "9.9.9" }),
            "plugin_not_found",
        ),
    ] {
        let refused = world.admin("POST", "webhooks/replay", body.clone()).await;
        assert_eq!(refused.code(), code, "{body}");
    }
    let id: tillgate_domain::InboxId = all[0].parse().unwrap();
    world.store.rows().inbox.get_mut(&id).unwrap().status = tillgate_application::inbox::InboxStatus::Conflicting;
    let refused = world.admin("POST", &path, Value::Null).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "webhook_not_replayable")
    );
}
