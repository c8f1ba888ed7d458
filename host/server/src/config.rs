//! Configuration: one TOML file, each key overridable from the environment, some by a flag. Checked whole before a port
//! is bound; an unknown key is an error that names it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

mod retention;

use retention::Retention;

/// What begins the environment variables that override keys: `TILLGATE_SECTION__KEY`.
const PREFIX: &str = "TILLGATE_";

/// The file that is read where none is named, if it exists.
pub(crate) const DEFAULT_FILE: &str = "tillgate.toml";

/// Keys that are lists; in the environment their items are separated by commas.
const LISTS: [&str; 2] = ["egress.origin_overrides", "secrets.old_master_keys"];

/// Keys that are text though they look like a number.
const TEXTS: [&str; 6] = [
    "admin.token",
    "database.url",
    "plugins.cache_directory",
    "plugins.directory",
    "secrets.master_key",
    "telemetry.service_name",
];

/// Keys whose values no message repeats.
const SECRETS: [&str; 4] = [
    "admin.token",
    "database.url",
    "secrets.master_key",
    "secrets.old_master_keys",
];

/// What is wrong with the configuration, naming the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key is wrong.
    #[error("configuration key {key}: {reason}")]
    Key {
        /// Which, e.g. `database.url`.
        key: String,
        /// Why.
        reason: String,
    },
}

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
    pub(crate) egress: Egress,
    pub(crate) operations: Operations,
    pub(crate) admin: Admin,
    pub(crate) plugins: Plugins,
    pub(crate) log: Log,
    pub(crate) telemetry: Telemetry,
    pub(crate) retention: Retention,
}

/// Where and how HTTP is served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Where the API and webhooks are served.
    pub(crate) listen: SocketAddr,
    /// Where health and metrics are served.
    pub(crate) operations_listen: SocketAddr,
    /// How this deployment is reached from outside; `http://` and the listening address where nothing is said.
    pub(crate) public_url: Option<String>,
    /// For how long a request may take, in seconds.
    pub(crate) request_timeout_seconds: u64,
    /// For how long requests under way may go on after the end was asked for, in seconds.
    pub(crate) shutdown_grace_seconds: u64,
    /// Largest body of the API, in bytes.
    pub(crate) body_max_bytes: usize,
    /// Largest body of a webhook, in bytes.
    pub(crate) webhook_body_max_bytes: usize,
    /// Whether `X-Forwarded-For` names the sender: only behind a proxy that sets it.
    pub(crate) trust_forwarded_for: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operations_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            public_url: None,
            // Longer than a provider call with its timeout, so that the gateway's own answer comes first.
            request_timeout_seconds: 60,
            // What orchestrators give by default is 30.
            shutdown_grace_seconds: 25,
            body_max_bytes: 256 * 1024,
            webhook_body_max_bytes: 1024 * 1024,
            trust_forwarded_for: false,
        }
    }
}

/// Which database.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `sqlite://tillgate.db` or `postgres://user:password@host/name`.
    pub(crate) url: String,
    /// Whether `serve` applies pending migrations; otherwise it refuses to start with any.
    pub(crate) migrate: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://tillgate.db".to_owned(),
            migrate: false,
        }
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}

/// The master keys.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// 32 bytes in base64. Account secrets are sealed with it.
    pub(crate) master_key: Option<String>,
    /// Earlier ones, which still open what they sealed.
    pub(crate) old_master_keys: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Requests to providers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Egress {
    /// Origins that accounts may name in place of a plugin's endpoints. Only these may be plain http or private addresses.
    pub(crate) origin_overrides: Vec<String>,
    /// For how long one request to a provider may take, in seconds.
    pub(crate) timeout_seconds: u64,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            origin_overrides: Vec::new(),
            timeout_seconds: 20,
        }
    }
}

/// The operator API.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Its bearer token, at least 32 characters; without it the operator API is off.
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("on", &self.token.is_some()).finish()
    }
}

/// Calls of providers that change something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Operations {
    /// For how long an operation is its host's alone, in seconds. After that any host goes on with it.
    pub(crate) lease_seconds: u64,
    /// How often a failed call is tried again at once.
    pub(crate) retries_max: u32,
    /// The longest pause before the first retry, in milliseconds.
    pub(crate) retry_base_ms: u64,
    /// No retry begins later than this, in seconds.
    pub(crate) retry_deadline_seconds: u64,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            lease_seconds: 300,
            retries_max: 3,
            retry_base_ms: 1_000,
            retry_deadline_seconds: 30,
        }
    }
}

/// Where plugins are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Plugins {
    /// The directory of components.
    pub(crate) directory: PathBuf,
    /// Where compiled plugins are kept between starts; beside the components where nothing is said.
    pub(crate) cache_directory: Option<PathBuf>,
    /// Largest component, in bytes.
    pub(crate) component_max_bytes: u64,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("plugins"),
            cache_directory: None,
            component_max_bytes: 16 * 1024 * 1024,
        }
    }
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// What is logged, e.g. `info` or `info,tillgate_plugin_host=debug`.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// Where traces go. Metrics are read from the operations port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    /// The OpenTelemetry collector that takes traces, e.g. `http://127.0.0.1:4318`; empty where none does.
    pub(crate) otlp_endpoint: String,
    /// What this deployment is called there.
    pub(crate) service_name: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            service_name: "tillgate".to_owned(),
        }
    }
}

