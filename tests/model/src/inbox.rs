//! The inbox: webhooks that come more than once, to two hosts that crash, are taken in once.
//!
//! Two webhooks change one aggregate. A host takes one in at once (effect, dedupe key and the published event are one
//! commit), or stores it raw, answers, and a worker with a lease does the rest. `docs/reliability.md` says what of the
//! gateway each step stands for.

use crate::Model;

/// How many webhooks there are.
pub const EVENTS: usize = 2;

/// How many hosts share the database. Each does one thing at a time: what can come between two tasks of one host can come
/// between two hosts, as they share nothing but the database.
pub const HOSTS: usize = 2;

/// What is taken out of the design, to see what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Nothing: the design as it is.
    Nothing,
    /// The answer isn't held back until the commit.
    CommitBeforeAnswer,
    /// The dedupe key is committed before the effect, by itself.
    KeyWithEffect,
    /// The dedupe key isn't unique: it is looked for, and then written.
    UniqueKey,
    /// The aggregate is written whatever its version is.
    AggregateVersion,
    /// A stored webhook is leased and finished whatever its version is.
    InboxVersion,
}

/// How much may go wrong, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Hosts that end as a power cut ends them, and start again.
    pub crashes: u8,
    /// Answers that the provider doesn't get.
    pub lost_answers: u8,
    /// Attempts of a worker that fail: the provider can't be asked.
    pub failures: u8,
    /// Leases that run out under a worker that is only slow.
    pub slow_workers: u8,
}

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct Inbox {
    /// What is taken out.
    pub without: Without,
    /// What may go wrong.
    pub budget: Budget,
}

/// How the provider sees one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Delivery {
    acknowledged: bool,
    /// Deliveries that there may be beyond those that no answer came to.
    more: u8,
}

/// A stored webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    event: usize,
    status: Status,
    leased: bool,
    version: u8,
    was_processed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Status {
    Pending,
    Processed,
    Dead,
}

/// An aggregate: how often each effect is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Aggregate {
    version: u8,
    effects: [u8; EVENTS],
}

/// What a host remembers of what it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Read {
    aggregate: Aggregate,
    /// Only looked at where the key isn't unique, or comes first.
    known: bool,
}

