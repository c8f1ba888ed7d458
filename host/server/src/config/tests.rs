//! Whatever is wrong is named, and no secret is repeated.

use std::io::Write as _;

use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Config::load(Some(file.path()), &environment)
}

fn key_of(error: ConfigError) -> String {
    match error {
        ConfigError::Key { key, .. } => key,
        ConfigError::File { reason, .. } => panic!("{reason}"),
    }
}

#[test]
fn nothing_configured_is_the_default() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.database.url, "sqlite://tillgate.db");
    assert!(config.admin.token.is_none() && config.egress.origin_overrides.is_empty());
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        "[server]\nlisten = \"127.0.0.1:1\"\n[egress]\ntimeout_seconds = 5\n",
        &[
            ("TILLGATE_SERVER__LISTEN", "127.0.0.1:2"),
            (
                "TILLGATE_EGRESS__ORIGIN_OVERRIDES",
                "http://127.0.0.1:3, http://127.0.0.1:4",
            ),
            ("TILLGATE_DATABASE__MIGRATE", "true"),
            ("TILLGATE_EGRESS__TIMEOUT_SECONDS", "7"),
            ("TILLGATE_MASTER_KEY", "key"),
            ("TILLGATE_BIN", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(
        config.egress.origin_overrides,
        ["http://127.0.0.1:3", "http://127.0.0.1:4"]
    );
    assert!(config.database.migrate);
    assert_eq!(config.egress.timeout_seconds, 7);
    assert_eq!(config.secrets.master_key.as_deref(), Some("key"));
}

#[test]
fn an_unknown_key_is_named_wherever_it_is() {
    assert_eq!(
        key_of(load("[server]\nlissten = 1\n", &[]).unwrap_err()),
        "server.lissten"
    );
    assert_eq!(key_of(load("[sever]\n", &[]).unwrap_err()), "sever");
    assert_eq!(
        key_of(load("", &[("TILLGATE_SERVER__PORT", "1")]).unwrap_err()),
        "server.port"
    );
}

#[test]
fn a_wrong_value_is_named() {
    assert_eq!(
        key_of(load("[server]\nlisten = \"nowhere\"\n", &[]).unwrap_err()),
        "server.listen"
    );
    assert_eq!(
        key_of(load("[admin]\ntoken = \"short\"\n", &[]).unwrap_err()),
        "admin.token"
    );
    assert_eq!(
        key_of(load("[database]\nurl = \"mysql://x\"\n", &[]).unwrap_err()),
        "database.url"
    );
    assert_eq!(
        key_of(load("[egress]\ntimeout_seconds = 60\n", &[]).unwrap_err()),
        "egress.timeout_seconds"
    );
    for endpoint in ["collector:4318", "https://collector:4318", "http://u:p@collector:4318"] {
        let text = format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n");
        assert_eq!(key_of(load(&text, &[]).unwrap_err()), "telemetry.otlp_endpoint");
    }
    assert_eq!(
        key_of(load("[server]\npublic_url = \"x\"\n", &[]).unwrap_err()),
        "server.public_url"
    );
}

#[test]
fn a_missing_file_that_was_named_is_an_error() {
    let missing = Path::new("does-not-exist.toml");
    assert!(matches!(
        Config::load(Some(missing), &BTreeMap::new()),
        Err(ConfigError::File { .. })
    ));
}

#[test]
fn a_mistake_beside_a_secret_does_not_print_it() {
    for text in [
        "[secrets]\nmaster_key = \"canary\n",
        "[admin]\ntoken = canary\n",
        "[admin]\ntoken = [\"canary\"]\n",
        "[secrets]\nold_master_keys = \"canary\"\n",
        "[database]\nurl = { canary = \"canary\" }\n",
    ] {
        let error = load(text, &[]).unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
        assert!(
            error.contains("line 2") || error.contains("configuration key"),
            "{error}"
        );
    }
    let digits = "12345678901234567890123456789012";
    let config = load("", &[("TILLGATE_ADMIN__TOKEN", digits), ("TILLGATE_MASTER_KEY", "42")]).unwrap();
    assert_eq!(config.admin.token.as_deref(), Some(digits));
    assert_eq!(config.secrets.master_key.as_deref(), Some("42"));
}

#[test]
fn secrets_do_not_print() {
    let config = load(
        "[secrets]\nmaster_key = \"canary\"\n[admin]\ntoken = \"canarycanarycanarycanarycanarycanary\"\n[database]\nurl = \"postgres://u:canary@h/d\"\n",
        &[],
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn what_is_kept_too_short_to_be_safe_is_refused() {
    for (text, key) in [
        (
            "[retention]\nevent_keys_days = 13\nprocessed_webhooks_days = 1\ndead_webhooks_days = 1\n",
            "retention.event_keys_days",
        ),
        ("[retention]\nevent_keys_days = 89\n", "retention.event_keys_days"),
        (
            "[retention]\nprocessed_webhooks_days = 91\n",
            "retention.event_keys_days",
        ),
        (
            "[retention]\nidempotency_keys_days = 0\n",
            "retention.idempotency_keys_days",
        ),
        ("[retention]\nidempotency_keys_days = 31\n", "retention.journals_days"),
        ("[retention]\njournals_days = 91\n", "retention.operations_days"),
        (
            "[retention]\nended_imports_days = 3651\n",
            "retention.ended_imports_days",
        ),
        ("[retention]\nbodies_days = 1\n", "retention.bodies_days"),
    ] {
        let refused = load(text, &[]).unwrap_err().to_string();
        assert!(refused.contains(key), "{text}: {refused}");
    }
    let config = load(
        "[retention]\nprocessed_webhooks_days = 7\n",
        &[("TILLGATE_RETENTION__JOURNALS_DAYS", "5")],
    )
    .unwrap();
    let retention = config.retention.retention();
    assert_eq!((retention.processed_webhooks_days, retention.journals_days), (7, 5));
    assert_eq!(
        Config::default().retention.retention(),
        tillgate_application::Retention::default()
    );
}
