//! Announces the steps of a command, and sums them up at its end.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    good: bool,
}

impl Steps {
    /// Performs steps, then prints how long each took, whether or not they all succeeded.
    pub(crate) fn summed_up(perform: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut steps = Self::default();
        let outcome = perform(&mut steps);
        steps.print();
        outcome
    }

    /// Announces and performs one step.
    pub(crate) fn run<T>(&mut self, name: &str, perform: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n==> {name}");
        let started = Instant::now();
        let outcome = perform();
        self.done.push(Step {
            name: name.to_owned(),
            took: started.elapsed(),
            good: outcome.is_ok(),
        });
        outcome
    }

    // To standard error, as the headings: standard output belongs to what the steps run, and ends with their results.
    fn print(&self) {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or_default();
        eprintln!("\n==> summary");
        for Step { name, took, good } in &self.done {
            let outcome = if *good { "ok" } else { "FAILED" };
            eprintln!("    {name:width$}  {:>8.1} s  {outcome}", took.as_secs_f64());
        }
    }
}
