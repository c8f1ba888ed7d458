//! Webhooks: what reaches the gateway, and what the provider is told.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use tillgate_application::ports::{Ack, WebhookDecision, WebhookRejection};

use crate::fakes::World;

fn post(path: &str, body: &[u8]) -> Request<Body> {
    Request::builder()
        .method("POST")
        .uri(path)
        .body(Body::from(body.to_vec()))
        .unwrap()
}

#[tokio::test]
async fn a_webhook_arrives_as_it_was_sent() {
    let world = World::new().await;
    let body = b"{ \"id\":1,\xff}\r\n\0";
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("{}?a=1&b=%20x&a=2+3", world.webhook_path()))
        .header("X-Signature", "one")
        .header("X-Other", "x")
        .header("X-Signature", "two")
        .body(Body::from(body.to_vec()))
        .unwrap();
    let peer: SocketAddr = "192.0.2.7:4444".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let answer = world.send(request).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    let seen = world.provider.seen.lock().unwrap().remove(0);
    assert_eq!((seen.method.as_str(), seen.body.as_slice()), ("POST", body.as_slice()));
    assert_eq!(
        seen.url,
        format!("https://pay.platform.example{}", world.webhook_path())
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(seen.query, [pair("a", "1"), pair("b", " x"), pair("a", "2 3")]);
    let signatures: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "x-signature").collect();
    assert_eq!(signatures.len(), 2);
    assert_eq!(
        (signatures[0].1.as_slice(), signatures[1].1.as_slice()),
        (&b"one"[..], &b"two"[..])
    );
    assert_eq!(seen.remote_ip, Some(peer.ip()));
    assert_eq!(world.store.rows().inbox.len(), 1);
}

#[tokio::test]
async fn refusals_say_what_to_check() {
    let world = World::new().await;
    for (reason, status, code) in [
        (WebhookRejection::SignatureMissing, 400, "webhook_signature_missing"),
        (WebhookRejection::SignatureMalformed, 400, "webhook_signature_malformed"),
        (WebhookRejection::SignatureInvalid, 401, "webhook_signature_invalid"),
        (WebhookRejection::TooOld, 400, "webhook_too_old"),
        (WebhookRejection::TooNew, 400, "webhook_too_new"),
        (WebhookRejection::NotAWebhook, 400, "webhook_not_recognized"),
    ] {
        let message = "because".to_owned();
        *world.provider.decision.lock().unwrap() = WebhookDecision::Rejected {
            reason,
            message,
            ack: None,
        };
        let answer = world.send(post(&world.webhook_path(), b"{}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert!(answer.json()["help"].as_str().unwrap().len() > 40);
    }
    assert!(world.store.rows().inbox.is_empty());
}

#[tokio::test]
async fn a_plugin_can_answer_in_its_providers_words() {
    let world = World::new().await;
    let ack = |status, body: &str| Ack {
        status,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: body.into(),
    };
    *world.provider.decision.lock().unwrap() = WebhookDecision::Handshake(ack(200, "challenge-42"));
    let request = Request::builder()
        .uri(world.webhook_path())
        .body(Body::empty())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_slice()),
        (200, &b"challenge-42"[..])
    );
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    *world.provider.decision.lock().unwrap() = WebhookDecision::Rejected {
        reason: WebhookRejection::SignatureInvalid,
        message: "no".into(),
        ack: Some(ack(403, "[rejected]")),
    };
    let answer = world.send(post(&world.webhook_path(), b"x")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_slice()),
        (403, &b"[rejected]"[..])
    );
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused() {
    let world = World::new().await;
    for path in ["/v1/webhooks/pac_00000000000000000000000009", "/v1/webhooks/nonsense"] {
        let answer = world.send(post(path, b"{}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "provider_account_not_found")
        );
    }
    assert_eq!(
        world.send(post(&world.webhook_path(), &[b'x'; 1024])).await.status,
        StatusCode::NO_CONTENT
    );
    let answer = world.send(post(&world.webhook_path(), &[b'x'; 1025])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (413, "body_too_large")
    );
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::builder().method("POST").uri(world.webhook_path());
    let answer = world.send(request.body(Body::from_stream(endless)).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (408, "request_timeout")
    );
    world.store.set_down(true);
    let answer = world.send(post(&world.webhook_path(), b"{}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "database_unavailable")
    );
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}
