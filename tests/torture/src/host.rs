//! A host: the real binary, which is killed, paused and started again.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The operator's token.
pub(crate) const ADMIN_TOKEN: &str = "an-operator-token-of-more-than-32-characters";

/// How long a host may take to say where it is. It applies migrations and compiles plugins at its first start, and its
/// database may be away.
const START_TIMEOUT: Duration = Duration::from_secs(45);

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    directory: TempDir,
    database_url: String,
    provider: String,
    ports: (u16, u16),
    show_logs: bool,
    child: Mutex<Option<Child>>,
    up: AtomicBool,
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

fn needed(variable: &str, otherwise: &str, how: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| target().join(otherwise), PathBuf::from);
    if !path.exists() {
        bail!("{} is missing: run {how}", path.display());
    }
    Ok(path)
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Host {
    /// One on this database (in the host's own directory if none is named), whose provider is at this origin. It doesn't
    /// run yet.
    ///
    /// # Errors
    /// There are no ports, or no directory.
    pub(crate) fn new(database_url: Option<String>, provider: String, show_logs: bool) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = || format!("sqlite://{}", directory.path().join("tillgate.db").display());
        Ok(Self {
            database_url: database_url.unwrap_or_else(file),
            directory,
            provider,
            ports: (free_port()?, free_port()?),
            show_logs,
            child: Mutex::new(None),
            up: AtomicBool::new(false),
        })
    }

    /// Where its API is.
    pub(crate) fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// Where its health is.
    pub(crate) fn operations(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.1)
    }

    /// Its database's URL.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Whether it runs, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    fn command(&self) -> Result<Command> {
        let binary = needed("TILLGATE_BIN", "debug/tillgate", "`cargo build --bin tillgate`")?;
        let plugins = needed("TILLGATE_PLUGINS_DIR", "plugins", "`cargo xtask plugins`")?;
        let master_key = base64::engine::general_purpose::STANDARD.encode([7_u8; 32]);
        let mut command = Command::new(std::path::absolute(binary)?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TILLGATE_MASTER_KEY", master_key)
            .env("TILLGATE_DATABASE__URL", &self.database_url)
            .env("TILLGATE_ADMIN__TOKEN", ADMIN_TOKEN)
            .env("TILLGATE_EGRESS__ORIGIN_OVERRIDES", &self.provider)
            // Short, so that a provider that is away is found out within the run.
            .env("TILLGATE_EGRESS__TIMEOUT_SECONDS", "4")
            .env("TILLGATE_LOG__LEVEL", if self.show_logs { "info" } else { "error" })
            .env("TILLGATE_PLUGINS__DIRECTORY", std::path::absolute(plugins)?)
            .env(
                "TILLGATE_PLUGINS__CACHE_DIRECTORY",
                self.directory.path().join("plugins"),
            )
            .current_dir(self.directory.path())
            .args(["serve", "--migrate", "--listen"])
            .arg(format!("127.0.0.1:{}", self.ports.0))
            .arg("--operations-listen")
            .arg(format!("127.0.0.1:{}", self.ports.1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(if self.show_logs {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .kill_on_drop(true);
        Ok(command)
    }

    /// Starts it, on the ports it always has.
    ///
    /// # Errors
    /// It ended, or wasn't up in time: then it is ended.
    pub(crate) async fn start(&self) -> Result<()> {
        let mut held = self.child.lock().await;
        let mut child = self.command()?.spawn().context("the gateway can't be run")?;
        let said = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(said).lines();
        match timeout(START_TIMEOUT, lines.next_line()).await {
            Ok(Ok(Some(_))) => {}
            _ => {
                child.kill().await?;
                bail!("a host didn't start");
            }
        }
        // What else it says is nobody's business, but it must not wait to say it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        *held = Some(child);
        self.up.store(true, Ordering::Release);
        Ok(())
    }

    /// Starts it, again and again until it runs: its database may be away.
    ///
    /// # Errors
    /// It never does.
    pub(crate) async fn start_patiently(&self) -> Result<()> {
        let mut last = None;
        for _ in 0..20 {
            match self.start().await {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Err(last.context("it wasn't started")?)
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// It can't be killed.
    pub(crate) async fn kill(&self) -> Result<()> {
        let mut held = self.child.lock().await;
        self.up.store(false, Ordering::Release);
        if let Some(mut child) = held.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Stops it where it is, for a while.
    ///
    /// # Errors
    /// It doesn't run.
    pub(crate) async fn pause(&self, duration: Duration) -> Result<()> {
        let held = self.child.lock().await;
        let child = held.as_ref().context("it doesn't run")?;
        let id = i32::try_from(child.id().context("it has ended")?)?;
        let pid = Pid::from_raw(id).context("it has an id")?;
        kill_process(pid, Signal::STOP)?;
        tokio::time::sleep(duration).await;
        kill_process(pid, Signal::CONT)?;
        Ok(())
    }
}
