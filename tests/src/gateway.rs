//! The real binary.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::Value;
use sqlx::{Connection as _, Executor as _};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::Exposition;

/// The operator's token in every test.
pub const ADMIN_TOKEN: &str = "an-operator-token-of-more-than-32-characters";

/// What a database of a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file in the test's directory.
    Sqlite,
    /// A database of its own on the server of `TILLGATE_TEST_POSTGRES_URL`.
    Postgres,
}

/// How a gateway is started.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// On which database.
    pub database: Database,
    /// Origins accounts may name in place of endpoints.
    pub origin_overrides: Vec<String>,
    /// More environment variables.
    pub environment: Vec<(String, String)>,
}

/// A gateway that runs, or ran and may run again on the same database.
pub struct Gateway {
    directory: tempfile::TempDir,
    database_url: String,
    options: GatewayOptions,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
    /// Where the API is.
    pub api: String,
    /// Where health is.
    pub operations: String,
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target")
}

fn binary() -> PathBuf {
    let path = std::env::var_os("TILLGATE_BIN").map_or_else(|| target().join("debug/tillgate"), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask test`, or `cargo build --bin tillgate`",
        path.display()
    );
    path
}

/// Where the plugins under test are.
pub fn plugins() -> PathBuf {
    let path = std::env::var_os("TILLGATE_PLUGINS_DIR").map_or_else(|| target().join("plugins"), PathBuf::from);
    let stripe = path.join("stripe.wasm");
    assert!(
        stripe.is_file(),
        "{} is missing: run `cargo xtask plugins`",
        stripe.display()
    );
    path
}

async fn database_url(database: Database, directory: &tempfile::TempDir) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    match database {
        Database::Sqlite => format!("sqlite://{}", directory.path().join("tillgate.db").display()),
        Database::Postgres => {
            let server = std::env::var("TILLGATE_TEST_POSTGRES_URL")
                .expect("TILLGATE_TEST_POSTGRES_URL is not set: run `cargo xtask test`");
            let name = format!("flow_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
            connection
                .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
                .await
                .unwrap();
            let (base, query) = server
                .split_once('?')
                .map_or((server.as_str(), ""), |(base, query)| (base, query));
            let base = base.rsplit_once('/').unwrap().0;
            if query.is_empty() {
                format!("{base}/{name}")
            } else {
                format!("{base}/{name}?{query}")
            }
        }
    }
}

/// Keeps what is logged, and shows it to whoever runs the tests.
async fn keep(mut said: BufReader<ChildStderr>, log: Arc<Mutex<String>>) {
    let mut line = Vec::new();
    while said.read_until(b'\n', &mut line).await.unwrap_or(0) > 0 {
        let text = String::from_utf8_lossy(&line).into_owned();
        eprint!("{text}");
        log.lock().unwrap().push_str(&text);
        line.clear();
    }
}

impl Gateway {
    /// Starts one on a fresh database.
    pub async fn start(options: GatewayOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database_url = database_url(options.database, &directory).await;
        let mut gateway = Self {
            directory,
            database_url,
            options,
            child: None,
            log: Arc::default(),
            logging: None,
            api: String::new(),
            operations: String::new(),
        };
        gateway.restart().await;
        gateway
    }

    /// Starts another host on the same database, which several can share.
    pub async fn another(&self) -> Self {
        let mut gateway = Self {
            directory: tempfile::tempdir().unwrap(),
            database_url: self.database_url.clone(),
            options: self.options.clone(),
            child: None,
            log: Arc::default(),
            logging: None,
            api: String::new(),
            operations: String::new(),
        };
        gateway.restart().await;
        gateway
    }

    /// The command, with all that it needs in its environment.
    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env(
                "TILLGATE_MASTER_KEY",
                base64::engine::general_purpose::STANDARD.encode([7_u8; 32]),
            )
            .env("TILLGATE_DATABASE__URL", &self.database_url)
            .env("TILLGATE_ADMIN__TOKEN", ADMIN_TOKEN)
            .env(
                "TILLGATE_EGRESS__ORIGIN_OVERRIDES",
                self.options.origin_overrides.join(","),
            )
            .env("TILLGATE_PLUGINS__DIRECTORY", plugins())
            .env(
                "TILLGATE_PLUGINS__CACHE_DIRECTORY",
                self.directory.path().join("plugin-cache"),
            )
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path());
        command
    }

    /// Starts it again on the same database.
    pub async fn restart(&mut self) {
        self.restart_on("0").await;
    }

    /// Starts it again on the same database and this port.
    pub async fn restart_on(&mut self, port: &str) {
        assert!(self.child.is_none(), "it still runs");
        let mut child = self
            .command()
            .args(["serve", "--migrate", "--operations-listen", "127.0.0.1:0", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        self.logging = Some(tokio::spawn(keep(said, Arc::clone(&self.log))));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the gateway says where it is before it ends");
        let words: Vec<&str> = line.split(' ').collect();
        let after = |word: &str| {
            words
                .iter()
                .position(|found| *found == word)
                .and_then(|at| words.get(at + 1))
                .unwrap()
                .to_string()
        };
        (self.api, self.operations) = (after("api"), after("operations"));
        self.child = Some(child);
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has; answers its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let pid = child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(told.success());
        let code = child.wait().await.unwrap().code();
        if let Some(logging) = self.logging.take() {
            logging.await.unwrap();
        }
        code
    }

    /// What it has logged so far; all of it once it was stopped.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What it says in numbers, read strictly.
    pub async fn metrics(&self) -> Exposition {
        Exposition::read(&self.metrics_text().await)
    }

    /// The same, as it is.
    pub async fn metrics_text(&self) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}/metrics", self.operations)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(media_type.starts_with("application/openmetrics-text"), "{media_type}");
        answer.text().await.unwrap()
    }

    /// How many events of a type it published, as its database has them.
    pub async fn published(&self, event_type: &str) -> usize {
        self.published_events(event_type).await.len()
    }

    /// The events of a type that it published, in their order, as its database has them.
    pub async fn published_events(&self, event_type: &str) -> Vec<Value> {
        let found = self.published_rows().await.into_iter();
        found
            .filter(|(name, _)| name == event_type)
            .map(|(_, payload)| serde_json::from_str(&payload).unwrap())
            .collect()
    }

    /// The types of all events that it published, in their order.
    pub async fn published_types(&self) -> Vec<String> {
        let found = self.published_rows().await.into_iter();
        found.map(|(name, _)| name).collect()
    }

    async fn published_rows(&self) -> Vec<(String, String)> {
        let sql = "SELECT event_type, payload FROM outbox ORDER BY id";
        match self.options.database {
            Database::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.database_url).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
            Database::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.database_url).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// The directory it works in.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Runs a command of the binary on the same configuration.
    pub async fn cli(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        output_of(self.command(), arguments, input).await
    }

    /// Starts a command of the binary on the same configuration, which may be ended before its end.
    pub fn start_cli(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, said }
    }

    /// The same, with more in its environment.
    pub async fn cli_with(
        &self,
        environment: &[(&str, &str)],
        arguments: &[&str],
        input: &str,
    ) -> (Option<i32>, String, String) {
        let mut command = self.command();
        command.envs(environment.iter().copied());
        output_of(command, arguments, input).await
    }
}

/// A command that runs.
pub struct Running {
    child: Child,
    said: tokio::io::Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Waits until it says something on standard error.
    pub async fn until_said(&mut self, what: &str) {
        while let Some(line) = self.said.next_line().await.unwrap() {
            eprintln!("{line}");
            if line.contains(what) {
                return;
            }
        }
        panic!("it ended without saying {what:?}");
    }

    /// Ends it as a power cut would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it as Ctrl-C does; answers its exit code, and what else it said.
    pub async fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        assert!(told.success());
        let mut rest = String::new();
        while let Some(line) = self.said.next_line().await.unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        (self.child.wait().await.unwrap().code(), rest)
    }
}

/// Runs a command of the binary with an environment of its own.
pub async fn run_cli(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(directory.path());
    output_of(command, arguments, "").await
}

async fn output_of(mut command: Command, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that doesn't read ends before all is written.
    let _written = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (read_out, read_err) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
    read_out.unwrap();
    read_err.unwrap();
    (child.wait().await.unwrap().code(), out, err)
}
