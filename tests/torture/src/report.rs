//! What a run tells.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::compare::Mismatches;
use crate::delivery::Delivery;
use crate::lives::Life;
use crate::observed::Observed;
use crate::options::{Fault, Options};

/// How many lives' stories are told in full, where something is wrong: the first are enough to begin with.
const STORIES: usize = 3;

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    pub(crate) options: Options,
    pub(crate) took: Duration,
    pub(crate) asked: u64,
    pub(crate) things: usize,
    pub(crate) published: usize,
    pub(crate) inbox: Vec<(String, i64)>,
    pub(crate) log: Vec<(Duration, String)>,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) observed: Observed,
    pub(crate) mismatches: Mismatches,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn is_right(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// How many faults there were.
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// How many webhooks were acknowledged, each counted once.
    pub fn webhooks(&self) -> u64 {
        self.delivery.acknowledged()
    }

    fn story(&self, f: &mut fmt::Formatter<'_>, life: &Life) -> fmt::Result {
        let Life {
            number, shape, about, ..
        } = life;
        writeln!(
            f,
            "\nlife {number} of tenant {}, {shape:?}, orderly: {}: {about}",
            life.tenant, life.orderly
        )?;
        for (place, moment) in life.moments.iter().enumerate() {
            writeln!(f, "  {place:>3}. {}", moment.told())?;
        }
        writeln!(f, "  deliveries:")?;
        for attempt in self.delivery.attempts(life.number) {
            let at = attempt.at.as_millis();
            writeln!(
                f,
                "  {at:>7} ms: moment {} to host {}: {}",
                attempt.moment, attempt.host, attempt.outcome
            )?;
        }
        writeln!(f, "  published:")?;
        let ids: Vec<&String> = life.expected.things.keys().map(|(_, reference)| reference).collect();
        for event in self
            .observed
            .events
            .iter()
            .filter(|event| ids.contains(&&event.reference))
        {
            writeln!(f, "    {} of {} {}", event.name, event.reference, event.changes)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = &self.delivery;
        writeln!(f, "seed {}", self.options.seed)?;
        for (at, what) in &self.log {
            writeln!(f, "{:>7} ms  {what}", at.as_millis())?;
        }
        let attempts: u64 = delivery.outcomes().values().sum();
        writeln!(
            f,
            "\n{} lives, {} webhooks, {attempts} deliveries:",
            delivery.lives.len(),
            self.webhooks()
        )?;
        for (outcome, count) in delivery.outcomes() {
            writeln!(f, "  {count:>7}  {outcome}")?;
        }
        writeln!(f, "{} faults:", self.faults())?;
        for (fault, count) in &self.faults {
            writeln!(f, "  {count:>7}  {fault}")?;
        }
        writeln!(
            f,
            "the provider was asked {} times; the inbox has {:?}",
            self.asked, self.inbox
        )?;
        writeln!(
            f,
            "{} things and {} published events, in {:.1} s",
            self.things,
            self.published,
            self.took.as_secs_f64()
        )?;
        if self.is_right() {
            return writeln!(f, "nothing lost, nothing doubled, nothing wrong");
        }
        for (life, wrong) in self.mismatches.iter().take(STORIES) {
            if let Some(life) = life {
                self.story(f, &delivery.lives[*life])?;
            }
            for what in wrong {
                writeln!(f, "WRONG: {what}")?;
            }
        }
        let wrong: usize = self.mismatches.values().map(Vec::len).sum();
        writeln!(f, "\n{wrong} mismatches in {} lives", self.mismatches.len())?;
        writeln!(
            f,
            "the same lives and the same plan of faults again: {}",
            self.options.command()
        )
    }
}
