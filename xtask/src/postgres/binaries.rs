//! Finds PostgreSQL's programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

const OLDEST: u32 = 15;
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// A directory with the programs of a server that is new enough.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    root: PathBuf,
    dir: PathBuf,
    version: String,
}

impl Binaries {
    /// The installed ones, if any. An unusable directory that was asked for is an error.
    pub(crate) fn installed() -> Result<Option<Self>> {
        if let Some(dir) = env::var_os("PG_BIN").filter(|dir| !dir.is_empty()) {
            let dir = PathBuf::from(dir);
            let found = Self::in_dir(&dir, None).with_context(|| format!("PG_BIN is {}", dir.display()))?;
            return Ok(Some(found));
        }
        let mut candidates = Vec::new();
        if process::find_on_path("pg_config").is_some()
            && let Ok(dir) = process::output(Command::new("pg_config").arg("--bindir"))
        {
            candidates.push(PathBuf::from(dir));
        }
        candidates.extend(distribution_dirs(Path::new("/usr/lib/postgresql")));
        candidates.extend(process::find_on_path("postgres").and_then(|path| Some(path.parent()?.to_path_buf())));
        Ok(candidates.iter().find_map(|dir| Self::in_dir(dir, None).ok()))
    }

    /// The programs in a directory. They and what they need lie under `root`, the directory above if not given.
    pub(crate) fn in_dir(dir: &Path, root: Option<&Path>) -> Result<Self> {
        for program in NEEDED {
            if !dir.join(program).is_file() {
                bail!("there is no {program} in {}", dir.display());
            }
        }
        let root = root.or_else(|| dir.parent()).unwrap_or(dir).to_path_buf();
        let mut binaries = Self {
            root,
            dir: dir.to_path_buf(),
            version: String::new(),
        };
        let text = process::output(binaries.command("postgres").arg("--version"))?;
        let (major, version) = version(&text).with_context(|| format!("cannot read the version in {text:?}"))?;
        if major < OLDEST {
            bail!(
                "{} has PostgreSQL {version}, and {OLDEST} is the oldest that will do",
                dir.display()
            );
        }
        binaries.version = version.to_owned();
        Ok(binaries)
    }

    /// The directory of the programs.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory that has all of the installation, unless it is the system's.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The version, such as `17.2`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The same programs with their root copied to another place.
    pub(crate) fn moved(&self, root: &Path) -> Result<Self> {
        let inner = self
            .dir
            .strip_prefix(&self.root)
            .context("the programs lie in their root")?;
        Ok(Self {
            root: root.to_path_buf(),
            dir: root.join(inner),
            version: self.version.clone(),
        })
    }

    /// A command that sees nothing of the environment that would change what it does.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.dir.join(program));
        for (name, _) in env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_"))
            {
                command.env_remove(name);
            }
        }
        // Cargo sets the search path for its own sake.
        command.env_remove("LD_LIBRARY_PATH").env("LC_ALL", "C");
        command
    }
}

/// Where Debian and its descendants have the programs, newest first.
fn distribution_dirs(base: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir(base)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .into_iter()
        .map(|version| base.join(version.to_string()).join("bin"))
        .collect()
}

/// The major and the whole version in what `postgres --version` prints.
fn version(text: &str) -> Option<(u32, &str)> {
    let version = text.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some((15, "15.18"))
        );
        assert_eq!(version("postgres (PostgreSQL) 18beta1"), Some((18, "18beta1")));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn newest_distribution_directory_comes_first() {
        let base = tempfile::tempdir().unwrap();
        for name in ["9", "15", "100", "notes"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        let found = distribution_dirs(base.path());
        assert_eq!(
            found,
            ["100", "15", "9"].map(|version| base.path().join(version).join("bin"))
        );
        assert_eq!(
            distribution_dirs(&base.path().join("missing")),
            [""; 0].map(PathBuf::from)
        );
    }

    #[test]
    fn directory_without_the_programs_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Binaries::in_dir(dir.path(), None).unwrap_err().to_string();
        assert!(error.starts_with("there is no postgres in"), "{error}");
    }
}