impl Config {
    /// Reads file and environment, and checks the whole.
    pub(crate) fn load(file: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut table = read_file(file)?;
        for (name, value) in environment {
            if name == "TILLGATE_MASTER_KEY" {
                set(&mut table, "secrets.master_key", value)?;
            } else if let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) {
                set(
                    &mut table,
                    &format!("{}.{}", section.to_lowercase(), key.to_lowercase()),
                    value,
                )?;
            }
        }
        let config = Self::from_table(table)?;
        config.check()?;
        Ok(config)
    }

    fn from_table(table: Table) -> Result<Self, ConfigError> {
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
            let path = error.path().to_string();
            let reason = error.into_inner().message().trim().replace('\n', " ");
            // serde names an unknown key in its message; it belongs to the path.
            let unknown = reason.split('`').nth(1).filter(|_| reason.starts_with("unknown field"));
            let key = match (unknown, path.as_str()) {
                (Some(key), "." | "") => key.to_owned(),
                (Some(key), section) if !section.ends_with(key) => format!("{section}.{key}"),
                (_, path) => path.to_owned(),
            };
            if SECRETS.iter().any(|secret| key.starts_with(secret)) {
                let reason = "is not of its type: a text, or for old_master_keys a list of texts".to_owned();
                return ConfigError::Key { key, reason };
            }
            ConfigError::Key { key, reason }
        })
    }

    /// Checks the whole.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: &str| {
            Err(ConfigError::Key {
                key: key.to_owned(),
                reason: reason.to_owned(),
            })
        };
        if let Some(token) = &self.admin.token
            && token.chars().count() < 32
        {
            return wrong(
                "admin.token",
                "must be at least 32 characters, for example from `openssl rand -hex 32`",
            );
        }
        if let Some(url) = &self.server.public_url {
            let good = url.starts_with("http://") || url.starts_with("https://");
            if !good || url.ends_with('/') {
                return wrong(
                    "server.public_url",
                    "must begin with http:// or https://, without a slash at the end",
                );
            }
        }
        let collector = &self.telemetry.otlp_endpoint;
        if !collector.is_empty() && (!collector.starts_with("http://") || collector.contains(['?', '#', '@', ' '])) {
            return wrong(
                "telemetry.otlp_endpoint",
                "must be empty, or of the form http://host:4318: a collector on this machine or network, which takes OTLP over plain HTTP",
            );
        }
        if !(1..=600).contains(&self.server.request_timeout_seconds) {
            return wrong("server.request_timeout_seconds", "must be between 1 and 600");
        }
        if !(1..=60).contains(&self.egress.timeout_seconds) {
            return wrong("egress.timeout_seconds", "must be between 1 and 60");
        }
        if self.egress.timeout_seconds >= self.server.request_timeout_seconds {
            return wrong(
                "egress.timeout_seconds",
                "must be less than server.request_timeout_seconds, or callers give up before the gateway does",
            );
        }
        let lease = self.operations.lease_seconds;
        if lease > 3_600 || lease <= self.egress.timeout_seconds {
            return wrong(
                "operations.lease_seconds",
                "must be at most 3600, and more than egress.timeout_seconds, or another host takes over what still runs",
            );
        }
        if self.operations.retries_max > 3 {
            return wrong("operations.retries_max", "must be at most 3");
        }
        if !(1..=60_000).contains(&self.operations.retry_base_ms) {
            return wrong("operations.retry_base_ms", "must be between 1 and 60000");
        }
        let longest = self
            .operations
            .retry_deadline_seconds
            .saturating_add(self.egress.timeout_seconds);
        if longest >= self.server.request_timeout_seconds || longest >= lease {
            return wrong(
                "operations.retry_deadline_seconds",
                "with egress.timeout_seconds, must be less than server.request_timeout_seconds and operations.lease_seconds",
            );
        }
        self.retention.check()?;
        let database = &self.database.url;
        if !["sqlite://", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| database.starts_with(scheme))
        {
            return wrong("database.url", "must begin with sqlite:// or postgres://");
        }
        Ok(())
    }

    /// How this deployment is reached, given where it listens.
    pub(crate) fn public_url(&self, listening: SocketAddr) -> String {
        self.server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{listening}"))
    }
}

fn read_file(file: Option<&Path>) -> Result<Table, ConfigError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let failed = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    match std::fs::read_to_string(path) {
        // The parser's own text repeats the line, which may hold a secret.
        Ok(text) => text.parse::<Table>().map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            failed(format!("line {line}: {}", error.message().replace('\n', " ")))
        }),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Table::new()),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Sets a key from the environment: a list, a number or a boolean where the text is one, else the text itself.
fn set(table: &mut Table, path: &str, text: &str) -> Result<(), ConfigError> {
    let value = if LISTS.contains(&path) {
        Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
        )
    } else if TEXTS.contains(&path) {
        Value::String(text.to_owned())
    } else if let Ok(number) = text.parse::<i64>() {
        Value::Integer(number)
    } else if let Ok(boolean) = text.parse::<bool>() {
        Value::Boolean(boolean)
    } else {
        Value::String(text.to_owned())
    };
    let Some((section, key)) = path.split_once('.') else {
        return Ok(());
    };
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(entry) = entry else {
        return Err(ConfigError::Key {
            key: section.to_owned(),
            reason: "must be a section".to_owned(),
        });
    };
    entry.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests;
