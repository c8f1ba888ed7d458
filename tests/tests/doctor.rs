//! `tillgate doctor`, as an operator uses it: what it finds, and what it says to do.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use base64::Engine as _;
use serde_json::{Value, json};
use tillgate_tests::{ADMIN_TOKEN, Database, Gateway, GatewayOptions, World, answer_of, run_cli};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const PUBLIC_URL: &str = "https://pay.example.com";

/// What the doctor says: its exit code, and its checks by their names.
async fn examined(gateway: &Gateway, environment: &[(&str, &str)], flags: &[&str]) -> (Option<i32>, Vec<Value>) {
    let arguments = [&["doctor", "--json"], flags].concat();
    let (code, out, err) = gateway.cli_with(environment, &arguments, "").await;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!(report["ok"], code == Some(0), "{report}");
    assert!(!out.contains("canary") && !err.contains("canary"), "{out}{err}");
    (code, report["checks"].as_array().unwrap().clone())
}

/// The checks in a status whose names begin like this.
fn of<'a>(checks: &'a [Value], status: &str, name: &str) -> Vec<&'a Value> {
    checks
        .iter()
        .filter(|check| check["status"] == status && check["check"].as_str().unwrap().starts_with(name))
        .collect()
}

/// What isn't well, each with what to do.
fn not_well(checks: &[Value]) -> Vec<String> {
    checks
        .iter()
        .filter(|check| check["status"] == "warn" || check["status"] == "fail")
        .map(|check| {
            assert!(check["remedy"].as_str().unwrap().len() > 10, "{check}");
            format!(
                "{} {}",
                check["status"].as_str().unwrap(),
                check["check"].as_str().unwrap()
            )
        })
        .collect()
}

/// A gateway with a tenant whose provider is at an origin, and its account's id.
async fn connected_to(origin: &str, mode: &str) -> (Gateway, String) {
    let gateway = Gateway::start(GatewayOptions {
        database: Database::Sqlite,
        origin_overrides: vec![origin.to_owned()],
        environment: Vec::new(),
    })
    .await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let admin = async |path: &str, body: Value| {
        let url = format!("{}/v1/admin/{path}", gateway.api);
        let (status, answer) = answer_of(client.post(url).bearer_auth(ADMIN_TOKEN).json(&body)).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    };
    let tenant = admin("tenants", json!({"name": "Acme", "mode": mode})).await;
    let account = json!({
        "plugin": "stripe", "name": "main", "settings": {}, "endpoint_overrides": {"api": origin},
        "secrets": {"api_key": format!("sk_{mode}_canary_0123456789")},
    });
    let account = admin(&format!("tenants/{tenant}/provider-accounts"), account).await;
    (gateway, account)
}

