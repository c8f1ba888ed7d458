//! Starts a server in a directory of its own, and removes both.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::account::{self, Account};
use super::binaries::Binaries;
use super::handshake::{Answer, Endpoint};
use crate::process;

/// How often is looked whether a server is up.
pub(crate) const POLL: Duration = Duration::from_millis(20);

const START_DEADLINE: Duration = Duration::from_secs(60);

/// How often another port is tried when something took the free one first.
const PORT_ATTEMPTS: usize = 5;

const USER: &str = "tillgate";
const DATABASE: &str = "postgres";

/// Waits for the end of its input, which comes when this process closes it or is gone, however that came about. Then
/// stops the server and removes its directory.
const WATCHDOG_SCRIPT: &str = r#"trap '' HUP INT TERM
read -r _
"$1" stop -s -D "$2/data" -m fast -t 30 || "$1" stop -s -D "$2/data" -m immediate -t 10
rm -rf "$2"
"#;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    address: String,
    programs: PathBuf,
    // Dropped in this order: the one stops the server, the other waits for its end.
    _watchdog: Watchdog,
    _postmaster: Postmaster,
}

impl Server {
    /// Makes a database cluster and starts a server on it, on a free port of the loopback interface.
    pub(crate) fn start(binaries: &Binaries) -> Result<Self> {
        let account = Account::for_server()?;
        // Not the directory in TMPDIR: that one may be closed to the server's account, and its name may be longer
        // than the name of a socket can be.
        let dir = tempfile::Builder::new()
            .prefix("tillgate-postgres-")
            .tempdir_in("/tmp")?;
        let binaries = &account::runnable(binaries, account.as_ref(), dir.path())?;
        let password = password()?;
        let path = dir.path().to_path_buf();
        let site = Site {
            binaries,
            account: account.as_ref(),
            dir: &path,
        };
        site.prepare(&password)?;
        let watchdog = Watchdog::start(&site)?;
        // From here on the watchdog removes it.
        let _ = dir.keep();

        site.init()?;
        let (postmaster, port) = site.launch()?;
        Ok(Self {
            url: format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"),
            address: format!("127.0.0.1:{port}"),
            programs: binaries.dir().to_path_buf(),
            _watchdog: watchdog,
            _postmaster: postmaster,
        })
    }

    /// The address with all a client needs.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The directory of its programs, where its account can get at them.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// The address without the password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// What it takes to run programs on a cluster.
#[derive(Debug, Clone, Copy)]
struct Site<'a> {
    binaries: &'a Binaries,
    account: Option<&'a Account>,
    dir: &'a Path,
}

impl Site<'_> {
    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn password_file(&self) -> PathBuf {
        self.dir.join("password")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn prepare(&self, password: &str) -> Result<()> {
        let file = self.password_file();
        fs::write(&file, password)?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        if let Some(account) = self.account {
            for path in [&file, self.dir] {
                chown(path, Some(account.user), Some(account.group))?;
            }
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.binaries.command(program);
        self.detach(&mut command);
        command
    }

    /// Out of reach of the terminal's signals, and where the account may be.
    fn detach(&self, command: &mut Command) {
        command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(account) = self.account {
            account.apply(command);
        }
    }

    fn write_to_log(&self, command: &mut Command) -> io::Result<()> {
        let log = File::create(self.log())?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(())
    }

    fn init(&self) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb
            .arg("-D")
            .arg(self.data())
            .arg("--pwfile")
            .arg(self.password_file());
        // Only the making of the cluster goes without syncing; the server runs with its defaults, as in production.
        initdb.args([
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        self.write_to_log(&mut initdb)?;
        let status = process::spawn(&mut initdb)?.wait()?;
        process::check_interrupted()?;
        if !status.success() {
            bail!("initdb failed:\n{}", self.end_of_log());
        }
        Ok(())
    }

    fn launch(&self) -> Result<(Postmaster, u16)> {
        for _ in 0..PORT_ATTEMPTS {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut postgres = self.command("postgres");
            postgres.arg("-D").arg(self.data());
            for setting in [
                "listen_addresses=127.0.0.1".to_owned(),
                format!("port={port}"),
                format!("unix_socket_directories={}", self.dir.display()),
                "max_connections=200".to_owned(),
            ] {
                postgres.arg("-c").arg(setting);
            }
            self.write_to_log(&mut postgres)?;
            let mut postmaster = Postmaster(process::spawn(&mut postgres)?);
            if self.wait_until_ready(&mut postmaster, port)? {
                return Ok((postmaster, port));
            }
        }
        bail!("no port stayed free:\n{}", self.end_of_log())
    }

    /// Whether the server got its port.
    fn wait_until_ready(&self, postmaster: &mut Postmaster, port: u16) -> Result<bool> {
        let endpoint = Endpoint::local(port, USER, DATABASE);
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            process::check_interrupted()?;
            // First, so that another server that has the port is not taken for ours.
            if let Some(status) = postmaster.0.try_wait()? {
                let log = self.end_of_log();
                if log.contains("Address already in use") {
                    return Ok(false);
                }
                bail!("PostgreSQL did not start ({status}):\n{log}");
            }
            if self.data().join("postmaster.pid").exists() && matches!(endpoint.ask(), Ok(Answer::Ready)) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                bail!("PostgreSQL was not ready in time:\n{}", self.end_of_log());
            }
            thread::sleep(POLL);
        }
    }

    fn end_of_log(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Stops the server and removes its directory once this process lets go of it, or is gone.
#[derive(Debug)]
struct Watchdog(Child);

impl Watchdog {
    fn start(site: &Site<'_>) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        site.detach(&mut command);
        command
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        command
            .args(["-c", WATCHDOG_SCRIPT, "sh"])
            .arg(site.binaries.dir().join("pg_ctl"))
            .arg(site.dir);
        process::spawn(&mut command).map(Self)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Waiting closes the input.
        if let Err(error) = self.0.wait() {
            eprintln!("cannot wait until PostgreSQL has stopped: {error}");
        }
    }
}

#[derive(Debug)]
struct Postmaster(Child);

impl Drop for Postmaster {
    fn drop(&mut self) {
        // Ended by the watchdog already, unless the start failed: then there is nothing to finish in order.
        let _ = kill_process(Pid::from_child(&self.0), Signal::QUIT);
        let _ = self.0.wait();
    }
}

fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
