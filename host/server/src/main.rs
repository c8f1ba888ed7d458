//! `tillgate`: the gateway's binary.

mod cli;
mod clock;
mod commands;
mod config;
mod demo;
mod event_sender;
mod lifecycle;
mod output;
mod serve;
mod telemetry;
mod wiring;
mod workers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, ConfigArgs};
use crate::config::{Config, ConfigError};
use crate::wiring::{Migrations, WiringError};

/// How a command ends that was used wrongly, as clap ends it.
const WRONG_USAGE: u8 = 2;

/// Why a command failed. Its text is all that a person sees, so that it says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The gateway can't be put together.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// A port is taken, or may not be used.
    #[error("cannot listen on {address} ({key}): {error}")]
    Bind {
        /// The configuration key.
        key: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A use case said no.
    #[error(transparent)]
    Application(#[from] tillgate_application::ApplicationError),
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A part of the process ended that shouldn't have.
    #[error("a server stopped: {0}")]
    Stopped(String),
    /// What was asked for can't be done.
    #[error("{0}")]
    Said(String),
    /// What was asked for is no command.
    #[error("{0}")]
    Usage(String),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli.command));
    // What blocks a thread, such as a resolver that hangs, keeps nobody waiting.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            match failure {
                Failure::Usage(_) => ExitCode::from(WRONG_USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve {
            config,
            listen,
            operations_listen,
            migrate,
        } => {
            let mut loaded = load(&config)?;
            loaded.server.listen = listen.unwrap_or(loaded.server.listen);
            loaded.server.operations_listen = operations_listen.unwrap_or(loaded.server.operations_listen);
            let migrations = if migrate || loaded.database.migrate {
                Migrations::Apply
            } else {
                Migrations::Refuse
            };
            let traces = telemetry::traces(&loaded.telemetry)?;
            output::log_to_stderr(&loaded.log, traces.as_ref())?;
            let ending = lifecycle::end_on_signal()?;
            let gateway = serve::Gateway::prepare(loaded, migrations).await?;
            println!(
                "tillgate is ready: api http://{} operations http://{}",
                gateway.api_address()?,
                gateway.operations_address()?
            );
            let served = gateway.serve(ending).await;
            if let Some(traces) = traces {
                traces.end().await;
            }
            served
        }
        Command::Demo { plugins, once, listen } => demo::run(plugins, once, listen).await,
        Command::Migrate { config } => commands::migrate(&load(&config)?).await,
        Command::Doctor { config, show, offline } => commands::doctor(&config, show, offline).await,
        Command::Import(args) => commands::import(args).await,
        Command::Tenant(command) => commands::tenant(command).await,
        Command::ApiKey(command) => commands::api_key(command).await,
        Command::ProviderAccount(command) => commands::provider_account(command).await,
        Command::Plugin(command) => commands::plugin(command).await,
        Command::Webhook(command) => commands::webhook(command).await,
        Command::Simulator(command) => commands::simulator(command).await,
    }
}

/// Reads the configuration, with what the command line overrides.
pub(crate) fn load(args: &ConfigArgs) -> Result<Config, Failure> {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut config = Config::load(args.config.as_deref(), &environment)?;
    if let Some(url) = &args.database {
        config.database.url.clone_from(url);
    }
    if let Some(directory) = &args.plugins {
        config.plugins.directory.clone_from(directory);
    }
    config.check()?;
    Ok(config)
}