async fn everything_is_well(database: Database) {
    let world = World::with(database, &[("TILLGATE_SERVER__PUBLIC_URL", PUBLIC_URL)]).await;
    let (code, checks) = examined(&world.gateway, &[], &[]).await;
    assert_eq!(code, Some(0), "{checks:#?}");
    assert_eq!(not_well(&checks), [""; 0]);
    for name in [
        "configuration",
        "master key",
        "plugins",
        "database",
        "schema",
        "webhook URL",
        "clock",
    ] {
        assert_eq!(of(&checks, "ok", name).len(), 1, "{name}: {checks:#?}");
    }
    let account = format!("account {}", world.tenant.account_id);
    assert_eq!(of(&checks, "ok", &account).len(), 2, "secrets and plugin: {checks:#?}");
    let endpoint = format!("endpoint {}", world.provider.url);
    assert_eq!(of(&checks, "ok", &endpoint).len(), 1, "{checks:#?}");
    let (code, out, _) = world.gateway.cli(&["doctor"], "").await;
    assert_eq!(code, Some(0));
    assert!(out.starts_with("STATUS"), "{out}");
    assert!(!out.contains("What to do"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_well_on_sqlite() {
    everything_is_well(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_well_on_postgres() {
    everything_is_well(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_or_not_migrated_is_told_and_left_alone() {
    let key = base64::engine::general_purpose::STANDARD.encode([1_u8; 32]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new.db");
    let url = format!("sqlite://{}", file.display());
    let environment = [("TILLGATE_MASTER_KEY", key.as_str()), ("TILLGATE_DATABASE__URL", &url)];
    let (code, out, err) = run_cli(&["doctor"], &environment).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("does not exist yet") && out.contains("tillgate migrate"),
        "{out}"
    );
    assert!(!file.exists(), "looking made it");
    std::fs::write(&file, "").unwrap();
    let (code, out, err) = run_cli(&["doctor"], &environment).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("pending migration") && out.contains("0001_initial"),
        "{out}"
    );
    let migrating = [&environment[..], &[("TILLGATE_DATABASE__MIGRATE", "true")]].concat();
    let (code, out, err) = run_cli(&["doctor"], &migrating).await;
    assert_eq!(code, Some(0), "serve will migrate it: {out}{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_master_key_is_told_by_the_account_whose_secrets_it_does_not_open() {
    let world = World::new(Database::Sqlite).await;
    let other = base64::engine::general_purpose::STANDARD.encode([8_u8; 32]);
    let right = base64::engine::general_purpose::STANDARD.encode([7_u8; 32]);
    let (code, checks) = examined(&world.gateway, &[("TILLGATE_MASTER_KEY", &other)], &["--offline"]).await;
    assert_eq!(code, Some(1));
    let account = format!("account {}", world.tenant.account_id);
    let failed = of(&checks, "fail", &account);
    assert_eq!(failed.len(), 2, "api_key and webhook_secret: {checks:#?}");
    assert!(failed[0]["remedy"].as_str().unwrap().contains("old_master_keys"));
    let both = [
        ("TILLGATE_MASTER_KEY", other.as_str()),
        ("TILLGATE_SECRETS__OLD_MASTER_KEYS", &right),
    ];
    assert_eq!(examined(&world.gateway, &both, &["--offline"]).await.0, Some(0));
    let (code, checks) = examined(&world.gateway, &[("TILLGATE_MASTER_KEY", "c2hvcnQ=")], &[]).await;
    assert_eq!(code, Some(1));
    assert_eq!(of(&checks, "fail", "master key").len(), 1, "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_whose_plugin_is_gone_is_told_and_so_is_a_component_that_is_none() {
    let world = World::new(Database::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("broken.wasm"), "no component").unwrap();
    let plugins = directory.path().to_str().unwrap();
    let (code, checks) = examined(
        &world.gateway,
        &[("TILLGATE_PLUGINS__DIRECTORY", plugins)],
        &["--offline"],
    )
    .await;
    assert_eq!(code, Some(1));
    let account = format!("account {}", world.tenant.account_id);
    let failed = of(&checks, "fail", &account);
    assert_eq!(failed.len(), 1, "{checks:#?}");
    assert!(failed[0]["detail"].as_str().unwrap().contains("pinned to stripe 0.1.0"));
    let rejected = of(&checks, "warn", "plugin ");
    assert!(
        rejected[0]["detail"].as_str().unwrap().contains("not_a_component"),
        "{checks:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_reached_is_told_unless_the_network_is_left_out() {
    // A port that was free a moment ago, and that nobody listens on.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let origin = format!("http://{closed}");
    let (gateway, account) = connected_to(&origin, "live").await;
    let https = [("TILLGATE_SERVER__PUBLIC_URL", PUBLIC_URL)];
    let (code, checks) = examined(&gateway, &https, &[]).await;
    assert_eq!(code, Some(1));
    let no_secret = format!("warn account {account} (Acme/main) secret webhook_secret");
    assert_eq!(not_well(&checks), [no_secret, format!("fail endpoint {origin}")]);
    let (code, checks) = examined(&gateway, &https, &["--offline"]).await;
    assert_eq!(code, Some(0), "{checks:#?}");
    assert_eq!(of(&checks, "skipped", "endpoints").len(), 1);
    // A live tenant's webhooks need a URL that the world reaches.
    for url in ["http://pay.example.com", "https://localhost"] {
        let (code, checks) = examined(&gateway, &[("TILLGATE_SERVER__PUBLIC_URL", url)], &["--offline"]).await;
        assert_eq!(code, Some(1), "{url}");
        assert_eq!(of(&checks, "fail", "webhook URL").len(), 1, "{url}: {checks:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_told_by_providers_that_were_given_no_credential() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (gateway, _) = connected_to(&origin, "test").await;
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = "HTTP/1.1 401 Unauthorized\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(head).unwrap().to_lowercase()
    });
    let (code, checks) = examined(&gateway, &[], &[]).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        of(&checks, "ok", &format!("endpoint {origin}")).len(),
        1,
        "a 401 is an answer: {checks:#?}"
    );
    let failed = of(&checks, "fail", "clock");
    assert!(
        failed[0]["detail"].as_str().unwrap().contains("ahead of"),
        "{checks:#?}"
    );
    assert!(failed[0]["remedy"].as_str().unwrap().contains("NTP"));
    let asked = answering.await.unwrap();
    assert!(asked.starts_with("get / http/1.1"), "{asked}");
    assert!(!asked.contains("authorization") && !asked.contains("canary"), "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_a_finding_like_others() {
    let (code, out, _) = run_cli(&["doctor", "--json"], &[("TILLGATE_SERVER__PROT", "1")]).await;
    assert_eq!(code, Some(1));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["checks"][0]["check"], "configuration");
    assert!(
        report["checks"][0]["detail"].as_str().unwrap().contains("server.prot"),
        "{report}"
    );
    let (code, _, _) = run_cli(&["doctor", "--no-such-flag"], &[]).await;
    assert_eq!(code, Some(2));
}
