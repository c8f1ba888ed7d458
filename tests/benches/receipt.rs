//! Receipt of webhooks, from the first byte of the request to the committed effect, through HTTP, on SQLite.
//!
//! The binary is `$TILLGATE_BIN`; measure a release build. Every webhook is another subscription, so that the effects
//! can be counted: the run fails if one is missing, or if an answer isn't a success.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tillgate_tests::{Database, World, signature_header};

const BODY: &str = include_str!("../../host/plugin-host/benches/webhook.json");

/// Webhooks of one run.
const WEBHOOKS: usize = 4_000;

#[expect(clippy::disallowed_methods, reason = "a webhook is signed with the real time")]
fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn body(number: usize, run: &str) -> String {
    let id = format!("{run}{number:08}");
    BODY.replace("evt_1Bench00000000000000000001", &format!("evt_{id}"))
        .replace("sub_1Bench00000000000000000001", &format!("sub_{id}"))
        .replace("cus_Bench000001", &format!("cus_{}", number % 1000))
}

async fn run(world: &World, connections: usize) -> (f64, Duration, Duration) {
    let name = format!("c{connections}x");
    let path = format!("/v1/webhooks/{}", world.tenant.account_id);
    let share = WEBHOOKS / connections;
    let mut tasks = Vec::new();
    let begun = Instant::now();
    for connection in 0..connections {
        let now = seconds_now();
        let requests: Vec<_> = (0..share)
            .map(|number| {
                let body = body(connection * share + number, &name);
                let signature = signature_header(&world.tenant.webhook_secret, now, body.as_bytes());
                world
                    .tenant
                    .anonymous("POST", &path)
                    .header("stripe-signature", signature)
                    .body(body)
            })
            .collect();
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::with_capacity(requests.len());
            for request in requests {
                let begun = Instant::now();
                let status = request.send().await.map(|answer| answer.status().as_u16());
                took.push(begun.elapsed());
                assert_eq!(status.ok(), Some(204), "a benchmark of an error path measures nothing");
            }
            took
        }));
    }
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("no task panics"));
    }
    let all = begun.elapsed();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    (took.len() as f64 / all.as_secs_f64(), at(0.5), at(0.99))
}

async fn counted(world: &World) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page: Value = world.tenant.get(&format!("/v1/subscriptions?limit=100{after}")).await;
        count += page["data"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return count,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let world = World::with(Database::Sqlite, &[("TILLGATE_LOG__LEVEL", "warn")]).await;
    let mut expected = 0;
    println!("webhook receipt to committed effect, SQLite, full synchronous; generator and gateway share the machine");
    println!(
        "{:>12} {:>12} {:>10} {:>10}",
        "connections", "webhooks/s", "p50 ms", "p99 ms"
    );
    for connections in [1, 8, 64] {
        let (rate, p50, p99) = run(&world, connections).await;
        expected += WEBHOOKS / connections * connections;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{connections:>12} {rate:>12.0} {:>10.2} {:>10.2}",
            millis(p50),
            millis(p99)
        );
    }
    let found = counted(&world).await;
    assert_eq!(
        found, expected,
        "every acknowledged webhook has its effect, and none has it twice"
    );
    println!("{found} subscriptions for {expected} acknowledged webhooks");
}
