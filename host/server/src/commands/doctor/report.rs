//! What the doctor found, and how it is shown.

use serde::Serialize;

use crate::cli::ShowArgs;
use crate::{Failure, output};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Well.
    Ok,
    /// Not well, and works.
    Warn,
    /// Doesn't work.
    Fail,
    /// Not looked at.
    Skipped,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Check {
    check: String,
    status: Status,
    detail: String,
    /// What to do about it.
    remedy: Option<&'static str>,
}

/// All that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Report {
    checks: Vec<Check>,
}

impl Report {
    pub(crate) fn ok(&mut self, check: impl Into<String>, detail: impl Into<String>) {
        self.push(check.into(), Status::Ok, detail.into(), None);
    }

    pub(crate) fn warn(&mut self, check: impl Into<String>, detail: impl Into<String>, remedy: &'static str) {
        self.push(check.into(), Status::Warn, detail.into(), Some(remedy));
    }

    pub(crate) fn fail(&mut self, check: impl Into<String>, detail: impl Into<String>, remedy: &'static str) {
        self.push(check.into(), Status::Fail, detail.into(), Some(remedy));
    }

    pub(crate) fn skip(&mut self, check: impl Into<String>, why: impl Into<String>) {
        self.push(check.into(), Status::Skipped, why.into(), None);
    }

    fn push(&mut self, check: String, status: Status, detail: String, remedy: Option<&'static str>) {
        self.checks.push(Check {
            check,
            status,
            detail,
            remedy,
        });
    }

    /// How many things don't work.
    pub(crate) fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.status == Status::Fail).count()
    }

    /// Shows all of it: a table, and under it what to do; or JSON.
    pub(crate) fn print(&self, show: ShowArgs) -> Result<(), Failure> {
        if show.json {
            return output::print_json(&serde_json::json!({"ok": self.failed() == 0, "checks": self.checks}));
        }
        let rows: Vec<Vec<String>> = self
            .checks
            .iter()
            .map(|check| {
                let status = check.status.as_str().to_owned();
                vec![status, check.check.clone(), check.detail.clone()]
            })
            .collect();
        output::print_table(&["STATUS", "CHECK", "FOUND"], &rows, "Nothing was looked at.");
        let todo = self.checks.iter().filter_map(|check| Some((check, check.remedy?)));
        for (index, (check, remedy)) in todo.enumerate() {
            if index == 0 {
                println!("\nWhat to do:");
            }
            println!("  {} {}: {remedy}.", check.status.as_str(), check.check);
        }
        Ok(())
    }
}
