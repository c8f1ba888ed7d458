//! A PostgreSQL server of the run's own, which can be killed and started again on the same files; or a database on a server
//! that is given, which is left alive.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, sleep};

/// The directory of PostgreSQL's programs, which `cargo xtask` says.
pub const PROGRAMS_VARIABLE: &str = "TILLGATE_TEST_POSTGRES_PROGRAMS";

/// A server that is given.
const URL_VARIABLE: &str = "TILLGATE_TEST_POSTGRES_URL";

/// Waits for the end of its input, which comes when this process is gone, however that came about. Then it stops the server
/// and removes its directory.
const WATCHDOG_SCRIPT: &str = r#"trap '' HUP INT TERM
read -r _
"$1" stop -s -D "$2/data" -m immediate -t 10
rm -rf "$2"
"#;

const START_DEADLINE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(50);

/// The server, or what was given in its place.
#[derive(Debug)]
pub(crate) struct Postgres {
    own: Option<Own>,
    /// `user:password`, in a URL's form.
    credentials: String,
    database: String,
    address: SocketAddr,
}

#[derive(Debug)]
struct Own {
    programs: PathBuf,
    account: Option<(u32, u32)>,
    directory: PathBuf,
    process: Option<Child>,
    watchdog: Option<Child>,
}

impl Postgres {
    /// Starts one, or makes a database on the one that is given.
    ///
    /// # Errors
    /// There is neither.
    pub(crate) async fn provide() -> Result<Self> {
        match std::env::var_os(PROGRAMS_VARIABLE).filter(|programs| !programs.is_empty()) {
            Some(programs) => Self::start(PathBuf::from(programs)).await,
            None => Self::given().await,
        }
    }

    /// Whether it is the run's own, and may be killed.
    pub(crate) const fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database's URL, by way of this address.
    pub(crate) fn url_by(&self, address: SocketAddr) -> String {
        format!(
            "postgres://{}@{address}/{}?sslmode=disable",
            self.credentials, self.database
        )
    }

    async fn given() -> Result<Self> {
        let url = std::env::var(URL_VARIABLE).with_context(|| {
            format!("neither {PROGRAMS_VARIABLE} nor {URL_VARIABLE} is set: use `cargo xtask torture`")
        })?;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (credentials, place) = rest.rsplit_once('@').context("the server's URL names no user")?;
        let host = place.split(['/', '?']).next().unwrap_or_default();
        let address = tokio::net::lookup_host(host)
            .await?
            .next()
            .context("the server has no address")?;
        let database = format!("torture_{}_{:x}", std::process::id(), fastrand::u32(..));
        let mut connection = PgConnection::connect(&url).await?;
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}")))
            .await?;
        Ok(Self {
            own: None,
            credentials: credentials.to_owned(),
            database,
            address,
        })
    }

    async fn start(programs: PathBuf) -> Result<Self> {
        // Where the server's account can get at it, and where the name of a socket is short enough.
        let directory = tempfile::Builder::new()
            .prefix("tillgate-torture-")
            .tempdir_in("/tmp")?;
        let account = other_account()?;
        if let Some((user, group)) = account {
            chown(directory.path(), Some(user), Some(group))?;
        }
        let mut own = Own {
            programs,
            account,
            directory: directory.path().to_path_buf(),
            process: None,
            watchdog: None,
        };
        own.watch()?;
        // From here on the watchdog removes it.
        let _path = directory.keep();
        own.initialize()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut postgres = Self {
            own: None,
            credentials: "tillgate".to_owned(),
            database: "postgres".to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        own.launch(port)?;
        postgres.own = Some(own);
        postgres.until_ready().await?;
        Ok(postgres)
    }

    /// Ends it with all its processes, as a power cut would.
    ///
    /// # Errors
    /// It doesn't run, or isn't ours.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let own = self.own.as_mut().context("it isn't the run's own")?;
        let mut process = own.process.take().context("it doesn't run")?;
        kill_process_group(Pid::from_child(&process), Signal::KILL)?;
        process.wait()?;
        Ok(())
    }

    /// Starts it again on the same files, and waits until it answers.
    ///
    /// # Errors
    /// It doesn't start.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let port = self.address.port();
        self.own.as_mut().context("it isn't the run's own")?.launch(port)?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<()> {
        let url = self.url_by(self.address);
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let failure = match PgConnection::connect(&url).await {
                Ok(connection) => {
                    connection.close().await?;
                    return Ok(());
                }
                Err(error) => error,
            };
            if let Some(own) = &mut self.own
                && let Some(process) = &mut own.process
                && process.try_wait()?.is_some()
            {
                // What was killed a moment ago may hold its memory still.
                let port = self.address.port();
                own.launch(port)?;
            }
            if Instant::now() >= deadline {
                let log = self.own.as_ref().map(Own::end_of_log).unwrap_or_default();
                bail!("PostgreSQL doesn't answer: {failure}\n{log}");
            }
            sleep(POLL).await;
        }
    }
}

impl Own {
    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .current_dir("/")
            .process_group(0)
            .env_remove("LD_LIBRARY_PATH")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn watch(&mut self) -> Result<()> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WATCHDOG_SCRIPT, "sh"])
            .arg(self.programs.join("pg_ctl"))
            .arg(&self.directory)
            .current_dir("/")
            .process_group(0)
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        self.watchdog = Some(command.spawn().context("/bin/sh can't be run")?);
        Ok(())
    }

    fn initialize(&self) -> Result<()> {
        let made = self
            .command("initdb")
            .arg("-D")
            .arg(self.data())
            .args([
                "-U",
                "tillgate",
                "-A",
                "trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .output()
            .with_context(|| format!("initdb of {} can't be run", self.programs.display()))?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(())
    }

    fn launch(&mut self, port: u16) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", self.directory.display()),
            "max_connections=200".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        command.stdout(log.try_clone()?).stderr(log);
        self.process = Some(command.spawn().context("postgres can't be run")?);
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Nobody needs what it holds any more.
            let _killed = kill_process_group(Pid::from_child(&process), Signal::KILL);
            let _ended = process.wait();
        }
        if let Some(mut watchdog) = self.watchdog.take() {
            // Waiting closes its input.
            let _ended = watchdog.wait();
        }
    }
}

/// PostgreSQL refuses to run as root: then it is another account's.
fn other_account() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string(Path::new("/etc/passwd"))?;
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    found
        .map(Some)
        .context("PostgreSQL does not run as root, and there is no account postgres or nobody")
}
