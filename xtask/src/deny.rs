//! Checks the dependencies against `deny.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The release that gets installed: a later one may find things this one does not.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny's checks that need no database from the network.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let program = installed(workspace)?;
    process::run(
        Command::new(program)
            .current_dir(workspace.root())
            .args(["check", "bans", "licenses", "sources"]),
    )
}

fn installed(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.tools_dir();
    let own = root.join("bin/cargo-deny");
    if own.is_file() {
        return Ok(own);
    }
    if let Some(found) = process::find_on_path("cargo-deny") {
        return Ok(found);
    }
    eprintln!(
        "installing cargo-deny {VERSION} into {}; this takes some minutes",
        root.display()
    );
    let package = format!("cargo-deny@{VERSION}");
    process::run(workspace.cargo(&["install", "--locked", &package, "--root"]).arg(&root))?;
    Ok(own)
}
