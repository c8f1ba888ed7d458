//! Stripe fails at each exchange of each operation, in each way, through the real binary: asked again with the same key,
//! the operation is done, once, and the answer is the same.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of};

/// The most exchanges any operation has.
const EXCHANGES_MAX: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    CheckOut,
    Portal,
    Seats,
    Plan,
    CancelNow,
    CancelAtPeriodEnd,
    Uncancel,
    Pause,
    Resume,
    Refund,
}

use Operation as O;

const ALL: [Operation; 10] = [
    O::CheckOut,
    O::Portal,
    O::Seats,
    O::Plan,
    O::CancelNow,
    O::CancelAtPeriodEnd,
    O::Uncancel,
    O::Pause,
    O::Resume,
    O::Refund,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    every_exchange_fails(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    every_exchange_fails(Database::Postgres).await;
}

/// How a request goes wrong. Retries are off: what is retried, and when, is tested elsewhere.
fn faults() -> Vec<(&'static str, Value)> {
    vec![
        ("too many requests", json!({"status": 429})),
        ("the connection closes", json!({"status": "close"})),
        (
            "it is done, and the connection closes",
            json!({"status": "close", "apply_before_failing": true}),
        ),
        (
            "it is done, and a proxy answers",
            json!({"status": "html", "apply_before_failing": true}),
        ),
        (
            "it is done, and the answer is empty",
            json!({"status": "empty", "apply_before_failing": true}),
        ),
    ]
}

async fn every_exchange_fails(database: Database) {
    let once = [("TILLGATE_OPERATIONS__RETRIES_MAX", "0")];
    let mut failures = 0;
    for operation in ALL {
        let world = World::with(database, &once).await;
        plus(&world).await;
        let expected = attempt(&world, operation, "undisturbed", None).await;
        for (name, fault) in faults() {
            for after in 0.. {
                assert!(after < EXCHANGES_MAX);
                let mut fault = fault.clone();
                fault["after"] = json!(after);
                let how = format!("{operation:?}, {name}, after {after}");
                let found = attempt(&world, operation, &how, Some(&fault)).await;
                assert_eq!(
                    (&found.outcome, &found.at_the_provider, &found.published),
                    (&expected.outcome, &expected.at_the_provider, &expected.published),
                    "{how}"
                );
                if !found.disturbed {
                    break;
                }
                failures += 1;
            }
        }
    }
    assert!(failures >= 50, "{failures}");
}

/// What came of one operation.
#[derive(Debug)]
struct Found {
    /// Whether the fault came about.
    disturbed: bool,
    outcome: Value,
    /// What there is more of at the provider.
    at_the_provider: BTreeMap<String, i64>,
    /// What was published.
    published: BTreeMap<String, i64>,
}

/// Brings about what the operation begins with, disturbs it, and asks again until it is done: once more is enough.
async fn attempt(world: &World, operation: Operation, how: &str, fault: Option<&Value>) -> Found {
    let (path, body) = given(world, operation, how).await;
    let (kept, published) = (counts(world).await, published(world).await);
    if let Some(fault) = fault {
        world.provider.control("faults", json!({"next": fault})).await;
    }
    let key: String = how.chars().filter(char::is_ascii_alphanumeric).collect();
    let ask = || {
        let (method, path) = path.split_once(' ').unwrap();
        let request = world.tenant.request(method, path).header("idempotency-key", &key);
        answer_of(request.json(&body))
    };
    let (status, first) = ask().await;
    let waiting = world.provider.control("faults", json!({})).await["next"].clone();
    let disturbed = fault.is_some() && waiting.as_array().unwrap().is_empty();
    world.provider.control("faults", json!({"clear": true})).await;
    assert!(disturbed || status < 300, "{how}: {status} {first}");
    let (status, again) = ask().await;
    assert!(status < 300, "{how}: asked again: {status} {again}; first: {first}");
    assert_eq!(ask().await, (status, again.clone()), "{how}: asked a third time");
    world.webhooks().await;
    Found {
        disturbed,
        outcome: outcome(&again),
        at_the_provider: difference(&kept, &counts(world).await),
        published: difference(&published, &self::published(world).await),
    }
}

/// Another plan.
async fn plus(world: &World) {
    let product = world.provider.call("/v1/products", &[("name", "Plus")]).await;
    let monthly = [
        ("product", product["id"].as_str().unwrap()),
        ("currency", "usd"),
        ("unit_amount", "3600"),
        ("recurring[interval]", "month"),
    ];
    let price = world.provider.call("/v1/prices", &monthly).await["id"].clone();
    let input = json!({"prices": {world.tenant.account_id.as_str(): price}});
    world.tenant.put("/v1/products/plus", input).await;
}

/// What is asked: the method with the path, and the body.
async fn given(world: &World, operation: Operation, how: &str) -> (String, Value) {
    if operation == O::CheckOut {
        return ("POST /v1/checkout-sessions".to_owned(), world.tenant.checkout());
    }
    let session = world
        .tenant
        .post("/v1/checkout-sessions", world.tenant.checkout())
        .await;
    world.provider.pay(session["url"].as_str().unwrap(), "pay").await;
    world.webhooks().await;
    let newest = async |list: &str| {
        let found = world.tenant.get(&format!("/v1/{list}?limit=100")).await;
        assert_eq!(found["has_more"], false, "{how}");
        found["data"].as_array().unwrap().last().unwrap().clone()
    };
    let subscription = newest("subscriptions").await;
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let before = match operation {
        O::Uncancel => Some(("cancel", json!({"mode": "at_period_end"}))),
        O::Resume => Some(("pause", json!({}))),
        _ => None,
    };
    if let Some((verb, body)) = before {
        world.tenant.post(&format!("{path}/{verb}"), body).await;
        world.webhooks().await;
    }
    match operation {
        O::CheckOut => unreachable!("answered above"),
        O::Portal => {
            let input =
                json!({"customer_id": subscription["customer_id"], "return_url": "https://app.example/billing"});
            ("POST /v1/portal-sessions".to_owned(), input)
        }
        O::Seats => (format!("PUT {path}/seats"), json!({"seats": 8})),
        O::Plan => (format!("POST {path}/change-plan"), json!({"product_id": "plus"})),
        O::CancelNow => (format!("POST {path}/cancel"), json!({"mode": "immediate"})),
        O::CancelAtPeriodEnd => (format!("POST {path}/cancel"), json!({"mode": "at_period_end"})),
        O::Uncancel => (format!("POST {path}/uncancel"), json!({})),
        O::Pause => (format!("POST {path}/pause"), json!({})),
        O::Resume => (format!("POST {path}/resume"), json!({})),
        O::Refund => {
            let payment = newest("payments").await;
            ("POST /v1/refunds".to_owned(), json!({"payment_id": payment["id"]}))
        }
    }
}

/// An answer without what differs from one object to the next.
fn outcome(answer: &Value) -> Value {
    let subscription = &answer["subscription"];
    json!([
        answer["outcome"],
        answer["status"],
        answer["amount"],
        subscription["status"],
        subscription["seats"],
        subscription["product_id"],
        subscription["cancel_at_period_end"],
    ])
}

/// How many there are of each kind of thing at the provider.
async fn counts(world: &World) -> BTreeMap<String, i64> {
    let counts = world.provider.look("state").await["counts"].clone();
    let counts = counts.as_object().unwrap().iter();
    // Asking again is a request more, and that is all.
    let things = counts.filter(|(name, _)| *name != "requests" && !name.starts_with("deliveries"));
    things
        .map(|(name, count)| (name.clone(), count.as_i64().unwrap_or_default()))
        .collect()
}

async fn published(world: &World) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for name in world.gateway.published_types().await {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn difference(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let more = after.iter().map(|(name, count)| {
        let more = count - before.get(name).copied().unwrap_or_default();
        (name.clone(), more)
    });
    more.filter(|(_, more)| *more != 0).collect()
}
