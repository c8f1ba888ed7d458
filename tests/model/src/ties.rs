//! Ties: changes of one second can't be ordered by their events, so the provider is asked, and its answer can be old by
//! the time it is there.
//!
//! The provider changes a subscription several times within one second, by its clock. Two hosts take in the events, in any
//! order. One that differs from what is stored makes its host ask; an answer outranks every event of its second.

use crate::Model;

/// How many changes there are within the second.
pub const CHANGES: u8 = 3;

/// How many hosts share the database.
pub const HOSTS: usize = 2;

/// When an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Only to what was stored when it was asked for: if that changed meanwhile, it is asked again.
    ToWhatIsStored,
    /// Whatever became known since it was asked for.
    Always,
}

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct Ties {
    /// When an answer counts.
    pub answers: Answers,
}

/// What is stored: which of the changes is the last one it knows, and how often it was written. Nothing at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stored {
    change: u8,
    version: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Host {
    Idle,
    /// It has this event.
    Received(u8),
    /// It asks about this event, and had read this version.
    Asking(u8, u8),
    /// The provider said this, about this event, and the host had read this version.
    Answered(u8, u8, u8),
}

/// A state of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The last change at the provider.
    at_provider: u8,
    /// Which events wait to be delivered.
    waiting: Vec<u8>,
    hosts: [Host; HOSTS],
    stored: Stored,
}

impl Ties {
    fn step(&self, state: &State, host: usize) -> Option<(String, State)> {
        let mut after = state.clone();
        let (next, what) = match state.hosts[host] {
            Host::Idle => return None,
            Host::Received(event) if state.stored.version == 0 => {
                after.stored = Stored {
                    change: event,
                    version: 1,
                };
                (Host::Idle, format!("stores change {event}, the first it hears of"))
            }
            Host::Received(event) if state.stored.change == event => (Host::Idle, format!("knows change {event}")),
            Host::Received(event) => {
                let next = Host::Asking(event, state.stored.version);
                (next, format!("can't order change {event}, and asks"))
            }
            Host::Asking(event, version) => {
                let next = Host::Answered(event, version, state.at_provider);
                (next, format!("is told change {}", state.at_provider))
            }
            Host::Answered(event, version, _)
                if self.answers == Answers::ToWhatIsStored && version != state.stored.version =>
            {
                (
                    Host::Received(event),
                    "finds that the answer is to something older".to_owned(),
                )
            }
            Host::Answered(_, _, answer) => {
                if state.stored.change != answer {
                    after.stored.change = answer;
                    after.stored.version += 1;
                }
                (Host::Idle, format!("takes in the answer, change {answer}"))
            }
        };
        after.hosts[host] = next;
        Some((format!("host {host} {what}"), after))
    }
}

impl Model for Ties {
    type State = State;

    fn initial(&self) -> State {
        State {
            at_provider: 0,
            waiting: Vec::new(),
            hosts: [Host::Idle; HOSTS],
            stored: Stored { change: 0, version: 0 },
        }
    }

    fn steps(&self, state: &State) -> Vec<(String, State)> {
        let mut steps = Vec::new();
        if state.at_provider < CHANGES {
            let mut after = state.clone();
            after.at_provider += 1;
            after.waiting.push(after.at_provider);
            steps.push((format!("change {} happens at the provider", after.at_provider), after));
        }
        for host in 0..HOSTS {
            steps.extend(self.step(state, host));
            if state.hosts[host] != Host::Idle {
                continue;
            }
            for place in 0..state.waiting.len() {
                let mut after = state.clone();
                let event = after.waiting.remove(place);
                after.hosts[host] = Host::Received(event);
                steps.push((
                    format!("the event of change {event} is delivered to host {host}"),
                    after,
                ));
            }
        }
        for (_, after) in &mut steps {
            after.hosts.sort_unstable();
        }
        steps
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        (self.finished(state) && state.stored.change != CHANGES).then_some("what is stored isn't the last change")
    }

    fn finished(&self, state: &State) -> bool {
        state.at_provider == CHANGES && state.waiting.is_empty() && state.hosts == [Host::Idle; HOSTS]
    }
}
