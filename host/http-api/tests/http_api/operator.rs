//! The operator API, the documentation and the operations port.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tillgate_http_api::{ApiOptions, Readiness, operations_router, router};

use crate::fakes::{ADMIN_TOKEN, World};

#[tokio::test]
async fn secrets_are_taken_and_never_shown() {
    let world = World::new().await;
    let accounts = format!("tenants/{}/provider-accounts", world.tenant);
    let path = format!("{accounts}/{}", world.account);
    let account = world.admin("GET", &path, Value::Null).await.json();
    assert_eq!(account["secrets"], json!(["api_key", "webhook_secret"]));
    assert_eq!(
        account["settings"],
        json!({"region": "eu", "retries": "3", "sandbox": "true"})
    );
    assert!(account["webhook_url"].as_str().unwrap().ends_with(&world.account));
    let put = json!({"secret": "whsec_new", "overlap_seconds": 60});
    let done = world
        .admin("PUT", &format!("{path}/secrets/webhook_secret"), put.clone())
        .await;
    assert_eq!((done.status, done.body.len()), (StatusCode::NO_CONTENT, 0));
    let unknown = world.admin("PUT", &format!("{path}/secrets/nonsense"), put).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code().as_str()),
        (422, "invalid_request")
    );
    let wrong = json!({"plugin": "acme", "name": "b", "secrets": {"api_key": 4_242_424_242_u64}});
    let answer = world.admin("POST", &accounts, wrong).await;
    assert_eq!(answer.json()["errors"][0]["field"], "secrets.api_key");
    assert!(!String::from_utf8(answer.body).unwrap().contains("4242424242"));
    let missing = world
        .admin("POST", &accounts, json!({"plugin": "none", "name": "c"}))
        .await;
    assert_eq!(
        (missing.status.as_u16(), missing.code().as_str()),
        (404, "plugin_not_found")
    );
    let pinned = world.admin("PATCH", &path, json!({"version": "0.1.0"})).await;
    assert_eq!(pinned.json()["plugin_version"], "0.1.0");
    assert_eq!(
        world.admin("PATCH", &path, json!({"version": "9"})).await.code(),
        "plugin_not_found"
    );
}

#[tokio::test]
async fn a_key_is_shown_once_and_revoked_for_good() {
    let world = World::new().await;
    let path = format!("tenants/{}/api-keys", world.tenant);
    let keys = world.admin("GET", &path, Value::Null).await;
    assert!(!String::from_utf8(keys.body.clone()).unwrap().contains(&world.key));
    let id = keys.json()["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.tenant("GET", "customers", Value::Null).await.status,
        StatusCode::OK
    );
    for _ in 0..2 {
        let done = world.admin("DELETE", &format!("{path}/{id}"), Value::Null).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(
        world.tenant("GET", "customers", Value::Null).await.code(),
        "unauthorized"
    );
    let missing = world.admin("DELETE", &format!("{path}/key_1"), Value::Null).await;
    assert_eq!(missing.code(), "api_key_not_found");
    let tenants = world.admin("GET", "tenants", Value::Null).await.json();
    assert_eq!(tenants["data"][0]["id"], world.tenant.as_str());
}

#[tokio::test]
async fn plugins_are_installed_from_their_bytes() {
    let world = World::new().await;
    let post = |content_type: &str, body: &[u8]| {
        Request::builder()
            .method("POST")
            .uri("/v1/admin/plugins")
            .header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"))
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body.to_vec()))
            .unwrap()
    };
    // Larger than a JSON body may be.
    let component = [b"\0asm".to_vec(), vec![0; 100_000]].concat();
    let installed = world.send(post("application/wasm", &component)).await;
    assert_eq!(
        (installed.status, &installed.json()["digest"]),
        (StatusCode::CREATED, &json!("digest-of-0.2.0"))
    );
    let refused = world.send(post("application/wasm", b"MZ")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (422, "plugin_rejected")
    );
    assert_eq!(refused.json()["plugin_code"], "not_a_component");
    assert_eq!(
        world.send(post("application/json", b"{}")).await.code(),
        "unsupported_media_type"
    );
    assert_eq!(
        world.admin("GET", "plugins", Value::Null).await.json()["data"][0]["name"],
        "acme"
    );
    assert_eq!(
        world.admin("GET", "plugins/digest-of-0.1.0", Value::Null).await.json()["version"],
        "0.1.0"
    );
    assert_eq!(
        world.admin("GET", "plugins/d2", Value::Null).await.code(),
        "plugin_not_found"
    );
}

#[tokio::test]
async fn without_a_token_the_operator_api_is_off() {
    let world = World::new().await;
    let world = World {
        router: router(Arc::clone(&world.app), ApiOptions::default()),
        ..world
    };
    let answer = world.admin("GET", "tenants", Value::Null).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "operator_api_off")
    );
}

fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let world = World::new().await;
    let description = world.send(get("/openapi.json")).await;
    assert_eq!(
        String::from_utf8(description.body).unwrap(),
        tillgate_http_api::openapi()
    );
    for path in [
        "/docs",
        "/docs/",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ] {
        let page = world.send(get(path)).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.body.is_empty(), "{path}");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';"), "{path}");
    }
    let page = String::from_utf8(world.send(get("/docs")).await.body).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    let errors = String::from_utf8(world.send(get("/docs/errors")).await.body).unwrap();
    for entry in tillgate_http_api::ERROR_CODES {
        assert!(errors.contains(&format!("id=\"{}\"", entry.code)));
    }
    assert_eq!(world.send(get("/docs/../secret")).await.code(), "route_not_found");
    assert_eq!(world.send(get("/docs/nothing.js")).await.code(), "route_not_found");
}

#[tokio::test]
async fn readiness_follows_the_database_and_the_shutdown() {
    let world = World::new().await;
    let readiness = Readiness::new().with_metrics(Arc::new(|| Box::pin(async { "up 1\n".to_owned() })));
    let router = operations_router(Arc::clone(&world.app), readiness.clone());
    let world = World { router, ..world };
    assert_eq!(world.send(get("/readyz")).await.status, StatusCode::OK);
    world.store.set_down(true);
    assert_eq!(world.send(get("/readyz")).await.code(), "database_unavailable");
    assert_eq!(world.send(get("/healthz")).await.json()["status"], "ok");
    world.store.set_down(false);
    readiness.drain();
    let draining = world.send(get("/readyz")).await;
    assert_eq!((draining.status.as_u16(), draining.code().as_str()), (503, "not_ready"));
    let metrics = world.send(get("/metrics")).await;
    assert_eq!(metrics.body, b"up 1\n");
    assert!(
        metrics.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
}
