//! What happens when its time comes, in order.

use std::collections::BTreeMap;

use crate::stripe::clock::MAX_ADVANCE_SECONDS;
use crate::stripe::model::checkout::SessionStatus;
use crate::stripe::model::subscription::SubscriptionStatus;
use crate::stripe::state::{Origin, State};

/// Something that waits for its time. Whether it still applies is checked
/// when it fires, so nothing has to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    ExpireSession(String),
    AnnounceTrialEnd(String),
    EndPeriod(String),
    CancelAt(String),
    ExpireIncomplete(String),
    ResumeCollection(String),
    RetryInvoice(String),
    SettleSession(String),
    SettleRefund(String),
}

/// What is to come, by time and then by the order of being set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<(i64, u64), Due>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: i64, due: Due) {
        self.sequence += 1;
        self.waiting.insert((at, self.sequence), due);
    }

    fn pop_until(&mut self, until: i64) -> Option<(i64, Due)> {
        let (&(at, _), _) = self.waiting.first_key_value()?;
        if at > until {
            return None;
        }
        self.waiting.pop_first().map(|((at, _), due)| (at, due))
    }
}

impl State {
    /// Catches up with the clock: everything due happens at its own time.
    pub(crate) fn catch_up(&mut self) {
        let target = self.clock.now();
        let origin = std::mem::take(&mut self.origin);
        while let Some((at, due)) = self.timers.pop_until(target) {
            self.now = self.now.max(at);
            self.fire(at, &due);
        }
        self.origin = origin;
        self.now = self.now.max(target);
    }

    /// Moves the clock forward and catches up. `Err` says why it cannot.
    pub(crate) fn advance(&mut self, seconds: i64) -> Result<(), String> {
        if !(0..=MAX_ADVANCE_SECONDS).contains(&seconds) {
            return Err(format!(
                "the clock moves forward only, by at most {MAX_ADVANCE_SECONDS} seconds at once"
            ));
        }
        self.clock.advance(seconds);
        self.catch_up();
        Ok(())
    }

    fn fire(&mut self, at: i64, due: &Due) {
        // Nobody's request: events of the calendar have no origin.
        self.origin = Origin::default();
        match due {
            Due::ExpireSession(id) => {
                let is_open = self
                    .sessions
                    .get(id)
                    .is_some_and(|session| session.status == SessionStatus::Open);
                if is_open {
                    self.expire_session(id);
                }
            }
            Due::AnnounceTrialEnd(id) => {
                let trials = self
                    .subscriptions
                    .get(id)
                    .is_some_and(|subscription| subscription.status == SubscriptionStatus::Trialing);
                if trials {
                    self.emit("customer.subscription.trial_will_end", id);
                }
            }
            Due::EndPeriod(id) => self.end_period(id, at),
            Due::CancelAt(id) => {
                let holds = self
                    .subscriptions
                    .get(id)
                    .is_some_and(|subscription| subscription.cancel_at == Some(at) && !subscription.status.is_over());
                if holds {
                    self.cancel_subscription(id, "cancellation_requested");
                }
            }
            Due::ExpireIncomplete(id) => self.expire_incomplete(id),
            Due::ResumeCollection(id) => self.change_subscription(id, |subscription| {
                if subscription
                    .pause_collection
                    .as_ref()
                    .is_some_and(|p| p.resumes_at == Some(at))
                {
                    subscription.pause_collection = None;
                }
            }),
            Due::RetryInvoice(id) => self.retry_invoice(id, at),
            Due::SettleSession(id) => {
                self.settle_session(id, None);
            }
            Due::SettleRefund(id) => self.settle_refund(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_by_time_then_by_order() {
        let mut timers = Timers::default();
        timers.set(5, Due::EndPeriod("b".into()));
        timers.set(3, Due::EndPeriod("a".into()));
        timers.set(5, Due::EndPeriod("c".into()));
        timers.set(9, Due::EndPeriod("d".into()));
        let mut fired = Vec::new();
        while let Some((_, Due::EndPeriod(id))) = timers.pop_until(8) {
            fired.push(id);
        }
        assert_eq!(fired, ["a", "b", "c"]);
    }
}
