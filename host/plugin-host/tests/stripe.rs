//! Runs a real plugin, as `cargo xtask plugins` builds it, against a server that answers as it is told.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

#[path = "common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::{MemoryJournal, account, call, client};
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{
    BackfillKind, BackfillRequest, Capability, ChangeOutcome, CheckoutRequest, CheckoutTarget, Effect, EventBody,
    ExchangeOutcome, GatewayError, Parsed, PaymentGateway as _, PluginInfo, Plugins as _, Proration, Reached,
    SeatsRequest, WebhookDecision, WebhookRejection, WebhookRequest,
};
use tillgate_domain::{CheckoutType, Timestamp};
use tillgate_egress::OriginOverrides;
use tillgate_plugin_host::{PluginHost, PluginHostOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The key of the account: it must turn up in the `Authorization` header, and nowhere else.
const API_KEY: &str = "sk_test_CANARY0123456789";

/// stripe-dotnet, src/StripeTests/Services/Events/EventUtilityTest.cs.
const SIGNING_SECRET: &str = "webhook_secret";
const SIGNATURE: &str = "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7";
const BODY: &[u8] = include_bytes!("../src/proof/testdata/stripe_event_test_signature.json");
const SIGNED_AT: i64 = 1_533_204_620_000;

fn component() -> Vec<u8> {
    let built = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/plugins"));
    let directory = std::env::var_os("TILLGATE_PLUGINS_DIR").map_or(built, PathBuf::from);
    let path = directory.join("stripe.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask plugins`", path.display()))
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    head: String,
    body: String,
}

/// A server that answers each request with the next of its answers; none is a connection that is closed.
struct Server {
    origin: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(answers: Vec<Option<(u16, String)>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = read(&mut stream).await else {
                    continue;
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(request);
                    log.len() - 1
                };
                if let Some(Some((status, body))) = answers.get(number) {
                    let length = body.len();
                    let date = "date: Thu, 02 Aug 2018 10:10:20 GMT\r\nrequest-id: req_1\r\nconnection: close";
                    let answer = format!("HTTP/1.1 {status} X\r\n{date}\r\ncontent-length: {length}\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { origin, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase_names();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        head,
        body: String::from_utf8(body).unwrap(),
    })
}

trait LowercaseNames {
    fn to_lowercase_names(&self) -> String;
}

impl LowercaseNames for String {
    fn to_lowercase_names(&self) -> String {
        let lower = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
            None => line.to_owned(),
        };
        self.lines().map(lower).collect::<Vec<_>>().join("\n")
    }
}

struct Setup {
    _directory: tempfile::TempDir,
    host: Arc<PluginHost>,
    info: PluginInfo,
    account: Arc<ConnectedAccount>,
}

/// A host with the plugin, and an account that sends to this origin.
async fn setup(origin: &str) -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let overrides = OriginOverrides::parse([origin]).unwrap();
    let options = PluginHostOptions::new(directory.path().to_owned(), overrides);
    let (host, _) = PluginHost::open(options, client()).unwrap();
    let info = host.install(component()).await.unwrap();
    let secrets: [(&str, &[&str]); 2] = [("api_key", &[API_KEY]), ("webhook_secret", &["older", SIGNING_SECRET])];
    let account = account(&info, &secrets, Some(origin));
    Setup {
        _directory: directory,
        host: Arc::new(host),
        info,
        account,
    }
}

fn checkout() -> CheckoutRequest {
    CheckoutRequest {
        checkout_type: CheckoutType::Subscription,
        price_reference: "price_seat".to_owned(),
        seats: 3,
        customer_reference: None,
        customer_email: Some("jo@shop.example".to_owned()),
        trial_period_days: None,
        success_url: "https://shop.example/ok".to_owned(),
        cancel_url: "https://shop.example/no".to_owned(),
        correlation_id: "chk_1".to_owned(),
        metadata: vec![("org".to_owned(), "o1".to_owned())],
    }
}

fn session() -> String {
    serde_json::json!({
        "id": "cs_test_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "payment_status": "unpaid", "status": "open", "mode": "subscription", "customer": null,
        "expires_at": 1_533_291_020, "metadata": {"org": "o1"},
    })
    .to_string()
}

