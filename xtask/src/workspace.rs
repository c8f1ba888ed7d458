//! Where things are, and how cargo is called.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The directories of this workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the workspace this program belongs to.
    pub(crate) fn locate() -> Result<Self> {
        // Cargo sets the variable when it runs the program; the value baked in serves a direct call.
        let manifest_dir =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .context("xtask lies inside the workspace")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(dir)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The directory that has the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where the components of the plugins are written.
    pub(crate) fn plugins_dir(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// Where programs this one installs are kept; survives `cargo xtask`, not `cargo clean`.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The `tillgate` binary as cargo leaves it in a profile's directory.
    pub(crate) fn binary(&self, profile_dir: &str) -> PathBuf {
        self.target
            .join(profile_dir)
            .join(format!("tillgate{}", env::consts::EXE_SUFFIX))
    }

    /// A cargo command at the root of the workspace.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(args);
        // What cargo told this program about its own package would make build scripts that watch these variables
        // run again, here and on the next direct call of cargo.
        for (name, _) in env::vars_os() {
            if is_about_own_package(&name) {
                command.env_remove(name);
            }
        }
        if env::var_os("CARGO_TARGET_DIR").is_some() {
            command.env("CARGO_TARGET_DIR", &self.target);
        }
        command
    }
}

fn is_about_own_package(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || matches!(
            name,
            "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR"
        )
}
