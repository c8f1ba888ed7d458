//! The checks: lints, tests and benchmarks. Also the demo, which needs the same things built.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Result, bail};

use crate::postgres::{Postgres, Way};
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{deny, plugins, process};

/// What `test` is to do.
#[derive(Debug)]
pub(crate) struct Tests {
    /// Whether the lints run.
    pub(crate) lint: bool,
    /// Whether the tests run.
    pub(crate) run: bool,
    /// Whether cargo-nextest runs them where it is installed.
    pub(crate) nextest: bool,
    /// Where the PostgreSQL server comes from.
    pub(crate) postgres: Way,
    /// What the tests are given as arguments.
    pub(crate) filters: Vec<OsString>,
}

/// Runs the lints and the tests.
pub(crate) fn test(workspace: &Workspace, tests: &Tests) -> Result<()> {
    Steps::summed_up(|steps| test_steps(workspace, steps, tests))
}

/// Tests the domain and the use cases, on fakes: nothing has to be brought up for them.
pub(crate) fn billing(workspace: &Workspace, filters: &[OsString]) -> Result<()> {
    let crates = [
        "test",
        "-p",
        "tillgate-domain",
        "-p",
        "tillgate-application",
        "-p",
        "tillgate-fakes",
    ];
    Steps::summed_up(|steps| {
        steps.run("cargo test", || {
            process::run(workspace.cargo(&crates).arg("--").args(filters))
        })
    })
}

/// Tests what meets the outside: the store on both databases, the plugins in their sandbox, the binary as a whole.
pub(crate) fn integration(workspace: &Workspace, way: Way, filters: &[OsString]) -> Result<()> {
    let crates = [
        "test",
        "-p",
        "tillgate-storage",
        "-p",
        "tillgate-egress",
        "-p",
        "tillgate-plugin-host",
        "-p",
        "tillgate-tests",
        "-p",
        "tillgate-torture",
    ];
    Steps::summed_up(|steps| {
        steps.run("plugins", || plugins::build(workspace, false))?;
        steps.run("outside judges", judges)?;
        let postgres = steps.run("PostgreSQL", || Postgres::provide(workspace, way))?;
        steps.run("cargo build", || {
            process::run(&mut workspace.cargo(&["build", "-p", "tillgate", "--bin", "tillgate"]))
        })?;
        steps.run("cargo test", || {
            let mut command = workspace.cargo(&crates);
            set_environment(&mut command, workspace, &postgres, "debug");
            process::run(command.arg("--").args(filters))
        })
    })
}

/// Runs the lints.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    Steps::summed_up(|steps| {
        format(workspace, steps)?;
        clippy(workspace, steps)?;
        documentation(workspace, steps)
    })
}

/// Writes `docs/errors.md`: the test that compares it knows what belongs there.
pub(crate) fn write_errors(workspace: &Workspace) -> Result<()> {
    let arguments = [
        "test",
        "-p",
        "tillgate-http-api",
        "--test",
        "http_api",
        "the_document_of_errors",
    ];
    process::run(workspace.cargo(&arguments).env("TILLGATE_BLESS", "1"))
}

/// Runs everything continuous integration runs.
pub(crate) fn ci(workspace: &Workspace, postgres: Way) -> Result<()> {
    let tests = Tests {
        lint: true,
        run: true,
        nextest: false,
        postgres,
        filters: Vec::new(),
    };
    Steps::summed_up(|steps| {
        test_steps(workspace, steps, &tests)?;
        steps.run("cargo deny", || deny::check(workspace))
    })
}

fn test_steps(workspace: &Workspace, steps: &mut Steps, tests: &Tests) -> Result<()> {
    if tests.lint {
        format(workspace, steps)?;
    }
    if tests.run {
        steps.run("plugins", || plugins::build(workspace, false))?;
    }
    if tests.lint {
        clippy(workspace, steps)?;
        documentation(workspace, steps)?;
    }
    if !tests.run {
        return Ok(());
    }
    // Before the long build, which would be for nothing where these can't be had.
    steps.run("outside judges", judges)?;
    let postgres = steps.run("PostgreSQL", || Postgres::provide(workspace, tests.postgres))?;
    // The binary and the tests in one go, so that cargo settles the features of all of them once and `cargo test`
    // finds everything built.
    steps.run("cargo build", || {
        process::run(&mut workspace.cargo(&["build", "--workspace", "--bin", "tillgate", "--tests"]))
    })?;
    run_tests(workspace, steps, tests, &postgres)
}

