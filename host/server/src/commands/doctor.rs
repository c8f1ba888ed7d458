//! `tillgate doctor`: looks at everything the gateway needs, and says what to do about what isn't well.
//!
//! Nothing is changed. Requests to providers carry no credential: that a provider answers at all is what is asked.

mod accounts;
mod clock;
mod endpoints;
mod report;

use std::sync::Arc;

use tillgate_application::ports::{Clock as _, NoMetrics, PluginRejected, Plugins as _, Store as _};
use tillgate_plugin_host::PluginHost;
use tillgate_storage::{Database, DatabaseOptions, OpenError};
use tillgate_vault::{MasterKey, Vault};

use self::accounts::Account;
use self::report::Report;
use crate::cli::{ConfigArgs, ShowArgs};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::wiring::{master_keys, open_plugins};
use crate::{Failure, load};

/// How `--offline` is told in the report.
const OFFLINE: &str = "--offline was given";

/// Looks at everything, prints what it found, and fails where anything does.
pub(crate) async fn doctor(args: &ConfigArgs, show: ShowArgs, offline: bool) -> Result<(), Failure> {
    let report = examine(args, offline).await;
    report.print(show)?;
    match report.failed() {
        0 => Ok(()),
        1 => Err(Failure::Said("one check failed".to_owned())),
        failed => Err(Failure::Said(format!("{failed} checks failed"))),
    }
}

async fn examine(args: &ConfigArgs, offline: bool) -> Report {
    let mut report = Report::default();
    let config = match load(args) {
        Ok(config) => config,
        Err(failure) => {
            let remedy = "Correct the key or the file named; docs/configuration.md lists every key";
            report.fail("configuration", failure.to_string(), remedy);
            return report;
        }
    };
    report.ok("configuration", "every key is known and within its bounds");
    let keys = examine_master_keys(&config, &mut report);
    let host = keys
        .as_ref()
        .and_then(|(current, _)| examine_plugins(&config, current, &mut report));
    let mut clocks = Vec::new();
    let database = examine_database(&config, &mut report).await;
    if let Some(database) = &database
        && let Some(reading) = clock::of_database(database, &mut report).await
    {
        clocks.push(reading);
    }
    let vault = keys.and_then(|(current, old)| Vault::new(&current, &old).ok());
    match (&database, &vault) {
        (Some(database), Some(vault)) => {
            let found = accounts::examine(&config, database, vault, host.as_ref(), &mut report).await;
            clocks.extend(examine_endpoints(&config, host.as_ref(), &found, offline, &mut report).await);
        }
        _ => report.skip("accounts", "needs the database and the master key"),
    }
    clock::judge(&clocks, offline, &mut report);
    if let Some(database) = database {
        database.close().await;
    }
    report
}

fn examine_master_keys(config: &Config, report: &mut Report) -> Option<(MasterKey, Vec<MasterKey>)> {
    match master_keys(config) {
        Ok((current, old)) => {
            report.ok("master key", format!("one that seals, {} old that open", old.len()));
            Some((current, old))
        }
        Err(error) => {
            let remedy = "Give the key the secrets were sealed with; a new installation makes one with `openssl rand -base64 32`";
            report.fail("master key", error.to_string(), remedy);
            None
        }
    }
}

/// The plugins, as `serve` would load them.
fn examine_plugins(config: &Config, master: &MasterKey, report: &mut Report) -> Option<PluginHost> {
    let directory = &config.plugins.directory;
    if !directory.is_dir() {
        report.warn(
            "plugins",
            format!("{} is no directory", directory.display()),
            "Create it and put components into it, or correct plugins.directory",
        );
        return None;
    }
    let (host, rejected) = match open_plugins(config, master, Arc::new(NoMetrics)) {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = "Correct what is named; the directories must be readable, and the cache's writable";
            report.fail("plugins", error.to_string(), remedy);
            return None;
        }
    };
    for (path, PluginRejected { code, message }) in rejected {
        report.warn(
            format!("plugin {}", path.display()),
            format!("not loaded ({code}): {message}"),
            "Replace the file by one built against this release, or remove it; `tillgate plugin inspect` says more",
        );
    }
    let loaded: Vec<String> = host
        .list()
        .iter()
        .map(|plugin| format!("{} {}", plugin.name, plugin.version))
        .collect();
    if loaded.is_empty() {
        let detail = format!("none in {}", directory.display());
        report.warn(
            "plugins",
            detail,
            "Put components there, or `tillgate plugin install FILE`",
        );
    } else {
        report.ok("plugins", format!("loaded {}", loaded.join(", ")));
    }
    Some(host)
}

/// The database, where it can be worked with.
async fn examine_database(config: &Config, report: &mut Report) -> Option<Database> {
    let options = DatabaseOptions::new(&config.database.url);
    if let Some(file) = options.missing_file() {
        // Looking must not make it.
        let detail = format!("{} does not exist yet", file.display());
        report.fail("database", detail, "Run `tillgate migrate`, or correct database.url");
        return None;
    }
    let database = match Database::connect(&options).await {
        Ok(database) => database,
        Err(error) => {
            let remedy = "Start the database, or correct database.url";
            report.fail("database", error.to_string(), remedy);
            return None;
        }
    };
    let kind = if config.database.url.starts_with("sqlite:") {
        "SQLite"
    } else {
        "PostgreSQL"
    };
    if !examine_schema(config, &database, report).await {
        // Writing is tried on a table.
        report.ok(
            "database",
            format!("{kind}, reachable; whether it is writable shows once it is migrated"),
        );
        database.close().await;
        return None;
    }
    match database.ping().await {
        Ok(()) => report.ok("database", format!("{kind}, reachable and writable")),
        Err(error) => {
            let remedy = "Make it writable: check its rights and its disk, and that the server is no replica";
            report.fail("database", error.to_string(), remedy);
        }
    }
    Some(database)
}

/// Whether the schema is one this release can read.
async fn examine_schema(config: &Config, database: &Database, report: &mut Report) -> bool {
    match database.pending_migrations().await {
        Ok(pending) if pending.is_empty() => {
            report.ok("schema", "up to date");
            true
        }
        Ok(pending) => {
            let detail = format!("{} pending migration(s): {}", pending.len(), pending.join(", "));
            if config.database.migrate {
                let remedy = "`tillgate serve` applies them, as database.migrate says; or run `tillgate migrate` now";
                report.warn("schema", detail, remedy);
            } else {
                report.fail("schema", detail, "Run `tillgate migrate`");
            }
            false
        }
        Err(error @ OpenError::NewerSchema { .. }) => {
            let remedy = "Run the release that migrated it, or a newer one";
            report.fail("schema", error.to_string(), remedy);
            false
        }
        Err(error) => {
            let remedy = "Restore what the release that applied the migrations had, or use another database";
            report.fail("schema", error.to_string(), remedy);
            false
        }
    }
}

async fn examine_endpoints(
    config: &Config,
    host: Option<&PluginHost>,
    accounts: &[Account],
    offline: bool,
    report: &mut Report,
) -> Vec<clock::Reading> {
    if offline {
        report.skip("endpoints", OFFLINE);
        return Vec::new();
    }
    match host {
        Some(host) => endpoints::examine(config, host, accounts, report).await,
        None => Vec::new(),
    }
}

/// The time now, in milliseconds since 1970.
fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}
