//! `cargo xtask torture`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tillgate_torture::{Database, Fault, Known, Options, run};
use tokio::signal::unix::{SignalKind, signal};

/// Delivers the webhooks of many customers' lives to the real gateway while it is killed, paused and cut off, and compares
/// what it holds in the end with what must be there: nothing lost, nothing doubled, nothing wrong.
///
/// Exits with 0 if all is right, with 1 if anything is not; then it prints the stories of the lives that went wrong and the
/// command that makes the same lives again.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask torture", bin_name = "cargo xtask torture")]
struct Cli {
    /// From which all lives and the plan of faults are made; a new one where none is given
    #[arg(long)]
    seed: Option<u64>,
    /// For how long webhooks are delivered while faults happen; a minute or so for the rest comes on top
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 120)]
    duration: u64,
    /// How many lives; three a second where nothing is said
    #[arg(long)]
    lives: Option<usize>,
    /// How many hosts share the database: more than one takes PostgreSQL
    #[arg(long, default_value_t = 1)]
    hosts: usize,
    /// The database: sqlite or postgres
    #[arg(long, default_value = "sqlite")]
    database: Database,
    /// Which faults, separated by commas, or none: kill-host, pause-host (SIGSTOP), kill-database, cut-database,
    /// hold-database, provider-away, provider-slow, provider-fails, leases (they run out under whoever has them)
    #[arg(long, value_delimiter = ',', value_name = "FAULTS")]
    faults: Vec<String>,
    /// Let refunds and disputes come before their payment too
    #[arg(long)]
    early_refunds: bool,
    /// Let refunds fail after they were counted too
    #[arg(long)]
    failed_refunds: bool,
    /// Want the product that was bought first on a subscription's purchase, even where that was heard of late
    #[arg(long)]
    first_products: bool,
    /// Show what the hosts log
    #[arg(long)]
    logs: bool,
}

impl Cli {
    fn options(&self) -> Result<Options, String> {
        let faults = match self.faults.as_slice() {
            [] => Fault::ALL.to_vec(),
            [none] if none == "none" => Vec::new(),
            some => some.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        };
        Ok(Options {
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
            duration: Duration::from_secs(self.duration),
            lives: self
                .lives
                .unwrap_or_else(|| usize::try_from(self.duration * 3).unwrap_or(usize::MAX)),
            hosts: self.hosts,
            database: self.database,
            faults,
            known: Known {
                early_refunds: self.early_refunds,
                failed_refunds: self.failed_refunds,
                first_products: self.first_products,
            },
            show_logs: self.logs,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Cli::parse().options() {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return ExitCode::from(2);
        }
    };
    println!("{}", options.command());
    let ran = tokio::select! {
        ran = run(options) => ran,
        // What runs ends with what holds it.
        () = interrupted() => return ExitCode::from(130),
    };
    match ran {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(!report.is_right()))
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() {
    let told_to_end = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = told_to_end => {}
    }
}
