//! The commands that do one thing and end.

mod api_key;
mod plugin;
mod provider_account;
mod simulator;
mod tenant;

pub(crate) use api_key::api_key;
pub(crate) use plugin::plugin;
pub(crate) use provider_account::provider_account;
pub(crate) use simulator::simulator;
pub(crate) use tenant::tenant;

use std::str::FromStr;

use tillgate_domain::{IdError, TenantId};

use crate::config::Config;
use crate::wiring::{Migrations, Wired, open_database, wire};
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

/// Puts the application together for one command.
async fn wired(config: &Config) -> Result<Wired, Failure> {
    output::log_to_stderr(&crate::config::Log {
        level: "warn".to_owned(),
        ..config.log.clone()
    })?;
    let public_url = config.public_url(config.server.listen);
    Ok(wire(config, public_url, Migrations::Refuse).await?)
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
