//! A PostgreSQL server for tests: one that is given, or one brought up here and removed afterwards.

mod account;
mod binaries;
mod handshake;
mod packages;
mod server;

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use self::binaries::Binaries;
use self::handshake::{Answer, Endpoint};
use self::packages::Package;
use self::server::Server;
use crate::process;
use crate::workspace::Workspace;

/// The environment variable that has the server's address, both when one is given and for what runs against one.
const URL_VARIABLE: &str = "TILLGATE_TEST_POSTGRES_URL";

/// The environment variable that has the directory of its programs, for what starts and kills servers of its own.
const PROGRAMS_VARIABLE: &str = "TILLGATE_TEST_POSTGRES_PROGRAMS";

/// How long a given server may take to answer: it may be starting in a container beside this one.
const GIVEN_PATIENCE: Duration = Duration::from_secs(20);

/// Where a server comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// The first of the others that works, in their order
    #[default]
    Auto,
    /// The server at TILLGATE_TEST_POSTGRES_URL
    Url,
    /// Programs that are installed: in PG_BIN, found by pg_config, in /usr/lib/postgresql or on PATH
    Installed,
    /// The distribution's package, installed with apt-get as root or with sudo
    Apt,
    /// Programs from an npm package, kept in target/tools
    Npm,
    /// Programs from a Python package, kept in target/tools
    Pip,
}

/// A server that answers; one started here ends with this value.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    server: Option<Server>,
}

impl Postgres {
    /// Finds or brings up a server.
    pub(crate) fn provide(workspace: &Workspace, way: Way) -> Result<Self> {
        let given = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty());
        let binaries = match (way, given) {
            (Way::Auto | Way::Url, Some(url)) => return Self::given(url),
            (Way::Url, None) => bail!("{URL_VARIABLE} is not set"),
            (Way::Installed, _) => Binaries::installed()?.context("no PostgreSQL 15 or later is installed")?,
            (Way::Apt, _) => packages::from_apt()?,
            (Way::Npm, _) => Package::npm()?.binaries(workspace)?,
            (Way::Pip, _) => Package::pip()?.binaries(workspace)?,
            (Way::Auto, None) => match Binaries::installed()? {
                Some(binaries) => binaries,
                None => installed_now(workspace)?,
            },
        };
        let server = Server::start(&binaries)?;
        eprintln!(
            "PostgreSQL {} from {} at {}",
            binaries.version(),
            binaries.dir().display(),
            server.address()
        );
        Ok(Self {
            url: server.url().to_owned(),
            server: Some(server),
        })
    }

    /// Tells a command where the server is, and where its programs are if it was started here.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(URL_VARIABLE, &self.url);
        if let Some(server) = &self.server {
            command.env(PROGRAMS_VARIABLE, server.programs());
        }
    }

    fn given(url: String) -> Result<Self> {
        let endpoint = Endpoint::parse(&url).with_context(|| format!("{URL_VARIABLE} is not usable"))?;
        let deadline = Instant::now() + GIVEN_PATIENCE;
        loop {
            process::check_interrupted()?;
            let failure = match endpoint.ask() {
                Ok(Answer::Ready) => break,
                // A server that wants an encrypted connection says no to this plain question, and is up.
                Ok(Answer::Refused(message)) => {
                    eprintln!("the server at {} answers: {message}", endpoint.address());
                    break;
                }
                Ok(Answer::Starting) => "it is still starting".to_owned(),
                Err(error) => error.to_string(),
            };
            if Instant::now() >= deadline {
                bail!("no PostgreSQL at {} ({URL_VARIABLE}): {failure}", endpoint.address());
            }
            std::thread::sleep(server::POLL);
        }
        eprintln!("PostgreSQL given at {}", endpoint.address());
        Ok(Self { url, server: None })
    }
}

/// Installs a server from the first package source that has one.
fn installed_now(workspace: &Workspace) -> Result<Binaries> {
    let sources: [(&str, &dyn Fn() -> Result<Binaries>); 3] = [
        ("apt-get", &packages::from_apt),
        ("npm", &|| Package::npm()?.binaries(workspace)),
        ("pip", &|| Package::pip()?.binaries(workspace)),
    ];
    let mut failures = Vec::new();
    for (name, install) in sources {
        process::check_interrupted()?;
        match install() {
            Ok(binaries) => return Ok(binaries),
            Err(error) => {
                eprintln!("no PostgreSQL by {name}: {error:#}");
                failures.push(format!("  {name}: {error:#}"));
            }
        }
    }
    process::check_interrupted()?;
    bail!(
        "the tests need a PostgreSQL server, 15 or later, and none could be installed:\n{}\n\
         Install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17),\n\
         or point PG_BIN at the directory of its programs,\n\
         or set {URL_VARIABLE}=postgres://USER:PASSWORD@HOST:PORT/DATABASE to a superuser of a running one",
        failures.join("\n")
    )
}

/// Runs a command with a server at hand.
pub(crate) fn run(workspace: &Workspace, way: Way, command: &[OsString]) -> Result<()> {
    let (program, args) = command.split_first().context("no command")?;
    let postgres = Postgres::provide(workspace, way)?;
    let mut command = Command::new(program);
    postgres.tell(&mut command);
    process::run_interactively(command.args(args))
}
