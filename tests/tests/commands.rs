//! The binary's commands, as a person or a script uses them.

use serde_json::Value;
use tillgate_tests::{ADMIN_TOKEN, Database, Gateway, GatewayOptions, run_cli};

async fn gateway() -> Gateway {
    let options = GatewayOptions {
        database: Database::Sqlite,
        origin_overrides: Vec::new(),
        environment: Vec::new(),
    };
    Gateway::start(options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_set_up_from_the_command_line() {
    let gateway = gateway().await;
    let (code, out, err) = gateway.cli(&["tenant", "create", "Acme", "--json"], "").await;
    assert_eq!(code, Some(0), "{err}");
    let tenant: Value = serde_json::from_str(&out).unwrap();
    let id = tenant["id"].as_str().unwrap();
    let (_, out, _) = gateway
        .cli(&["api-key", "create", "--tenant", id, "backend", "--json"], "")
        .await;
    let key: Value = serde_json::from_str(&out).unwrap();
    assert!(key["key"].as_str().unwrap().starts_with("tg_test_"));
    let create = [
        "provider-account",
        "create",
        "--tenant",
        id,
        "main",
        "--plugin",
        "stripe",
        "--json",
    ];
    let (code, _, err) = gateway.cli(&create, "").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("secrets.api_key"), "{err}");
    let (_, out, _) = gateway.cli(&["plugin", "list", "--json"], "").await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()[0]["name"], "stripe");
    let (_, out, _) = gateway.cli(&["api-key", "list", "--tenant", id], "").await;
    assert!(
        out.contains("backend") && !out.contains(key["key"].as_str().unwrap()),
        "{out}"
    );
    let (_, out, _) = gateway.cli(&["provider-account", "list", "--tenant", id], "").await;
    assert!(out.starts_with("No provider accounts yet"), "{out}");
}

#[tokio::test]
async fn wrong_usage_ends_with_two_and_what_is_wrong_is_named() {
    let (code, _, err) = run_cli(&["tenant", "destroy"], &[]).await;
    assert_eq!(code, Some(2), "{err}");
    for (environment, named) in [
        (&[("TILLGATE_SERVER__PROT", "1")][..], "server.prot"),
        (&[("TILLGATE_ADMIN__TOKEN", "short")], "admin.token"),
        (&[("TILLGATE_DATABASE__URL", "mysql://x")], "database.url"),
        (&[], "secrets.master_key"),
        (&[("TILLGATE_MASTER_KEY", "c2hvcnQ=")], "secrets.master_key"),
    ] {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"];
        arguments.push("--migrate");
        let (code, _, err) = run_cli(&arguments, environment).await;
        assert_eq!(code, Some(1), "{named}: {err}");
        assert!(err.contains(named), "{named}: {err}");
    }
}

#[tokio::test]
async fn a_database_that_needs_migrating_or_is_none_is_refused_with_what_to_do() {
    let key = base64_of_32();
    let environment = [("TILLGATE_MASTER_KEY", key.as_str())];
    let serve = ["serve", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"];
    let (code, _, err) = run_cli(&serve, &environment).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("tillgate migrate"), "{err}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("not-a-database.db");
    std::fs::write(&file, "this is a text file, and long enough to be taken for one").unwrap();
    let url = format!("sqlite://{}", file.display());
    let (code, _, err) = run_cli(&["migrate", "--database", &url], &environment).await;
    assert_eq!(code, Some(1));
    assert!(
        err.contains("not-a-database.db") && err.contains("not a database"),
        "{err}"
    );
    let (code, _, err) = run_cli(
        &["migrate", "--database", "sqlite:///no/such/directory/x.db"],
        &environment,
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(err.contains("/no/such/directory/x.db"), "{err}");
}

#[tokio::test]
async fn the_demo_tells_its_story_and_counts_each_effect_once() {
    let plugins = tillgate_tests::plugins();
    let (code, out, err) = run_cli(&["demo", "--once", "--plugins", &plugins.display().to_string()], &[]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("each effect once") && out.contains("is canceled"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_gateway_on_the_same_sqlite_file_is_refused() {
    let gateway = gateway().await;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"];
    let (code, _, err) = gateway.cli(&serve, "").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("another gateway serves"), "{err}");
    // Commands are welcome meanwhile.
    assert_eq!(gateway.cli(&["tenant", "list"], "").await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_installed_meanwhile_is_found_by_the_gateway_that_runs() {
    let empty = tempfile::tempdir().unwrap();
    let directory = empty.path().display().to_string();
    let gateway = Gateway::start(GatewayOptions {
        database: Database::Sqlite,
        origin_overrides: Vec::new(),
        environment: vec![("TILLGATE_PLUGINS__DIRECTORY".to_owned(), directory)],
    })
    .await;
    let component = tillgate_tests::plugins().join("stripe.wasm").display().to_string();
    let (code, _, err) = gateway.cli(&["plugin", "install", &component], "").await;
    assert_eq!(code, Some(0), "{err}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let listed: Value = client
            .get(format!("{}/v1/admin/plugins", gateway.api))
            .bearer_auth(ADMIN_TOKEN)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        if listed["data"][0]["name"] == "stripe" {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{listed}");
        tokio::task::yield_now().await;
    }
}

fn base64_of_32() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode([1_u8; 32])
}

#[tokio::test]
async fn help_says_what_it_is_for() {
    let (code, out, _) = run_cli(&["--help"], &[]).await;
    assert_eq!(code, Some(0));
    for command in [
        "serve",
        "demo",
        "migrate",
        "doctor",
        "tenant",
        "provider-account",
        "plugin",
        "simulator",
    ] {
        assert!(out.contains(command), "{out}");
    }
}
