//! Automation: build the plugins, run the demo, run every check.
//!
//! `cargo xtask --help` lists the commands. The exit code is 0 when what was asked for succeeded, 1 when it failed,
//! 2 for wrong usage and 130 when a signal ended it.

mod checks;
mod component;
mod deny;
mod plugins;
mod postgres;
mod process;
mod steps;
mod torture;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::postgres::Way;
use crate::process::Interrupted;
use crate::workspace::Workspace;

/// Builds the plugins, runs the demo, runs every check.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build every plugin as a component into target/plugins
    Plugins {
        /// Fail when a plugin is larger than the ceiling
        #[arg(long)]
        check_size: bool,
    },
    /// Run the lints and every test, against a PostgreSQL server of their own; or a suite of tests alone
    #[command(args_conflicts_with_subcommands = true)]
    Test {
        #[command(subcommand)]
        suite: Option<Suite>,
        #[command(flatten)]
        args: TestArgs,
    },
    /// Check formatting, clippy's lints and the documentation
    Lint,
    /// Write docs/errors.md anew, from the table of error codes
    Errors,
    /// Build the plugins and the binary, then run `tillgate demo`
    Demo {
        /// Build with optimizations
        #[arg(long)]
        release: bool,
        /// Passed on to `tillgate demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run the benchmarks, against a PostgreSQL server of their own
    Bench {
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Passed on to `cargo bench --workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run everything continuous integration runs: the tests, then the dependency rules
    Ci {
        #[command(flatten)]
        postgres: PostgresArgs,
    },
    /// Torture the gateway with webhooks and faults, and compare what it holds with what must be; see its own --help
    #[command(disable_help_flag = true)]
    Torture {
        /// Passed on: --seed N, --for SECONDS, --lives N, --hosts 1|2|3, --database sqlite|postgres, --faults a,b,c, …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Check the dependencies against deny.toml, installing cargo-deny if it is missing
    Deny,
    /// Work with a throw-away PostgreSQL server
    #[command(subcommand)]
    Postgres(PostgresTask),
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Test the domain and the use cases, on fakes
    Billing {
        /// Passed on to the tests: name filters
        #[arg(value_name = "FILTER")]
        filters: Vec<OsString>,
    },
    /// Test what meets the outside: storage, plugins, and the binary as a whole
    Integration {
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Passed on to the tests: name filters
        #[arg(value_name = "FILTER")]
        filters: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Run the tests only
    #[arg(long, conflicts_with = "only_lint")]
    no_lint: bool,
    /// Run the lints only
    #[arg(long)]
    only_lint: bool,
    /// Run the tests with cargo-nextest where it is installed
    #[arg(long)]
    nextest: bool,
    #[command(flatten)]
    postgres: PostgresArgs,
    /// Passed on to the tests: name filters and, after `--`, options
    #[arg(value_name = "FILTER")]
    filters: Vec<OsString>,
}

#[derive(Debug, Args)]
struct PostgresArgs {
    /// Where the PostgreSQL server comes from
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WAY",
        env = "TILLGATE_XTASK_POSTGRES"
    )]
    postgres: Way,
}

#[derive(Debug, Subcommand)]
enum PostgresTask {
    /// Bring a server up, run a command with TILLGATE_TEST_POSTGRES_URL set, tear the server down
    Run {
        #[command(flatten)]
        postgres: PostgresArgs,
        /// The command and its arguments
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "CMD"
        )]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match perform(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    process::forward_signals()?;
    let workspace = Workspace::locate()?;
    match task {
        Task::Plugins { check_size } => plugins::build(&workspace, check_size),
        Task::Test { suite: None, args } => checks::test(&workspace, &args.into()),
        Task::Test {
            suite: Some(Suite::Billing { filters }),
            ..
        } => checks::billing(&workspace, &filters),
        Task::Test {
            suite: Some(Suite::Integration { postgres, filters }),
            ..
        } => checks::integration(&workspace, postgres.postgres, &filters),
        Task::Lint => checks::lint(&workspace),
        Task::Errors => checks::write_errors(&workspace),
        Task::Demo { release, args } => checks::demo(&workspace, release, &args),
        Task::Bench { postgres, args } => checks::bench(&workspace, postgres.postgres, &args),
        Task::Ci { postgres } => checks::ci(&workspace, postgres.postgres),
        Task::Torture { args } => torture::run(&workspace, &args),
        Task::Deny => deny::check(&workspace),
        Task::Postgres(PostgresTask::Run { postgres, command }) => {
            postgres::run(&workspace, postgres.postgres, &command)
        }
    }
}

impl From<TestArgs> for checks::Tests {
    fn from(args: TestArgs) -> Self {
        Self {
            lint: !args.no_lint,
            run: !args.only_lint,
            nextest: args.nextest,
            postgres: args.postgres.postgres,
            filters: args.filters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn own_flags_come_before_the_arguments_passed_on() {
        let cli = Cli::parse_from(["xtask", "demo", "--release", "--port", "1", "--release"]);
        let Task::Demo { release, args } = cli.command else {
            panic!("not the demo")
        };
        assert!(release);
        assert_eq!(args, ["--port", "1", "--release"]);
    }

    #[test]
    fn a_suite_is_told_from_a_filter() {
        let suite = |arguments: &[&str]| {
            let all: Vec<&str> = ["xtask", "test"].iter().chain(arguments).copied().collect();
            let Task::Test { suite, args } = Cli::parse_from(all).command else {
                panic!("not the tests")
            };
            (suite.is_some(), args.filters.len())
        };
        assert_eq!(suite(&["billing", "seats"]), (true, 0));
        assert_eq!(suite(&["integration"]), (true, 0));
        assert_eq!(suite(&["seats"]), (false, 1));
        assert_eq!(suite(&["--no-lint", "seats"]), (false, 1));
        assert_eq!(suite(&[]), (false, 0));
    }

    #[test]
    fn what_torture_is_asked_for_is_passed_on_with_its_help() {
        let passed_on = |arguments: &[&str]| {
            let all: Vec<&str> = ["xtask", "torture"].iter().chain(arguments).copied().collect();
            let Task::Torture { args } = Cli::parse_from(all).command else {
                panic!("not torture")
            };
            args
        };
        assert_eq!(
            passed_on(&["--seed", "1", "--faults", "leases"]),
            ["--seed", "1", "--faults", "leases"]
        );
        assert_eq!(passed_on(&["--help"]), ["--help"]);
    }

    #[test]
    fn bench_keeps_the_separator_of_the_arguments_passed_on() {
        let cli = Cli::parse_from(["xtask", "bench", "--bench", "a", "--", "b"]);
        let Task::Bench { args, .. } = cli.command else {
            panic!("not the benchmarks")
        };
        assert_eq!(args, ["--bench", "a", "--", "b"]);
    }
}
