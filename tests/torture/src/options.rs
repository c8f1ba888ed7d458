//! What a run is to be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file, of one host.
    Sqlite,
    /// A server of the run's own, of as many hosts as there are.
    Postgres,
}

impl Database {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl FromStr for Database {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Sqlite, Self::Postgres]
            .into_iter()
            .find(|database| database.name() == text)
            .ok_or_else(|| "sqlite or postgres".to_owned())
    }
}

/// What is done to what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A host is ended with SIGKILL, and started again.
    KillHost,
    /// A host is paused with SIGSTOP for a while, as on a machine whose disk or whose neighbours are too busy.
    PauseHost,
    /// PostgreSQL with all its processes is ended with SIGKILL, and started again on the same files.
    KillDatabase,
    /// The connections between a host and PostgreSQL are cut, and new ones refused for a while.
    CutDatabase,
    /// Nothing passes between a host and PostgreSQL for a while, and nobody is told.
    HoldDatabase,
    /// The provider can't be reached for questions.
    ProviderAway,
    /// The provider's answers are late: what they say was true when they were asked for.
    ProviderSlow,
    /// The provider answers 500.
    ProviderFails,
    /// The leases of stored webhooks run out, those too whose host is at work.
    Leases,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::KillHost,
        Self::PauseHost,
        Self::KillDatabase,
        Self::CutDatabase,
        Self::HoldDatabase,
        Self::ProviderAway,
        Self::ProviderSlow,
        Self::ProviderFails,
        Self::Leases,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillHost => "kill-host",
            Self::PauseHost => "pause-host",
            Self::KillDatabase => "kill-database",
            Self::CutDatabase => "cut-database",
            Self::HoldDatabase => "hold-database",
            Self::ProviderAway => "provider-away",
            Self::ProviderSlow => "provider-slow",
            Self::ProviderFails => "provider-fails",
            Self::Leases => "leases",
        }
    }

    /// Whether it is done to the provider: those go on beside the others.
    pub const fn is_the_providers(self) -> bool {
        matches!(self, Self::ProviderAway | Self::ProviderSlow | Self::ProviderFails)
    }

    /// Whether there is something between the hosts and the database that it can be done to.
    pub const fn needs_postgres(self) -> bool {
        matches!(self, Self::KillDatabase | Self::CutDatabase | Self::HoldDatabase)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Named cases that are left out where nothing is said, since the gateway is known not to do right by them yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Refunds and disputes may be told of before their payment.
    pub early_refunds: bool,
    /// Refunds may fail after they were counted.
    pub failed_refunds: bool,
    /// The product of a subscription's purchase is the first one, even where that was heard of late.
    pub first_products: bool,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Options {
    /// From which all lives and the plan of faults are made.
    pub seed: u64,
    /// For how long webhooks are delivered while faults happen. The rest, without faults, comes after.
    pub duration: Duration,
    /// How many lives.
    pub lives: usize,
    /// How many hosts.
    pub hosts: usize,
    /// On which database.
    pub database: Database,
    /// Which faults.
    pub faults: Vec<Fault>,
    /// Cases that are left out otherwise.
    pub known: Known,
    /// Whether what the hosts log is shown.
    pub show_logs: bool,
}

impl Options {
    /// Refuses what can't be.
    ///
    /// # Errors
    /// Says what.
    pub fn check(&self) -> Result<()> {
        if !(1..=3).contains(&self.hosts) {
            bail!("there are one to three hosts");
        }
        if self.database == Database::Sqlite && self.hosts > 1 {
            bail!("SQLite is for one host; use --database postgres");
        }
        if self.lives == 0 {
            bail!("there is at least one life");
        }
        Ok(())
    }

    /// The faults that can happen in such a run.
    pub fn possible_faults(&self, own_server: bool) -> Vec<Fault> {
        let postgres = self.database == Database::Postgres;
        let possible =
            |fault: &Fault| (postgres || !fault.needs_postgres()) && (own_server || *fault != Fault::KillDatabase);
        self.faults.iter().copied().filter(possible).collect()
    }

    /// How to do it again.
    pub fn command(&self) -> String {
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let mut command = format!(
            "cargo xtask torture --seed {} --for {} --lives {} --hosts {} --database {} --faults {}",
            self.seed,
            self.duration.as_secs(),
            self.lives,
            self.hosts,
            self.database.name(),
            if faults.is_empty() {
                "none".to_owned()
            } else {
                faults.join(",")
            },
        );
        let known = [
            (self.known.early_refunds, " --early-refunds"),
            (self.known.failed_refunds, " --failed-refunds"),
            (self.known.first_products, " --first-products"),
        ];
        for (_, option) in known.iter().filter(|(asked, _)| *asked) {
            command.push_str(option);
        }
        command
    }
}