/// The official SDKs that judge the gateway from outside need what runs them.
fn judges() -> Result<()> {
    let missing: Vec<&str> = ["node", "npm", "python3"]
        .into_iter()
        .filter(|program| process::find_on_path(program).is_none())
        .collect();
    if !missing.is_empty() {
        bail!(
            "not found on PATH: {}. Official SDKs and libraries, from npm and PyPI, judge the gateway; install Node.js with npm \
             and Python 3 with pip (Debian: apt-get install nodejs npm python3-pip)",
            missing.join(", ")
        );
    }
    let pip = process::output(Command::new("python3").args(["-m", "pip", "--version"]));
    if pip.is_err() {
        bail!("python3 has no pip, with which official libraries are installed (Debian: apt-get install python3-pip)");
    }
    Ok(())
}

fn format(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("cargo fmt", || {
        process::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))
    })
}

fn clippy(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("cargo clippy", || {
        process::run(&mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })
}

fn documentation(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("cargo doc", || {
        process::run(
            workspace
                .cargo(&["doc", "--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })
}

fn run_tests(workspace: &Workspace, steps: &mut Steps, tests: &Tests, postgres: &Postgres) -> Result<()> {
    let cargo = |args: &[&str]| {
        let mut command = workspace.cargo(args);
        set_environment(&mut command, workspace, postgres, "debug");
        if !tests.filters.is_empty() {
            command.arg("--").args(&tests.filters);
        }
        command
    };
    if tests.nextest && process::find_on_path("cargo-nextest").is_some() {
        steps.run("cargo nextest", || {
            process::run(&mut cargo(&["nextest", "run", "--workspace"]))
        })?;
        return steps.run("cargo test --doc", || {
            process::run(&mut cargo(&["test", "--workspace", "--doc"]))
        });
    }
    if tests.nextest {
        eprintln!("cargo-nextest is not installed: running cargo test");
    }
    steps.run("cargo test", || process::run(&mut cargo(&["test", "--workspace"])))
}

/// Tells tests and benchmarks where to find what they need.
fn set_environment(command: &mut Command, workspace: &Workspace, postgres: &Postgres, profile_dir: &str) {
    postgres.tell(command);
    command
        .env("TILLGATE_PLUGINS_DIR", workspace.plugins_dir())
        .env("TILLGATE_BIN", workspace.binary(profile_dir));
}

/// Runs the benchmarks.
pub(crate) fn bench(workspace: &Workspace, way: Way, args: &[OsString]) -> Result<()> {
    Steps::summed_up(|steps| {
        steps.run("plugins", || plugins::build(workspace, false))?;
        let postgres = steps.run("PostgreSQL", || Postgres::provide(workspace, way))?;
        steps.run("cargo build", || {
            process::run(&mut workspace.cargo(&["build", "--release", "--workspace", "--bin", "tillgate"]))
        })?;
        steps.run("cargo bench", || {
            let mut command = workspace.cargo(&["bench", "--workspace"]);
            set_environment(&mut command, workspace, &postgres, "release");
            process::run(command.args(args))
        })
    })
}

/// Builds what the demo needs and becomes it.
pub(crate) fn demo(workspace: &Workspace, release: bool, args: &[OsString]) -> Result<()> {
    plugins::build(workspace, false)?;
    let mut build = workspace.cargo(&["build", "--package", "tillgate", "--bin", "tillgate"]);
    if release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let binary = workspace.binary(if release { "release" } else { "debug" });
    // In place of this process, so that signals and the terminal are the demo's own.
    let error = Command::new(&binary)
        .args(["demo", "--plugins"])
        .arg(workspace.plugins_dir())
        .args(args)
        .exec();
    bail!("cannot run {}: {error}", binary.display())
}
