//! Tortures the gateway: builds what that needs, and runs it.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::postgres::{Postgres, Way};
use crate::workspace::Workspace;
use crate::{plugins, process};

/// Builds the gateway and what tortures it, and runs that.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    process::run(&mut workspace.cargo(&["build", "--package", "tillgate-torture"]))?;
    let mut command = Command::new(workspace.target().join("debug/tillgate-torture"));
    command.args(args);
    let asks_how = args.iter().any(|arg| arg == "--help" || arg == "-h");
    if asks_how {
        return process::run(&mut command);
    }
    plugins::build(workspace, false)?;
    process::run(&mut workspace.cargo(&["build", "--package", "tillgate", "--bin", "tillgate"]))?;
    // It kills servers of its own, and needs the programs alone.
    let wants_postgres = args.iter().any(|arg| arg.to_string_lossy().ends_with("postgres"));
    let postgres = if wants_postgres {
        Some(Postgres::provide(workspace, Way::Auto)?)
    } else {
        None
    };
    if let Some(postgres) = &postgres {
        postgres.tell(&mut command);
    }
    command
        .env("TILLGATE_PLUGINS_DIR", workspace.plugins_dir())
        .env("TILLGATE_BIN", workspace.binary("debug"));
    process::run(&mut command)
}
