//! Keeps a provider that fails or hangs from taking the gateway with it.
//!
//! Each account and each provider host has a limit of requests in flight and a circuit breaker. The host's is shared by
//! all accounts, for an outage is everybody's, and some providers count requests by the address they come from
//! (<https://developer.paddle.com/api-reference/about/rate-limiting>). What a guard refuses was not sent: it is answered
//! at once, and may be tried again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tillgate_application::ports::ExchangeOutcome;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::limits::{
    ACCOUNT_FAILURES_MAX, ACCOUNT_IN_FLIGHT_MAX, BREAKER_PAUSE, BREAKER_PAUSE_MAX, GUARDS_MAX, HOST_FAILURES_MAX,
    HOST_IN_FLIGHT_MAX, IN_FLIGHT_TIMEOUT,
};

/// Why a request isn't sent: a word, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// Opens after many failures in a row; then lets one request through from time to time, and closes when that succeeds.
#[derive(Debug)]
struct Breaker {
    failures: u32,
    failures_max: u32,
    /// Until when nothing is let through, and how long the pause was.
    open: Option<(Instant, Duration)>,
    /// Whether the one that finds out is under way.
    trying: bool,
}

impl Breaker {
    const fn new(failures_max: u32) -> Self {
        Self {
            failures: 0,
            failures_max,
            open: None,
            trying: false,
        }
    }

    /// Whether a request may pass, or in how long the next one may.
    fn pass(&mut self, now: Instant) -> Result<(), Duration> {
        let Some((until, _)) = self.open else { return Ok(()) };
        if now < until {
            return Err(until - now);
        }
        if self.trying {
            return Err(Duration::ZERO);
        }
        self.trying = true;
        Ok(())
    }

    /// Whether nothing is let through. Once its pause is over, whoever comes next finds out: nobody may come.
    fn is_open(&self, now: Instant) -> bool {
        self.trying || self.open.is_some_and(|(until, _)| now < until)
    }

    /// Whether it says no more than a new one: nothing failed lately.
    fn is_forgotten(&self, now: Instant) -> bool {
        match self.open {
            None => self.failures == 0,
            Some((until, _)) => !self.trying && now >= until + BREAKER_PAUSE_MAX,
        }
    }

    fn succeeded(&mut self) {
        *self = Self::new(self.failures_max);
    }

    fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let pause = match self.open {
            // The one that found out.
            Some((_, pause)) if self.trying => (pause * 2).min(BREAKER_PAUSE_MAX),
            // One that was under way when it opened tells nothing new.
            Some(_) => return,
            None if self.failures >= self.failures_max => BREAKER_PAUSE,
            None => return,
        };
        self.trying = false;
        self.open = Some((now + pause, pause));
    }

    /// The one that was to find out was given up.
    const fn gave_up(&mut self) {
        self.trying = false;
    }
}

struct Guard {
    in_flight: Arc<Semaphore>,
    in_flight_max: usize,
    breaker: Mutex<Breaker>,
}

impl Guard {
    fn new(in_flight_max: usize, failures_max: u32) -> Self {
        Self {
            in_flight: Arc::new(Semaphore::new(in_flight_max)),
            in_flight_max,
            breaker: Mutex::new(Breaker::new(failures_max)),
        }
    }

    fn breaker<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        act(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_idle(&self) -> bool {
        self.in_flight.available_permits() == self.in_flight_max
            && self.breaker(|breaker| breaker.is_forgotten(Instant::now()))
    }

    async fn room(&self, whose: &str) -> Result<OwnedSemaphorePermit, Refusal> {
        let waiting = tokio::time::timeout(IN_FLIGHT_TIMEOUT, Arc::clone(&self.in_flight).acquire_owned());
        match waiting.await {
            // The semaphore is never closed.
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal {
                kind: "overloaded",
                message: format!("{} requests are in flight to {whose} already", self.in_flight_max),
            }),
        }
    }
}

