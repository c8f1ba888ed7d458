//! The account a server runs under.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::binaries::Binaries;
use crate::process;

/// The account the server runs under when this process is root, as which it refuses to run.
#[derive(Debug)]
pub(crate) struct Account {
    /// Its id.
    pub(crate) user: u32,
    /// The id of its group.
    pub(crate) group: u32,
}

impl Account {
    /// The account, if it takes another than this process has.
    pub(crate) fn for_server() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read the accounts")?;
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::find(&accounts, name));
        found
            .map(Some)
            .context("PostgreSQL does not run as root, and there is no account postgres or nobody")
    }

    fn find(accounts: &str, name: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let this = fields.next()? == name;
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            this.then_some(Self { user, group })
        })
    }

    /// Makes a command run under it.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// The programs, copied if the account cannot get at them where they are.
pub(crate) fn runnable(binaries: &Binaries, account: Option<&Account>, dir: &Path) -> Result<Binaries> {
    let Some(account) = account else {
        return Ok(binaries.clone());
    };
    let mut probe = binaries.command("postgres");
    account.apply(&mut probe);
    let probe = probe
        .arg("--version")
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if probe.is_ok_and(|status| status.success()) {
        return Ok(binaries.clone());
    }
    let copy = dir.join("programs");
    process::run(Command::new("cp").arg("-R").arg("-p").arg(binaries.root()).arg(&copy))?;
    // The watchdog removes the copy, under that account.
    let owner = format!("{}:{}", account.user, account.group);
    process::run(Command::new("chown").args(["-R", &owner]).arg(&copy))?;
    binaries.moved(&copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\nbroken\npostgres:x:101:104:a,,:/:/bin/sh";
        let found = Account::find(accounts, "postgres").unwrap();
        assert_eq!((found.user, found.group), (101, 104));
        assert!(Account::find(accounts, "nobody").is_none());
    }
}