impl Read {
    /// After a conflict the aggregate is read again, and nothing else.
    fn again(self, state: &State) -> Self {
        Self {
            aggregate: state.aggregate,
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Receiver {
    Idle,
    Received(usize),
    Read(usize, Read),
    Answering(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Worker {
    Idle,
    /// It found this row, of this version.
    Due(usize, u8),
    Leased(usize, u8),
    Read(usize, u8, Read),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Host {
    receiver: Receiver,
    worker: Worker,
}

const FRESH: Host = Host {
    receiver: Receiver::Idle,
    worker: Worker::Idle,
};

/// A state of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    provider: [Delivery; EVENTS],
    hosts: [Host; HOSTS],
    rows: Vec<Row>,
    keys: [bool; EVENTS],
    aggregate: Aggregate,
    published: [u8; EVENTS],
    left: Budget,
}

type Steps = Vec<(String, State)>;

impl State {
    fn in_flight(&self, event: usize) -> bool {
        self.hosts.iter().any(|host| match host.receiver {
            Receiver::Idle => false,
            Receiver::Received(this) | Receiver::Read(this, _) | Receiver::Answering(this) => this == event,
        })
    }

    /// Whether a host has it in memory, and is at work on it.
    fn in_memory(&self, event: usize) -> bool {
        let working = |worker| match worker {
            Worker::Idle => false,
            Worker::Due(row, _) | Worker::Leased(row, _) | Worker::Read(row, ..) => self.rows[row].event == event,
        };
        self.in_flight(event) || self.hosts.iter().any(|host| working(host.worker))
    }

    /// The same state with less that makes no difference: rows that are done and that nobody holds are left out, versions
    /// that nobody compares are forgotten, and what is alike is put in one order. It spares nine states of ten.
    fn plain(mut self) -> Self {
        let held = |state: &Self, row: usize| {
            state.hosts.iter().any(|host| match host.worker {
                Worker::Idle => false,
                Worker::Due(this, _) | Worker::Leased(this, _) | Worker::Read(this, ..) => this == row,
            })
        };
        let mut kept = Vec::new();
        for row in 0..self.rows.len() {
            let held = held(&self, row);
            if !held {
                self.rows[row].version = 0;
            }
            if held || self.rows[row].status != Status::Processed {
                kept.push((self.rows[row], row));
            }
        }
        kept.sort_unstable();
        let new_place = |row: usize| kept.iter().position(|(_, old)| *old == row).unwrap_or_default();
        for host in &mut self.hosts {
            host.worker = match host.worker {
                Worker::Idle => Worker::Idle,
                Worker::Due(row, version) => Worker::Due(new_place(row), version),
                Worker::Leased(row, version) => Worker::Leased(new_place(row), version),
                Worker::Read(row, version, read) => Worker::Read(new_place(row), version, read),
            };
        }
        self.rows = kept.iter().map(|(row, _)| *row).collect();
        self.hosts.sort_unstable();
        self
    }

    fn held_by_a_worker(&self, row: usize) -> bool {
        self.hosts.iter().any(|host| match host.worker {
            Worker::Idle | Worker::Due(..) => false,
            Worker::Leased(this, _) | Worker::Read(this, ..) => this == row,
        })
    }
}

/// What became of an attempt to commit an effect.
enum Commit {
    Done,
    /// Its key is there.
    Known,
    /// The aggregate was changed by another.
    Conflict,
}

impl Inbox {
    fn read(state: &State, event: usize) -> Read {
        Read {
            aggregate: state.aggregate,
            known: state.keys[event],
        }
    }

    /// Effect, key and published event, as one.
    fn commit(&self, state: &mut State, event: usize, read: Read) -> Commit {
        let known = match self.without {
            Without::UniqueKey | Without::KeyWithEffect => read.known,
            _ => state.keys[event],
        };
        if known {
            return Commit::Known;
        }
        if self.without != Without::AggregateVersion && state.aggregate.version != read.aggregate.version {
            return Commit::Conflict;
        }
        state.aggregate = read.aggregate;
        state.aggregate.version += 1;
        state.aggregate.effects[event] += 1;
        state.published[event] += 1;
        state.keys[event] = true;
        Commit::Done
    }

    fn deliveries(&self, state: &State, steps: &mut Steps) {
        for event in 0..EVENTS {
            let delivery = state.provider[event];
            let first = !delivery.acknowledged && !state.in_flight(event);
            if !first && delivery.more == 0 {
                continue;
            }
            for host in 0..HOSTS {
                if state.hosts[host] != FRESH {
                    continue;
                }
                let mut after = state.clone();
                if !first {
                    after.provider[event].more -= 1;
                }
                after.hosts[host].receiver = Receiver::Received(event);
                if self.without == Without::CommitBeforeAnswer {
                    after.provider[event].acknowledged = true;
                }
                steps.push((format!("webhook {event} is delivered to host {host}"), after));
            }
        }
    }

    fn receiver(&self, state: &State, host: usize, steps: &mut Steps) {
        match state.hosts[host].receiver {
            Receiver::Idle => {}
            Receiver::Received(event) => {
                let mut after = state.clone();
                after.hosts[host].receiver = Receiver::Read(event, Self::read(state, event));
                if self.without == Without::KeyWithEffect {
                    after.keys[event] = true;
                }
                steps.push((format!("host {host} reads what webhook {event} changes"), after));
                let mut after = state.clone();
                after.rows.push(Row {
                    event,
                    status: Status::Pending,
                    leased: false,
                    version: 0,
                    was_processed: false,
                });
                after.hosts[host].receiver = Receiver::Answering(event);
                steps.push((format!("host {host} stores webhook {event} for later"), after));
            }
            Receiver::Read(event, read) => {
                let mut after = state.clone();
                let (next, what) = match self.commit(&mut after, event, read) {
                    Commit::Done => (Receiver::Answering(event), "commits the effect of"),
                    Commit::Known => (Receiver::Answering(event), "finds that it knows"),
                    Commit::Conflict => (
                        Receiver::Read(event, read.again(state)),
                        "reads anew what changed meanwhile for",
                    ),
                };
                after.hosts[host].receiver = next;
                steps.push((format!("host {host} {what} webhook {event}"), after));
            }
            Receiver::Answering(event) => {
                let mut after = state.clone();
                after.hosts[host].receiver = Receiver::Idle;
                if after.left.lost_answers > 0 {
                    let mut lost = after.clone();
                    lost.left.lost_answers -= 1;
                    steps.push((format!("the answer of host {host} to webhook {event} is lost"), lost));
                }
                after.provider[event].acknowledged = true;
                steps.push((format!("host {host} acknowledges webhook {event}"), after));
            }
        }
    }

    fn guarded(&self, row: &Row, version: u8) -> bool {
        self.without == Without::InboxVersion || row.version == version
    }

    fn worker(&self, state: &State, host: usize, steps: &mut Steps) {
        let mut after = state.clone();
        match state.hosts[host].worker {
            Worker::Idle => {
                if state.hosts[host] != FRESH {
                    return;
                }
                for (number, row) in state.rows.iter().enumerate() {
                    if row.status == Status::Pending && !row.leased {
                        let mut after = state.clone();
                        after.hosts[host].worker = Worker::Due(number, row.version);
                        steps.push((format!("the worker of host {host} finds row {number} due"), after));
                    }
                }
            }
            Worker::Due(number, version) => {
                let row = &mut after.rows[number];
                if self.guarded(row, version) {
                    row.version += 1;
                    row.leased = true;
                    row.status = Status::Pending;
                    after.hosts[host].worker = Worker::Leased(number, row.version);
                    steps.push((format!("the worker of host {host} leases row {number}"), after));
                } else {
                    after.hosts[host].worker = Worker::Idle;
                    steps.push((
                        format!("the worker of host {host} leaves row {number} to another"),
                        after,
                    ));
                }
            }
            Worker::Leased(number, version) => {
                let event = state.rows[number].event;
                after.hosts[host].worker = Worker::Read(number, version, Self::read(state, event));
                if self.without == Without::KeyWithEffect {
                    after.keys[event] = true;
                }
                steps.push((
                    format!("the worker of host {host} reads what row {number} changes"),
                    after,
                ));
                self.failure(state, host, number, version, steps);
            }
            Worker::Read(number, version, read) => {
                let what = self.finish(&mut after, host, number, version, read);
                steps.push((format!("the worker of host {host} {what} row {number}"), after));
            }
        }
    }

    fn failure(&self, state: &State, host: usize, number: usize, version: u8, steps: &mut Steps) {
        if state.left.failures == 0 {
            return;
        }
        // Whether it was one failure too many isn't counted: either can be.
        for (status, what) in [(Status::Pending, "fails with"), (Status::Dead, "gives up")] {
            let mut after = state.clone();
            after.left.failures -= 1;
            after.hosts[host].worker = Worker::Idle;
            let row = &mut after.rows[number];
            if self.guarded(row, version) {
                row.version += 1;
                row.leased = false;
                row.status = status;
            }
            steps.push((format!("the worker of host {host} {what} row {number}"), after));
        }
    }

    fn finish(&self, after: &mut State, host: usize, number: usize, version: u8, read: Read) -> &'static str {
        let row = after.rows[number];
        if !self.guarded(&row, version) {
            after.hosts[host].worker = Worker::Idle;
            return "finds that another took";
        }
        let what = match self.commit(after, row.event, read) {
            Commit::Conflict => {
                after.hosts[host].worker = Worker::Read(number, version, read.again(after));
                return "reads anew what changed meanwhile for";
            }
            Commit::Done => "commits the effect of",
            Commit::Known => "finds that it knows",
        };
        let row = &mut after.rows[number];
        row.version += 1;
        row.leased = false;
        row.status = Status::Processed;
        row.was_processed = true;
        after.hosts[host].worker = Worker::Idle;
        what
    }

    fn mishaps(state: &State, steps: &mut Steps) {
        if state.left.crashes > 0 {
            for host in (0..HOSTS).filter(|host| state.hosts[*host] != FRESH) {
                let mut after = state.clone();
                after.left.crashes -= 1;
                after.hosts[host] = FRESH;
                steps.push((format!("host {host} crashes"), after));
            }
        }
        for (number, row) in state.rows.iter().enumerate() {
            let held = state.held_by_a_worker(number);
            if !row.leased || (held && state.left.slow_workers == 0) {
                continue;
            }
            let mut after = state.clone();
            after.left.slow_workers -= u8::from(held);
            after.rows[number].leased = false;
            steps.push((format!("the lease of row {number} runs out"), after));
        }
    }
}

impl Model for Inbox {
    type State = State;

    fn initial(&self) -> State {
        State {
            provider: [Delivery {
                acknowledged: false,
                more: 1,
            }; EVENTS],
            hosts: [FRESH; HOSTS],
            rows: Vec::new(),
            keys: [false; EVENTS],
            aggregate: Aggregate {
                version: 0,
                effects: [0; EVENTS],
            },
            published: [0; EVENTS],
            left: self.budget,
        }
    }

    fn steps(&self, state: &State) -> Vec<(String, State)> {
        let mut steps = Vec::new();
        self.deliveries(state, &mut steps);
        for host in 0..HOSTS {
            self.receiver(state, host, &mut steps);
            self.worker(state, host, &mut steps);
        }
        Self::mishaps(state, &mut steps);
        steps.into_iter().map(|(name, after)| (name, after.plain())).collect()
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        for event in 0..EVENTS {
            if state.aggregate.effects[event] > 1 || state.published[event] > 1 {
                return Some("an effect is doubled");
            }
            if state.aggregate.effects[event] != state.published[event] {
                return Some("an effect that was published is gone");
            }
            let kept = state
                .rows
                .iter()
                .any(|row| row.event == event && row.status != Status::Processed);
            let taken_in = state.aggregate.effects[event] > 0;
            if state.provider[event].acknowledged && !taken_in && !kept && !state.in_memory(event) {
                return Some("an acknowledged webhook is lost");
            }
        }
        let undone = |row: &Row| row.was_processed && row.status != Status::Processed;
        state
            .rows
            .iter()
            .any(undone)
            .then_some("what was processed isn't any more")
    }

    fn finished(&self, state: &State) -> bool {
        let settled = state.rows.iter().all(|row| row.status != Status::Pending);
        let acknowledged = state.provider.iter().all(|delivery| delivery.acknowledged);
        settled && acknowledged && state.hosts == [FRESH; HOSTS]
    }
}