type Table = Mutex<HashMap<String, Arc<Guard>>>;

/// The guards of all accounts and hosts.
#[derive(Default)]
pub(crate) struct Guards {
    accounts: Table,
    hosts: Table,
}

/// How many circuits are open, and how many requests are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardCounts {
    /// Accounts whose circuit is open.
    pub accounts_open: usize,
    /// Provider hosts whose circuit is open.
    pub hosts_open: usize,
    /// Requests in flight to providers.
    pub in_flight: usize,
}

impl Guards {
    /// Lets a request of an account to a host pass, when there is room for it, or says why not.
    pub(crate) async fn enter(&self, account: &str, host: &str) -> Result<Passage, Refusal> {
        let account_guard = guard(&self.accounts, account, ACCOUNT_IN_FLIGHT_MAX, ACCOUNT_FAILURES_MAX);
        let host_guard = guard(&self.hosts, host, HOST_IN_FLIGHT_MAX, HOST_FAILURES_MAX);
        let account_room = account_guard.room("this account's provider").await?;
        let host_room = host_guard.room(host).await?;
        let now = Instant::now();
        let closed_for = |wait: Duration, whose: &str| Refusal {
            kind: "circuit_open",
            message: format!(
                "the last requests to {whose} failed; the next one is tried in {} s",
                wait.as_secs() + 1
            ),
        };
        account_guard
            .breaker(|breaker| breaker.pass(now))
            .map_err(|wait| closed_for(wait, "this account's provider"))?;
        if let Err(wait) = host_guard.breaker(|breaker| breaker.pass(now)) {
            account_guard.breaker(Breaker::gave_up);
            return Err(closed_for(wait, host));
        }
        Ok(Passage {
            guards: [account_guard, host_guard],
            _rooms: [account_room, host_room],
            told: false,
        })
    }

    pub(crate) fn counts(&self) -> GuardCounts {
        let all = |table: &Table| -> Vec<Arc<Guard>> {
            let table = table.lock().unwrap_or_else(PoisonError::into_inner);
            table.values().cloned().collect()
        };
        let now = Instant::now();
        let open = |guards: &[Arc<Guard>]| {
            let is_open = |guard: &&Arc<Guard>| guard.breaker(|breaker| breaker.is_open(now));
            guards.iter().filter(is_open).count()
        };
        let (accounts, hosts) = (all(&self.accounts), all(&self.hosts));
        GuardCounts {
            accounts_open: open(&accounts),
            hosts_open: open(&hosts),
            in_flight: hosts
                .iter()
                .map(|guard| guard.in_flight_max - guard.in_flight.available_permits())
                .sum(),
        }
    }
}

fn guard(table: &Table, key: &str, in_flight_max: usize, failures_max: u32) -> Arc<Guard> {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = table.get(key) {
        return Arc::clone(known);
    }
    if table.len() >= GUARDS_MAX {
        // One that is idle and well is the same as a new one.
        table.retain(|_, guard| !guard.is_idle());
    }
    let new = Arc::new(Guard::new(in_flight_max, failures_max));
    table.insert(key.to_owned(), Arc::clone(&new));
    new
}

/// One request that passed. What came of it has to be told.
pub(crate) struct Passage {
    guards: [Arc<Guard>; 2],
    _rooms: [OwnedSemaphorePermit; 2],
    told: bool,
}

