//! What plugins want sent, from the component to the socket: within the manifest, bounded, and never twice unless it
//! may be.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "sandbox/components.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod components;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{MemoryJournal, account, call, client};
use components::{MANIFEST, portal, with_manifest};
use tillgate_application::ports::{
    Effect, Exchange, ExchangeMethod, ExchangeOutcome, ExchangeRequest, FailureKind, GatewayError, PaymentGateway as _,
    Plugins as _, PortalRequest, ProviderPortalSession, Reached,
};
use tillgate_egress::OriginOverrides;
use tillgate_plugin_host::{PluginHost, PluginHostOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the answers point to, where no argument can come to lie.
const TEXTS: u32 = 120_000;
const PAGE: &str = "https://pay.example/";

/// Answers `send`: a POST without a body (at 16, its payload at 24).
fn send(endpoint: &str, path: &str, effect: Effect, credential: &str) -> (String, String) {
    let (endpoint_bytes, path_bytes, credential_bytes) = (endpoint.len(), path.len(), credential.len());
    let path_at = TEXTS as usize + endpoint_bytes;
    let credential_at = path_at + path_bytes;
    let effect = match effect {
        Effect::Read => 0,
        Effect::IdempotentWrite => 1,
        Effect::Write => 2,
    };
    let some = u8::from(!credential.is_empty());
    let body = format!(
        "(i32.store8 (i32.const 24) (i32.const 1))
         (i32.store (i32.const 28) (i32.const {TEXTS}))
         (i32.store (i32.const 32) (i32.const {endpoint_bytes}))
         (i32.store (i32.const 36) (i32.const {path_at}))
         (i32.store (i32.const 40) (i32.const {path_bytes}))
         (i32.store8 (i32.const 72) (i32.const {effect}))
         (i32.store8 (i32.const 76) (i32.const {some}))
         (i32.store (i32.const 80) (i32.const {credential_at}))
         (i32.store (i32.const 84) (i32.const {credential_bytes}))
         (i32.const 16)"
    );
    let data = format!("(data (i32.const {TEXTS}) \"{endpoint}{path}{credential}\")");
    (body, data)
}

/// A plugin that asks for one request for ever.
fn asks(endpoint: &str, path: &str, effect: Effect, credential: &str) -> Vec<u8> {
    let (body, data) = send(endpoint, path, effect, credential);
    with_manifest(portal(2, &data, &body), MANIFEST)
}

/// A plugin that sends one request and is done; where there is no answer it says that nothing was done.
fn sends_once(effect: Effect) -> Vec<u8> {
    let (send, data) = send("api", "/do", effect, "");
    let page_at = TEXTS + 1000;
    let body = format!(
        "(if (result i32) (i32.eqz (i32.load (i32.add (local.get 0) (i32.const 68))))
            (then {send})
            (else (if (result i32) (i32.load8_u (i32.load (i32.add (local.get 0) (i32.const 64))))
                (then
                    (i32.store8 (i32.const 16) (i32.const 2))
                    (i32.store8 (i32.const 24) (i32.const 6))
                    (i32.const 16))
                (else
                    (i32.store8 (i32.const 16) (i32.const 1))
                    (i32.store (i32.const 36) (i32.const {page_at}))
                    (i32.store (i32.const 40) (i32.const 20))
                    (i32.const 16)))))"
    );
    let data = format!("{data} (data (i32.const {page_at}) \"{PAGE}\")");
    with_manifest(portal(2, &data, &body), MANIFEST)
}

/// A server that answers 200 to whatever comes, and counts. Each connection is for one request without a body.
async fn server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
        }
    });
    (origin, seen)
}

/// Runs the plugin against an origin, going on from a journal.
async fn run(
    plugin: Vec<u8>,
    origin: &str,
    journal: &mut MemoryJournal,
) -> Result<ProviderPortalSession, GatewayError> {
    let directory = tempfile::tempdir().unwrap();
    let overrides = OriginOverrides::parse([origin]).unwrap();
    let options = PluginHostOptions::new(directory.path().to_owned(), overrides);
    let (host, _) = PluginHost::open(options, client()).unwrap();
    let info = host.install(plugin).await.unwrap();
    let account = account(&info, &[("api_key", &["key_CANARY"])], Some(origin));
    let request = PortalRequest {
        customer_reference: "cus_1".to_owned(),
        return_url: "https://shop.example".to_owned(),
    };
    host.create_portal_session(call(&account, journal), &request).await
}

/// The journal of a host that stopped while the only request was under way.
fn interrupted(effect: Effect, path: &str) -> MemoryJournal {
    let request = ExchangeRequest {
        method: ExchangeMethod::Post,
        endpoint: "api".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        effect,
        credential: None,
    };
    MemoryJournal {
        exchanges: vec![Exchange { request, outcome: None }],
    }
}