fn subscription(seats: u64) -> String {
    serde_json::json!({
        "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "currency": "usd",
        "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "trial_start": null, "trial_end": null, "pause_collection": null, "latest_invoice": "in_1",
        "collection_method": "charge_automatically", "pending_update": null, "metadata": {},
        "items": {"object": "list", "has_more": false, "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": seats,
            "current_period_start": 100, "current_period_end": 200,
            "price": {"id": "price_seat", "product": "prod_1", "unit_amount": 1000, "currency": "usd"},
        }]},
    })
    .to_string()
}

fn webhook(signature: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        url: "https://pay.example/webhooks/1".to_owned(),
        query: Vec::new(),
        headers: vec![("stripe-signature".to_owned(), signature.as_bytes().to_vec())],
        body: BODY.to_vec(),
        remote_ip: None,
        received_at_ms: SIGNED_AT,
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[tokio::test]
async fn it_has_every_capability_and_loads_compiled_the_second_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = PluginHostOptions::new(directory.path().join("plugins"), OriginOverrides::none());
    options.cache_directory = Some(directory.path().join("cache"));
    options.cache_key = [3; 32];
    std::fs::create_dir(&options.directory).unwrap();
    std::fs::write(options.directory.join("stripe.wasm"), component()).unwrap();
    for compiled in [1, 0] {
        let (host, rejected) = PluginHost::open(options.clone(), client()).unwrap();
        assert!(rejected.is_empty(), "{rejected:?}");
        let info = host.resolve("stripe", None).unwrap();
        assert_eq!(info.capabilities, Capability::ALL);
        assert_eq!(info.endpoints["api"], "https://api.stripe.com");
        assert_eq!(host.compiled(), compiled);
    }
}

#[tokio::test]
async fn a_checkout_session_is_created_with_the_credential_the_plugin_never_sees() {
    let server = Server::start(vec![Some((200, session()))]).await;
    let setup = setup(&server.origin).await;
    let mut journal = MemoryJournal::default();
    let created = setup
        .host
        .create_checkout_session(call(&setup.account, &mut journal), &checkout())
        .await
        .unwrap();
    assert_eq!(created.reference, "cs_test_1");
    let page = "https://checkout.stripe.com/c/pay/cs_test_1".to_owned();
    assert_eq!(created.target, CheckoutTarget::Redirect(page));
    assert_eq!(created.expires_at, Some(at(1_533_291_020_000)));

    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].head.starts_with("POST /v1/checkout/sessions HTTP/1.1\n"),
        "{}",
        seen[0].head
    );
    assert!(
        seen[0].head.contains(&format!("\nauthorization: Bearer {API_KEY}\n")),
        "{}",
        seen[0].head
    );
    assert!(seen[0].head.contains("idempotency-key: op_1"), "{}", seen[0].head);
    assert!(seen[0].body.contains("client_reference_id=chk_1"), "{}", seen[0].body);
    let recorded = serde_json::to_string(&journal.exchanges).unwrap();
    assert!(!recorded.contains("CANARY"), "{recorded}");
    assert_ne!(journal.exchanges[0].request.effect, Effect::Read);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_providers_words() {
    let refusal = r#"{"error":{"type":"invalid_request_error","message":"No such price","param":"line_items"}}"#;
    let server = Server::start(vec![Some((400, refusal.to_owned()))]).await;
    let setup = setup(&server.origin).await;
    let mut journal = MemoryJournal::default();
    let error = setup
        .host
        .create_checkout_session(call(&setup.account, &mut journal), &checkout())
        .await
        .unwrap_err();
    let GatewayError::Rejected(failure) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (failure.http_status, failure.request_id.as_deref()),
        (Some(400), Some("req_1"))
    );
    assert!(failure.message.contains("No such price"), "{failure:?}");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_an_unknown_outcome() {
    let server = Server::start(vec![None]).await;
    let setup = setup(&server.origin).await;
    let mut journal = MemoryJournal::default();
    let error = setup
        .host
        .create_checkout_session(call(&setup.account, &mut journal), &checkout())
        .await
        .unwrap_err();
    assert!(matches!(error, GatewayError::UnknownOutcome(_)), "{error:?}");
    assert!(matches!(
        journal.exchanges[0].outcome,
        Some(ExchangeOutcome::Failed {
            reached: Reached::MaybeSent,
            ..
        })
    ));
    // Nothing listens there: it was never sent, and can be tried again.
    let nowhere = setup_nowhere().await;
    let mut journal = MemoryJournal::default();
    let error = nowhere
        .host
        .create_checkout_session(call(&nowhere.account, &mut journal), &checkout())
        .await
        .unwrap_err();
    assert!(matches!(error, GatewayError::NotSent(_)), "{error:?}");
}

