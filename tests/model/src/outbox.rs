//! The outbox: events that are committed with their effect reach the feed in one order, and every endpoint at least once.
//!
//! Ids are made before the commit, so that they come to be visible in another order than their own: a reader can't follow
//! them. Whoever fans events out numbers them, under a lock on one row that counts, and makes a delivery for the endpoint
//! in the same commit. A delivery is leased, sent and marked.

use crate::Model;

/// How many events there are.
pub const EVENTS: usize = 2;

/// How many hosts fan out and deliver.
pub const HOSTS: usize = 2;

/// What is taken out of the design, to see what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Nothing: the design as it is.
    Nothing,
    /// Positions: the reader's cursor is an id.
    Positions,
    /// The lock on the row that counts.
    Lock,
    /// A delivery is marked after it was sent: it is marked before.
    MarkAfterSending,
    /// The delivery is made in the commit that numbers the event: it is made in one of its own.
    DeliveryWithPosition,
}

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    /// What is taken out.
    pub without: Without,
    /// How many crashes there may be.
    pub crashes: u8,
    /// How many leases may run out under a worker that is only slow.
    pub slow_workers: u8,
}

/// An event. Its number is its id, made in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Event {
    committed: bool,
    position: Option<u8>,
    /// How often the endpoint was sent it, as far as two: more than once is all the same.
    sent: u8,
    read: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Delivery {
    event: usize,
    leased: bool,
    marked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum FanOut {
    Idle,
    /// It holds the lock, and read the count and which events are to be numbered.
    Reading(u8, [bool; EVENTS]),
    /// It numbered these, and has still to make their deliveries.
    Numbered([bool; EVENTS]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Sender {
    Idle,
    Leased(usize),
    Sent(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Host {
    fan_out: FanOut,
    sender: Sender,
}

const FRESH: Host = Host {
    fan_out: FanOut::Idle,
    sender: Sender::Idle,
};

/// A state of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    events: [Event; EVENTS],
    count: u8,
    deliveries: Vec<Delivery>,
    hosts: [Host; HOSTS],
    /// The reader has all up to here.
    cursor: u8,
    crashes: u8,
    slow_workers: u8,
}

type Steps = Vec<(String, State)>;

impl Outbox {
    fn place(&self, event: usize, of: &Event) -> Option<u8> {
        match self.without {
            Without::Positions => of.committed.then_some(u8::try_from(event + 1).unwrap_or(u8::MAX)),
            _ => of.position,
        }
    }

    fn deliver(state: &mut State, which: [bool; EVENTS]) {
        for (event, _) in which.iter().enumerate().filter(|(_, chosen)| **chosen) {
            state.deliveries.push(Delivery {
                event,
                leased: false,
                marked: false,
            });
        }
    }

    fn fan_out(&self, state: &State, host: usize, steps: &mut Steps) {
        let mut after = state.clone();
        match state.hosts[host].fan_out {
            FanOut::Idle => {
                let locked = state
                    .hosts
                    .iter()
                    .any(|host| matches!(host.fan_out, FanOut::Reading(..)));
                let unnumbered = state.events.map(|event| event.committed && event.position.is_none());
                if (locked && self.without != Without::Lock) || unnumbered == [false; EVENTS] {
                    return;
                }
                after.hosts[host].fan_out = FanOut::Reading(state.count, unnumbered);
                steps.push((
                    format!("host {host} takes the lock and reads what isn't numbered"),
                    after,
                ));
            }
            FanOut::Reading(count, unnumbered) => {
                after.count = count;
                for event in (0..EVENTS).filter(|event| unnumbered[*event]) {
                    after.count += 1;
                    after.events[event].position = Some(after.count);
                }
                let apart = self.without == Without::DeliveryWithPosition;
                if !apart {
                    Self::deliver(&mut after, unnumbered);
                }
                after.hosts[host].fan_out = if apart {
                    FanOut::Numbered(unnumbered)
                } else {
                    FanOut::Idle
                };
                steps.push((format!("host {host} commits the numbers"), after));
            }
            FanOut::Numbered(which) => {
                Self::deliver(&mut after, which);
                after.hosts[host].fan_out = FanOut::Idle;
                steps.push((format!("host {host} commits the deliveries"), after));
            }
        }
    }

    fn sender(&self, state: &State, host: usize, steps: &mut Steps) {
        let mut after = state.clone();
        match state.hosts[host].sender {
            Sender::Idle => {
                for (number, delivery) in state.deliveries.iter().enumerate() {
                    if delivery.leased || delivery.marked {
                        continue;
                    }
                    let mut after = state.clone();
                    after.deliveries[number].leased = true;
                    after.deliveries[number].marked = self.without == Without::MarkAfterSending;
                    after.hosts[host].sender = Sender::Leased(number);
                    steps.push((format!("host {host} leases delivery {number}"), after));
                }
            }
            Sender::Leased(number) => {
                let event = &mut after.events[state.deliveries[number].event];
                event.sent = (event.sent + 1).min(2);
                after.hosts[host].sender = Sender::Sent(number);
                steps.push((format!("host {host} sends delivery {number}"), after));
            }
            Sender::Sent(number) => {
                after.deliveries[number].marked = true;
                after.deliveries[number].leased = false;
                after.hosts[host].sender = Sender::Idle;
                steps.push((format!("host {host} marks delivery {number}"), after));
            }
        }
    }

    fn mishaps(state: &State, steps: &mut Steps) {
        if state.crashes > 0 {
            for host in (0..HOSTS).filter(|host| state.hosts[*host] != FRESH) {
                let mut after = state.clone();
                after.crashes -= 1;
                after.hosts[host] = FRESH;
                steps.push((format!("host {host} crashes"), after));
            }
        }
        for (number, delivery) in state.deliveries.iter().enumerate() {
            let held = state
                .hosts
                .iter()
                .any(|host| matches!(host.sender, Sender::Leased(this) | Sender::Sent(this) if this == number));
            if !delivery.leased || (held && state.slow_workers == 0) {
                continue;
            }
            let mut after = state.clone();
            after.slow_workers -= u8::from(held);
            after.deliveries[number].leased = false;
            steps.push((format!("the lease of delivery {number} runs out"), after));
        }
    }

    fn reader(&self, state: &State, steps: &mut Steps) {
        let mut after = state.clone();
        for (number, event) in state.events.iter().enumerate() {
            if let Some(place) = self.place(number, event).filter(|place| *place > state.cursor) {
                after.events[number].read = true;
                after.cursor = after.cursor.max(place);
            }
        }
        if after.cursor > state.cursor {
            steps.push((format!("the reader reads up to {}", after.cursor), after));
        }
    }
}

impl Model for Outbox {
    type State = State;

    fn initial(&self) -> State {
        State {
            events: [Event {
                committed: false,
                position: None,
                sent: 0,
                read: false,
            }; EVENTS],
            count: 0,
            deliveries: Vec::new(),
            hosts: [FRESH; HOSTS],
            cursor: 0,
            crashes: self.crashes,
            slow_workers: self.slow_workers,
        }
    }

    fn steps(&self, state: &State) -> Vec<(String, State)> {
        let mut steps = Vec::new();
        for event in (0..EVENTS).filter(|event| !state.events[*event].committed) {
            let mut after = state.clone();
            after.events[event].committed = true;
            steps.push((format!("the effect with event {event} is committed"), after));
        }
        for host in 0..HOSTS {
            self.fan_out(state, host, &mut steps);
            self.sender(state, host, &mut steps);
        }
        self.reader(state, &mut steps);
        Self::mishaps(state, &mut steps);
        for (_, after) in &mut steps {
            after.hosts.sort_unstable();
        }
        steps
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        for (number, event) in state.events.iter().enumerate() {
            let place = self.place(number, event);
            if place.is_some_and(|place| place <= state.cursor) && !event.read {
                return Some("the reader has skipped an event");
            }
            let same = |other: &Event| other.position.is_some() && other.position == event.position;
            if state.events[number + 1..].iter().any(same) {
                return Some("two events have one position");
            }
            let deliveries = state.deliveries.iter().filter(|delivery| delivery.event == number);
            if deliveries.count() > 1 {
                return Some("an event has two deliveries to one endpoint");
            }
        }
        let unsent = |(number, delivery): (usize, &Delivery)| {
            let sending = state.hosts.iter().any(|host| host.sender == Sender::Leased(number));
            delivery.marked && state.events[delivery.event].sent == 0 && !sending
        };
        let mut deliveries = state.deliveries.iter().enumerate();
        deliveries
            .any(unsent)
            .then_some("what was never sent is marked as sent")
    }

    fn finished(&self, state: &State) -> bool {
        let sent = state.events.iter().all(|event| event.read && event.sent > 0);
        sent && state
            .deliveries
            .iter()
            .all(|delivery| delivery.marked && !delivery.leased)
            && state.hosts == [FRESH; HOSTS]
    }
}