fn kind_of(result: Result<ProviderPortalSession, GatewayError>) -> (String, String) {
    match result.unwrap_err() {
        GatewayError::PluginFault(fault) => (fault.kind, fault.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_outside_the_manifest_is_refused_before_anything_is_recorded_or_sent() {
    let (origin, seen) = server().await;
    for (endpoint, path, credential, told) in [
        ("elsewhere", "/do", "", "elsewhere"),
        ("https://evil.example", "/do", "", "evil.example"),
        ("", "/do", "", "endpoint"),
        ("api", "/do", "other_key", "other_key"),
    ] {
        let mut journal = MemoryJournal::default();
        let plugin = asks(endpoint, path, Effect::Write, credential);
        let (kind, message) = kind_of(run(plugin, &origin, &mut journal).await);
        assert_eq!(kind, "request_refused", "{message}");
        assert!(message.contains(told), "{told}: {message}");
        assert!(!message.contains("CANARY"), "{message}");
        assert!(journal.exchanges.is_empty(), "{journal:?}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_path_that_leaves_its_endpoint_is_refused_and_never_taken_for_one_under_way() {
    let (origin, seen) = server().await;
    for path in [
        "/../admin",
        "/a//b",
        "/a?b=c",
        "/a#b",
        "//evil.example/x",
        "https://evil.example/",
        "do",
        "/a%2e%2e/%2E%2E/b",
    ] {
        let mut journal = MemoryJournal::default();
        let plugin = asks("api", path, Effect::Write, "api_key");
        let (kind, message) = kind_of(run(plugin, &origin, &mut journal).await);
        assert_eq!(kind, "request_refused", "{path}: {message}");
        let open = journal.exchanges.iter().any(|exchange| {
            !matches!(
                exchange.outcome,
                Some(ExchangeOutcome::Failed {
                    reached: Reached::NotSent,
                    ..
                })
            )
        });
        assert!(!open, "{path}: {journal:?}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_plugin_that_never_has_enough_is_stopped_after_sixteen_exchanges() {
    let (origin, seen) = server().await;
    let mut journal = MemoryJournal::default();
    let plugin = asks("api", "/do", Effect::Read, "api_key");
    let (kind, message) = kind_of(run(plugin, &origin, &mut journal).await);
    assert_eq!(kind, "too_many_exchanges", "{message}");
    assert_eq!((journal.exchanges.len(), seen.load(Ordering::SeqCst)), (16, 16));
    assert!(journal.exchanges.iter().all(|exchange| exchange.outcome.is_some()));
}

#[tokio::test]
async fn a_plain_write_that_was_interrupted_is_not_sent_again_and_its_outcome_is_unknown() {
    let (origin, seen) = server().await;
    let mut journal = interrupted(Effect::Write, "/do");
    let error = run(sends_once(Effect::Write), &origin, &mut journal).await.unwrap_err();
    // The plugin says that nothing was done; the host knows better.
    let GatewayError::UnknownOutcome(failure) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.kind, FailureKind::UnknownOutcome);
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    assert!(matches!(
        journal.exchanges.as_slice(),
        [Exchange {
            outcome: Some(ExchangeOutcome::Failed {
                reached: Reached::MaybeSent,
                ..
            }),
            ..
        }]
    ));
    // Nor by going on once more.
    let again = run(sends_once(Effect::Write), &origin, &mut journal).await;
    assert!(matches!(again, Err(GatewayError::UnknownOutcome(_))), "{again:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_read_or_an_idempotent_write_that_was_interrupted_is_sent_again_once() {
    for effect in [Effect::Read, Effect::IdempotentWrite] {
        let (origin, seen) = server().await;
        let mut journal = interrupted(effect, "/do");
        let session = run(sends_once(effect), &origin, &mut journal).await.unwrap();
        assert_eq!(session.url, PAGE);
        assert_eq!((seen.load(Ordering::SeqCst), journal.exchanges.len()), (1, 1));
        // From the whole journal nothing is sent.
        assert_eq!(run(sends_once(effect), &origin, &mut journal).await.unwrap(), session);
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_journal_of_another_request_is_not_gone_on_from() {
    let (origin, seen) = server().await;
    let mut journal = interrupted(Effect::IdempotentWrite, "/something-else");
    let plugin = sends_once(Effect::IdempotentWrite);
    let (kind, _) = kind_of(run(plugin, &origin, &mut journal).await);
    assert_eq!((kind.as_str(), seen.load(Ordering::SeqCst)), ("nondeterministic", 0));
    assert_eq!(journal.exchanges[0].outcome, None, "what is unknown stays unknown");
}