async fn setup_nowhere() -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    setup(&origin).await
}

#[tokio::test]
async fn an_operation_goes_on_from_its_journal_with_the_same_key() {
    let seats = SeatsRequest {
        reference: "sub_1".to_owned(),
        price_reference: Some("price_seat".to_owned()),
        seats: 7,
        proration: Proration::ProviderDefault,
    };
    let server = Server::start(vec![
        Some((200, subscription(5))),
        Some((200, subscription(7))),
        Some((200, subscription(7))),
    ])
    .await;
    let setup = setup(&server.origin).await;
    let mut journal = MemoryJournal::default();
    let first = setup
        .host
        .update_seats(call(&setup.account, &mut journal), &seats)
        .await
        .unwrap();
    let ChangeOutcome::Applied(changed) = &first else {
        panic!("{first:?}")
    };
    assert_eq!(changed.snapshot.terms.seats, Some(7));
    assert_eq!(journal.exchanges.len(), 2);
    // As if the host had stopped while the second request was under way.
    journal.exchanges[1].outcome = None;
    let again = setup
        .host
        .update_seats(call(&setup.account, &mut journal), &seats)
        .await
        .unwrap();
    assert_eq!(again, first);
    let seen = server.seen();
    assert_eq!(seen.len(), 3, "what was read isn't read again");
    assert_eq!(
        (&seen[1].head, &seen[1].body),
        (&seen[2].head, &seen[2].body),
        "the same request to the byte"
    );
    // And from a whole journal without a request.
    let replayed = setup
        .host
        .update_seats(call(&setup.account, &mut journal), &seats)
        .await
        .unwrap();
    assert_eq!(replayed, first);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_webhook_is_proven_over_its_raw_bytes_and_then_understood() {
    let setup = setup_nowhere().await;
    let (host, account) = (&setup.host, &setup.account);
    let decided = host
        .authenticate_webhook(account, &webhook(SIGNATURE), at(SIGNED_AT + 100_000))
        .await
        .unwrap();
    let proven = WebhookDecision::Proven {
        secret_index: Some(1),
        fetch_back: false,
    };
    assert_eq!(decided, proven);
    let mut changed = webhook(SIGNATURE);
    changed.body.push(b'\n');
    let mut without = webhook(SIGNATURE);
    without.headers.clear();
    for (request, now, expected) in [
        (changed, SIGNED_AT, WebhookRejection::SignatureInvalid),
        (
            webhook(&SIGNATURE.replace("v1=2", "v1=3")),
            SIGNED_AT,
            WebhookRejection::SignatureInvalid,
        ),
        (webhook(SIGNATURE), SIGNED_AT + 400_000, WebhookRejection::TooOld),
        (without, SIGNED_AT, WebhookRejection::SignatureMissing),
        (webhook("t,v1="), SIGNED_AT, WebhookRejection::SignatureMalformed),
    ] {
        let decided = host.authenticate_webhook(account, &request, at(now)).await.unwrap();
        let WebhookDecision::Rejected { reason, message, .. } = decided else {
            panic!("{expected:?}: {decided:?}");
        };
        assert_eq!(reason, expected, "{message}");
        assert!(!message.is_empty());
    }
    let parsed = host.parse_webhook_offline(account, &webhook(SIGNATURE)).await.unwrap();
    let Parsed::Receipt(receipt) = &parsed else {
        panic!("{parsed:?}")
    };
    assert_eq!(receipt.events.len(), 1);
    assert_eq!(receipt.events[0].body, EventBody::Other);
    // With a journal it is understood in the same way.
    let mut journal = MemoryJournal::default();
    let driven = host
        .parse_webhook(call(account, &mut journal), &webhook(SIGNATURE))
        .await
        .unwrap();
    assert_eq!(&driven, receipt);
}

#[tokio::test]
async fn a_webhook_of_a_megabyte_fits_the_limits_of_a_step() {
    let setup = setup_nowhere().await;
    let mut large = webhook(SIGNATURE);
    large.body.resize(1024 * 1024, b' ');
    let decided = setup
        .host
        .authenticate_webhook(&setup.account, &large, at(SIGNED_AT))
        .await
        .unwrap();
    assert!(matches!(
        decided,
        WebhookDecision::Rejected {
            reason: WebhookRejection::SignatureInvalid,
            ..
        }
    ));
    let parsed = setup.host.parse_webhook_offline(&setup.account, &large).await.unwrap();
    assert!(matches!(parsed, Parsed::Receipt(receipt) if receipt.events.len() == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_steps_at_once_give_what_one_gives() {
    let setup = setup_nowhere().await;
    let expected = setup
        .host
        .parse_webhook_offline(&setup.account, &webhook(SIGNATURE))
        .await
        .unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (host, account) = (Arc::clone(&setup.host), Arc::clone(&setup.account));
            tokio::spawn(async move {
                let mut results = Vec::new();
                for _ in 0..16 {
                    results.push(host.parse_webhook_offline(&account, &webhook(SIGNATURE)).await.unwrap());
                }
                results
            })
        })
        .collect();
    for task in tasks {
        for result in task.await.unwrap() {
            assert_eq!(result, expected);
        }
    }
    assert_eq!(setup.info.name, "stripe");
}

/// A list of so many objects, filled up to what one answer may be with fields nobody needs.
fn full_list(count: usize, object: &serde_json::Value) -> String {
    const ANSWER_BYTES: usize = 1024 * 1024 - 1024;
    let line: serde_json::Map<_, _> = (0..24)
        .map(|number| {
            (
                format!("a_field_of_usual_length_{number}"),
                serde_json::json!(number * 7),
            )
        })
        .collect();
    let lines_of = |lines: usize| {
        let mut object = object.clone();
        object["lines"] = serde_json::json!({"object": "list", "data": vec![line.clone(); lines]});
        object
    };
    let size = |object: &serde_json::Value| serde_json::to_string_pretty(object).unwrap().len();
    let (least, each) = (size(&lines_of(0)), size(&lines_of(3)) - size(&lines_of(2)));
    let lines = (ANSWER_BYTES / count - least) / (each + each / 4);
    let list = serde_json::json!({"object": "list", "has_more": true, "data": vec![lines_of(lines); count]});
    let list = serde_json::to_string_pretty(&list).unwrap();
    assert!((ANSWER_BYTES / 2..ANSWER_BYTES).contains(&list.len()), "{}", list.len());
    list
}

#[tokio::test]
async fn pages_as_large_as_an_answer_can_be_are_read_within_the_limits() {
    let invoice = serde_json::json!({
        "id": "in_1", "object": "invoice", "status": "paid", "customer": "cus_1", "currency": "usd",
        "amount_due": 1200, "amount_paid": 1200, "attempt_count": 1,
    });
    let session = serde_json::json!({
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "payment_intent": "pi_1", "amount_total": 1200, "currency": "usd",
    });
    let customer = serde_json::json!({"id": "cus_1", "object": "customer", "email": "a@example.com"});
    let subscription: serde_json::Value = serde_json::from_str(&subscription(3)).unwrap();
    for (kind, count, object, next) in [
        (BackfillKind::Customers, 100, customer, "cus_1:100"),
        (BackfillKind::Subscriptions, 50, subscription, "sub_1:50"),
        (BackfillKind::Payments, 25, invoice, "in_1:25"),
        (BackfillKind::Purchases, 50, session, "cs_1:50"),
    ] {
        let server = Server::start(vec![Some((200, full_list(count, &object)))]).await;
        let setup = setup(&server.origin).await;
        let mut journal = MemoryJournal::default();
        let request = BackfillRequest { kind, cursor: None };
        let call = call(&setup.account, &mut journal);
        let page = setup.host.list_page(call, &request).await.unwrap();
        assert_eq!((page.items.len(), page.left_out.len()), (count, 0), "{kind:?}");
        assert_eq!((page.next.as_deref(), page.as_of), (Some(next), at(SIGNED_AT)));
    }
}
