//! The commands that do one thing and end.

mod api_key;
mod doctor;
mod import;
mod plugin;
mod provider_account;
mod simulator;
mod tenant;
mod webhook;
mod webhook_replay;

pub(crate) use api_key::api_key;
pub(crate) use doctor::doctor;
pub(crate) use import::import;
pub(crate) use plugin::plugin;
pub(crate) use provider_account::provider_account;
pub(crate) use simulator::simulator;
pub(crate) use tenant::tenant;
pub(crate) use webhook::webhook;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tillgate_application::Application;
use tillgate_application::ports::PluginRejected;
use tillgate_domain::{IdError, TenantId};
use tillgate_storage::Database;

use crate::config::Config;
use crate::wiring::{Migrations, open_database, wire};
use crate::{Failure, output};

/// Applies pending migrations.
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    let before = open_database(config, Migrations::Refuse).await;
    let database = match before {
        Ok(database) => {
            println!("The database is up to date.");
            database
        }
        Err(crate::wiring::WiringError::PendingMigrations(pending)) => {
            let database = open_database(config, Migrations::Apply).await?;
            for name in &pending {
                println!("applied {name}");
            }
            database
        }
        Err(error) => return Err(error.into()),
    };
    database.close().await;
    Ok(())
}

/// What a command works with.
struct Command {
    app: Arc<Application>,
    database: Database,
    /// Components that weren't loaded, and why.
    rejected: Vec<(PathBuf, PluginRejected)>,
}

/// Puts the application together for one command.
async fn wired(config: &Config) -> Result<Command, Failure> {
    let log = crate::config::Log {
        level: "warn".to_owned(),
        ..config.log.clone()
    };
    output::log_to_stderr(&log, None)?;
    let wired = wire(config, Migrations::Refuse).await?;
    Ok(Command {
        app: wired.application(config.public_url(config.server.listen)),
        database: wired.database,
        rejected: wired.rejected,
    })
}

fn id<T: FromStr<Err = IdError>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: IdError| Failure::Said(error.to_string()))
}

fn tenant_id(text: &str) -> Result<TenantId, Failure> {
    id(text)
}

/// Splits `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), Failure> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| Failure::Said(format!("{text:?} is not of the form NAME=VALUE")))
}
