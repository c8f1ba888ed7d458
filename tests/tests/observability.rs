//! What the gateway says about itself: numbers, log and traces, through the real binary.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tillgate_tests::{ADMIN_TOKEN, Collector, Database, Exposition, Span, World, answer_of, signature_header};
use tokio::net::TcpListener;

/// A month and a day, in seconds.
const A_MONTH_LATER: u64 = 32 * 24 * 60 * 60;

/// Nobody's card, and nothing a log may hold: the number, and as people write it.
const CARD: [&str; 2] = ["4242424242424242", "4242 4242 4242 4242"];

/// What any key of the simulated provider begins with.
const PROVIDER_KEY: &str = "sk_test_canary";

/// Sends every event of the provider once more.
async fn resend_everything(world: &World) {
    let events = world.provider.read("/v1/events?limit=100").await;
    for event in events["data"].as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        world.provider.control(&format!("events/{id}/resend"), json!({})).await;
    }
    world.webhooks().await;
}

/// How many events of each type the provider has.
async fn provider_events(world: &World) -> BTreeMap<String, u32> {
    let events = world.provider.read("/v1/events?limit=100").await;
    assert_eq!(events["has_more"], false);
    let mut types = BTreeMap::new();
    for event in events["data"].as_array().unwrap() {
        *types.entry(event["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    types
}

/// A customer who subscribes and whose renewal fails, with each webhook sent several times.
async fn a_story_with_repetitions(world: &World) {
    let faults = json!({"webhooks": {"duplicate": 2, "reorder_window": 1, "delay_ms": 0, "drop_every": 0}});
    world.provider.control("faults", faults).await;
    let mut checkout = world.tenant.checkout();
    checkout["metadata"] = json!({"note": CARD[0], "other": CARD[1]});
    let session = world.tenant.post("/v1/checkout-sessions", checkout).await;
    world.provider.pay(session["url"].as_str().unwrap(), "pay").await;
    world.webhooks().await;
    let subscription = world.tenant.get("/v1/subscriptions").await["data"][0].clone();
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    world.tenant.put(&format!("{path}/seats"), json!({"seats": 8})).await;
    world.webhooks().await;
    let customer = world.tenant.get("/v1/customers").await["data"][0]["provider_reference"].clone();
    let decline = json!({"outcome": "decline", "count": 1});
    let next_payment = format!("customers/{}/next_payment", customer.as_str().unwrap());
    world.provider.control(&next_payment, decline).await;
    world
        .provider
        .control("clock", json!({"advance_seconds": A_MONTH_LATER}))
        .await;
    world.webhooks().await;
    resend_everything(world).await;
}

async fn effects_are_counted_once(database: Database) {
    let world = World::new(database).await;
    a_story_with_repetitions(&world).await;
    // Somebody who doesn't know the secret.
    let forged = world
        .tenant
        .anonymous(
            "POST",
            world.tenant.webhook_url.strip_prefix(&world.gateway.api).unwrap(),
        )
        .header("stripe-signature", signature_header("whsec_wrong", 1, b"{}"))
        .body("{}");
    assert!(answer_of(forged).await.0 >= 400);

    let metrics = world.gateway.metrics().await;
    let sessions = "billing_checkout_sessions_total";
    assert_eq!(
        metrics.value(sessions, &[("type", "subscription"), ("provider", "stripe")]),
        1.0
    );
    assert_eq!(metrics.sum(sessions, &[]), 1.0);

    let events = provider_events(&world).await;
    for (event_type, count) in &events {
        let counted = metrics.value(
            "billing_webhook_events_total",
            &[("event_type", event_type), ("success", "true")],
        );
        assert_eq!(counted, f64::from(*count), "{event_type}");
    }
    let all: u32 = events.values().sum();
    assert_eq!(metrics.sum("billing_webhook_events_total", &[]), f64::from(all));

    // What was published is in the same transaction as the effect.
    let changes = "billing_subscription_changes_total";
    for action in ["created", "status_changed", "canceled", "seats_changed", "renewed"] {
        let published = world.gateway.published(&format!("subscription.{action}")).await;
        let published = u32::try_from(published).unwrap();
        assert_eq!(
            metrics.value(changes, &[("action", action)]),
            f64::from(published),
            "{action}"
        );
    }
    assert_eq!(metrics.value(changes, &[("action", "created")]), 1.0);
    assert_eq!(metrics.value(changes, &[("action", "seats_changed")]), 1.0);
    assert_eq!(metrics.value(changes, &[("action", "canceled")]), 0.0);

    let failures = "billing_payment_failures_total";
    let published = u32::try_from(world.gateway.published("payment.failed").await).unwrap();
    assert_eq!(metrics.sum(failures, &[]), f64::from(published));
    assert!(published >= 1);

    for histogram in [
        "tillgate_plugin_step_duration_seconds_count",
        "tillgate_provider_call_duration_seconds_count",
        "tillgate_commit_duration_seconds_count",
        "tillgate_webhook_receipt_duration_seconds_count",
        "tillgate_http_request_duration_seconds_count",
    ] {
        assert!(metrics.sum(histogram, &[]) > 0.0, "{histogram}");
    }
    let calls = [("operation", "checkout.create-session"), ("outcome", "2xx")];
    assert_eq!(
        metrics.sum("tillgate_provider_call_duration_seconds_count", &calls),
        1.0
    );
    assert_eq!(metrics.sum("tillgate_webhooks_rejected_total", &[]), 1.0);
    assert_eq!(metrics.value("tillgate_webhooks_pending", &[]), 0.0);
    assert_eq!(metrics.value("tillgate_webhooks_dead", &[]), 0.0);
    assert_eq!(metrics.value("tillgate_database_up", &[]), 1.0);
    assert_eq!(metrics.sum("tillgate_plugin_faults_total", &[]), 0.0);
    what_is_deployed_names_only_what_is_there(&metrics);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_are_counted_once_on_sqlite() {
    effects_are_counted_once(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_are_counted_once_on_postgres() {
    effects_are_counted_once(Database::Postgres).await;
}

fn deployed(path: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// Every word of a text that is a metric of ours.
fn metrics_named(text: &str) -> Vec<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words
        .filter(|word| word.starts_with("billing_") || word.starts_with("tillgate_"))
        .collect()
}

fn what_is_deployed_names_only_what_is_there(metrics: &Exposition) {
    let there = metrics.names();
    for file in ["grafana/tillgate.json", "prometheus/alerts.yaml"] {
        let (path, text) = deployed(file);
        let named = metrics_named(&text);
        assert!(named.len() > 10, "{}", path.display());
        for name in named {
            assert!(
                there.contains(name),
                "{} names {name}, which isn't there",
                path.display()
            );
        }
    }
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md")).unwrap();
    for name in there {
        let stem = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert!(guide.contains(&format!("`{stem}`")), "docs/operations.md lacks {stem}");
    }
}

#[test]
fn the_dashboard_and_the_alerts_are_whole() {
    let (_, text) = deployed("grafana/tillgate.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids: Vec<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(!metrics_named(query).is_empty(), "{title}: {query}");
            assert_eq!(query.matches('(').count(), query.matches(')').count(), "{title}");
        }
    }
    let (_, alerts) = deployed("prometheus/alerts.yaml");
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 6);
    for rule in rules {
        let name = rule.lines().next().unwrap();
        for part in ["expr: ", "severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{name} lacks {part}");
        }
        let (_, guide) = deployed("../docs/operations.md");
        assert!(guide.contains(&format!("`{name}`")), "docs/operations.md lacks {name}");
    }
}

/// The spans of a name.
fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Whether one span is another's ancestor.
fn is_under<'s>(spans: &'s [Span], mut span: &'s Span, ancestor: &Span) -> bool {
    loop {
        if span.parent_id == ancestor.id {
            return true;
        }
        match spans.iter().find(|other| other.id == span.parent_id) {
            Some(parent) => span = parent,
            None => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_name_tenant_account_and_operation_and_nothing_says_a_secret() {
    let collector = Collector::start().await;
    let environment = [
        ("TILLGATE_TELEMETRY__OTLP_ENDPOINT", collector.url.as_str()),
        ("TILLGATE_TELEMETRY__SERVICE_NAME", "till-42"),
        ("TILLGATE_LOG__FORMAT", "json"),
        ("TILLGATE_LOG__LEVEL", "debug"),
    ];
    let mut world = World::with(Database::Sqlite, &environment).await;
    a_story_with_repetitions(&world).await;
    // A key that is none shall not be told either.
    let wrong = world
        .tenant
        .anonymous("GET", "/v1/customers")
        .bearer_auth("tg_test_canary_of_a_wrong_key");
    assert_eq!(answer_of(wrong).await.0, 401);
    let text = world.gateway.metrics_text().await;
    // The end sends what is left.
    assert_eq!(world.gateway.stop().await, Some(0));
    let spans = collector.spans();
    let tenant = &world.tenant;

    let operations = named(&spans, "create_checkout_session");
    assert_eq!(operations.len(), 1, "{spans:#?}");
    let operation = operations[0];
    assert_eq!(operation.service, "till-42");
    assert_eq!(operation.attributes["tenant.id"], tenant.id);
    assert_eq!(operation.attributes["account.id"], tenant.account_id);
    assert!(operation.attributes["operation.id"].starts_with("op_"));
    assert_eq!(operation.attributes["plugin.digest"].len(), 12);
    let requests = named(&spans, "POST /v1/checkout-sessions");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].attributes["tenant.id"], tenant.id);
    assert!(requests[0].parent_id.is_empty() && is_under(&spans, operation, requests[0]));
    assert_eq!(operation.trace_id, requests[0].trace_id);
    for name in ["plugin_step", "provider_exchange", "commit"] {
        let of_it = named(&spans, name)
            .into_iter()
            .filter(|span| is_under(&spans, span, operation));
        assert!(of_it.count() >= 1, "{name}");
    }
    let exchange = *named(&spans, "provider_exchange")
        .iter()
        .find(|span| is_under(&spans, span, operation))
        .unwrap();
    assert!(exchange.attributes["provider.request_id"].starts_with("req_"));
    assert_eq!(exchange.attributes["tenant.id"], tenant.id);
    assert_eq!(exchange.attributes["account.id"], tenant.account_id);
    let webhooks = named(&spans, "receive_webhook");
    assert!(!webhooks.is_empty());
    for webhook in webhooks {
        assert_eq!(webhook.attributes["tenant.id"], tenant.id);
        assert_eq!(webhook.attributes["account.id"], tenant.account_id);
    }

    let log = world.gateway.log();
    log_lines_say_where_they_belong(&log, &operation.attributes["operation.id"]);
    let secrets = [
        PROVIDER_KEY,
        ADMIN_TOKEN,
        &tenant.key,
        &tenant.webhook_secret,
        "canary",
        "ada@acme.example",
        "ada%40acme.example",
        CARD[0],
        CARD[1],
    ];
    for (place, said) in [("metrics", &text), ("log", &log), ("traces", &collector.raw())] {
        assert!(said.len() > 1_000, "{place} says next to nothing");
        for secret in secrets {
            let at = said.find(secret).map(|at| {
                let begin = said[..at].rfind('\n').map_or(0, |newline| newline + 1);
                said[begin..].lines().next().unwrap_or_default()
            });
            assert!(at.is_none(), "the {place} says {secret}: {at:?}");
        }
    }
    let metrics = Exposition::read(&text);
    assert!(
        metrics
            .values_of("billing_payment_failures_total", "reason")
            .iter()
            .all(|reason| ["card_declined", "not_said"].contains(&reason.as_str()))
    );
    assert!(!text.contains(&tenant.id) && !text.contains(&tenant.account_id));
}

/// Each line is JSON, and one of an operation names it with its tenant.
fn log_lines_say_where_they_belong(log: &str, operation_id: &str) {
    let mut of_operation = 0;
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        if let Some(operation) = spans.iter().find(|span| span["operation.id"] == operation_id) {
            of_operation += 1;
            assert!(operation["tenant.id"].as_str().unwrap().starts_with("tnt_"), "{line}");
            assert!(operation["account.id"].as_str().unwrap().starts_with("pac_"), "{line}");
            assert!(spans.iter().any(|span| span["name"] == "http_request"), "{line}");
        }
    }
    assert!(of_operation > 0, "no line of the operation");
}

/// A collector that takes connections and never answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_or_is_gone_keeps_nobody_waiting() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = [&hanging, &gone].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    drop(gone);
    for url in urls {
        let environment = [("TILLGATE_TELEMETRY__OTLP_ENDPOINT", url.as_str())];
        let mut world = World::with(Database::Sqlite, &environment).await;
        assert_eq!(world.tenant.subscribe(&world.provider).await["status"], "active");
        assert_eq!(world.gateway.stop().await, Some(0), "{url}");
        assert!(world.gateway.log().contains("ended"), "{url}");
    }
}