impl Passage {
    /// What came of it. That the provider says no is no failure of the provider.
    pub(crate) fn ended(mut self, outcome: &ExchangeOutcome) {
        self.told = true;
        let failed = match outcome {
            ExchangeOutcome::Response { status, .. } => *status >= 500,
            ExchangeOutcome::Failed { .. } => true,
        };
        let now = Instant::now();
        for guard in &self.guards {
            guard.breaker(|breaker| {
                if failed {
                    breaker.failed(now);
                } else {
                    breaker.succeeded();
                }
            });
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.told {
            for guard in &self.guards {
                guard.breaker(Breaker::gave_up);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> ExchangeOutcome {
        ExchangeOutcome::Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_breaker_opens_after_failures_in_a_row_and_closes_when_one_succeeds() {
        let mut breaker = Breaker::new(3);
        let begun = Instant::now();
        for _ in 0..2 {
            breaker.failed(begun);
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed(begun);
            assert_eq!(breaker.pass(begun), Ok(()));
        }
        breaker.failed(begun);
        assert_eq!(breaker.pass(begun), Err(BREAKER_PAUSE));
        let later = begun + BREAKER_PAUSE;
        assert_eq!(breaker.pass(later), Ok(()), "one finds out");
        assert!(breaker.pass(later).is_err(), "and only one");
        breaker.failed(later);
        assert_eq!(breaker.pass(later), Err(BREAKER_PAUSE * 2), "the pause doubles");
        let last = later + BREAKER_PAUSE * 2;
        assert_eq!(breaker.pass(last), Ok(()));
        breaker.succeeded();
        assert_eq!((breaker.pass(last), breaker.pass(last)), (Ok(()), Ok(())));
    }

    #[test]
    fn the_pause_has_an_end() {
        let mut breaker = Breaker::new(1);
        let mut now = Instant::now();
        breaker.failed(now);
        for _ in 0..20 {
            now += BREAKER_PAUSE_MAX;
            assert_eq!(breaker.pass(now), Ok(()));
            breaker.failed(now);
        }
        assert_eq!(breaker.pass(now), Err(BREAKER_PAUSE_MAX));
    }

    #[test]
    fn who_was_to_find_out_and_gave_up_lets_another() {
        let mut breaker = Breaker::new(1);
        let now = Instant::now();
        breaker.failed(now);
        let later = now + BREAKER_PAUSE;
        assert_eq!(breaker.pass(later), Ok(()));
        breaker.gave_up();
        assert_eq!(breaker.pass(later), Ok(()));
    }

    #[tokio::test]
    async fn an_account_that_fails_closes_no_other_and_a_host_that_fails_closes_all() {
        let guards = Guards::default();
        for _ in 0..ACCOUNT_FAILURES_MAX {
            guards.enter("a", "h").await.ok().unwrap().ended(&response(503));
        }
        assert_eq!(guards.enter("a", "h").await.err().unwrap().kind, "circuit_open");
        let counts = guards.counts();
        assert_eq!((counts.accounts_open, counts.hosts_open, counts.in_flight), (1, 0, 0));
        for number in 0..HOST_FAILURES_MAX {
            let account = format!("b{number}");
            if let Ok(passage) = guards.enter(&account, "h").await {
                passage.ended(&response(500));
            }
        }
        assert!(guards.enter("c", "h").await.is_err(), "it is down for everybody");
        assert!(guards.enter("c", "another").await.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_of_the_provider_is_no_failure() {
        let guards = Guards::default();
        for _ in 0..100 {
            guards.enter("a", "h").await.ok().unwrap().ended(&response(429));
        }
        assert!(guards.enter("a", "h").await.is_ok());
    }

    #[tokio::test]
    async fn requests_in_flight_are_counted_and_let_go() {
        let guards = Guards::default();
        let mut passages = Vec::new();
        for _ in 0..ACCOUNT_IN_FLIGHT_MAX {
            passages.push(guards.enter("a", "h").await.ok().unwrap());
        }
        assert_eq!(guards.counts().in_flight, ACCOUNT_IN_FLIGHT_MAX);
        let (room, ()) = tokio::join!(biased; guards.enter("a", "h"), async {
            // Asked for by now, and not had.
            passages.pop();
        });
        assert!(room.is_ok());
        drop(room);
        assert!(guards.enter("b", "h").await.is_ok(), "others have theirs");
        drop(passages);
        assert_eq!(guards.counts().in_flight, 0);
    }
}
