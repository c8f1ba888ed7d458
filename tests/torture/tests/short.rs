//! The short form: a few seconds of torture on each database. `cargo xtask torture` is the long one.

use std::time::Duration;

use tillgate_torture::{Database, Fault, Known, Options, run};

/// The same in every run of the tests: what they find shall not depend on the day.
const SEED: u64 = 20_261_028;

async fn short(database: Database, hosts: usize) {
    let options = Options {
        seed: SEED,
        duration: Duration::from_secs(10),
        lives: 30,
        hosts,
        database,
        faults: Fault::ALL.to_vec(),
        known: Known::default(),
        show_logs: false,
    };
    match run(options).await {
        Ok(report) => {
            println!("{report}");
            assert!(report.is_right(), "see above");
            assert!(report.faults() > 2, "so few faults prove nothing");
        }
        Err(error) => panic!("{error:#}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_host_on_sqlite() {
    short(Database::Sqlite, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_postgres() {
    short(Database::Postgres, 2).await;
}
