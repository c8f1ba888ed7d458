//! Goes through every state of a model, breadth first, so that what it finds is the shortest way there.
//!
//! It is our own, of a hundred lines, since what matters most is a liveness property on graphs with cycles (a lease runs
//! out, a provider delivers again, and so on), and the checkers at hand answer "eventually" on paths without cycles alone.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

/// A model.
pub trait Model {
    /// All there is at one moment: what is durable, what is in memory, what is on its way.
    type State: Eq + Hash + fmt::Debug;

    /// How it begins.
    fn initial(&self) -> Self::State;

    /// Everything that can happen next, each with its name.
    fn steps(&self, state: &Self::State) -> Vec<(String, Self::State)>;

    /// The property that this state breaks, if it breaks one.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;

    /// Whether all is done that was to be done.
    fn finished(&self, state: &Self::State) -> bool;
}

/// What going through all of a model found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How many different states there are.
    pub states: usize,
    /// How many steps between them.
    pub steps: usize,
}

/// A way to a state that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// What is broken there.
    pub property: String,
    /// The steps that lead there, first to last.
    pub path: Vec<String>,
    /// How things are there.
    pub state: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, by these steps:", self.property)?;
        for (number, step) in self.path.iter().enumerate() {
            writeln!(f, "{:>3}. {step}", number + 1)?;
        }
        write!(f, "which leads to {}", self.state)
    }
}

/// Goes through every state. Beside the model's own properties it must hold that from every state a finished one can be
/// reached: with finitely many crashes and a scheduler that forgets nobody, all is finished eventually.
///
/// # Errors
/// The shortest way to a state that breaks a property.
pub fn check<M: Model>(model: &M) -> Result<Checked, Box<Counterexample>> {
    let mut found = Found::beginning(model.initial());
    let mut next = 0;
    while next < found.states.len() {
        let state = Rc::clone(&found.states[next]);
        if let Some(property) = model.broken(&state) {
            return Err(found.way_to(model, next, property));
        }
        for (_, after) in model.steps(&state) {
            found.reach(next, after);
        }
        next += 1;
    }
    if let Some(stuck) = found.stuck(model) {
        return Err(found.way_to(model, stuck, "nothing that can happen from here finishes it"));
    }
    Ok(Checked {
        states: found.states.len(),
        steps: found.steps.len(),
    })
}

struct Found<S> {
    states: Vec<Rc<S>>,
    numbers: HashMap<Rc<S>, u32>,
    /// From which state each was reached first.
    reached_from: Vec<u32>,
    /// From which state to which.
    steps: Vec<(u32, u32)>,
}

/// As large as these graphs get, and half the memory.
fn short(number: usize) -> u32 {
    u32::try_from(number).expect("a model of less than four thousand million states")
}

impl<S: Eq + Hash + fmt::Debug> Found<S> {
    fn beginning(state: S) -> Self {
        let state = Rc::new(state);
        Self {
            numbers: HashMap::from([(Rc::clone(&state), 0)]),
            states: vec![state],
            reached_from: vec![0],
            steps: Vec::new(),
        }
    }

    fn reach(&mut self, from: usize, state: S) {
        let number = match self.numbers.get(&state) {
            Some(known) => *known,
            None => {
                let (number, state) = (short(self.states.len()), Rc::new(state));
                self.numbers.insert(Rc::clone(&state), number);
                self.states.push(state);
                self.reached_from.push(short(from));
                number
            }
        };
        self.steps.push((short(from), number));
    }

    /// A state from which no finished one can be reached: found backwards from those that are finished.
    fn stuck<M: Model<State = S>>(&mut self, model: &M) -> Option<usize> {
        self.steps.sort_unstable_by_key(|(_, to)| *to);
        let mut finishes: Vec<bool> = self.states.iter().map(|state| model.finished(state)).collect();
        let mut waiting: Vec<u32> = (0..short(finishes.len())).filter(|n| finishes[*n as usize]).collect();
        while let Some(number) = waiting.pop() {
            let begin = self.steps.partition_point(|(_, to)| *to < number);
            for (before, _) in self.steps[begin..].iter().take_while(|(_, to)| *to == number) {
                if !std::mem::replace(&mut finishes[*before as usize], true) {
                    waiting.push(*before);
                }
            }
        }
        finishes.iter().position(|finishes| !finishes)
    }

    /// The names of the steps aren't kept: the few that are told are found again.
    fn way_to<M: Model<State = S>>(&self, model: &M, number: usize, property: &str) -> Box<Counterexample> {
        let mut path = Vec::new();
        let mut at = number;
        while at != 0 {
            let from = self.reached_from[at] as usize;
            let steps = model.steps(&self.states[from]);
            let step = steps.into_iter().find(|(_, after)| *after == *self.states[at]);
            path.extend(step.map(|(name, _)| name));
            at = from;
        }
        path.reverse();
        Box::new(Counterexample {
            property: property.to_owned(),
            path,
            state: format!("{:?}", self.states[number]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up to a bound, and may leap.
    struct Counter {
        forbidden: Option<u8>,
        trap: bool,
    }

    impl Model for Counter {
        type State = u8;

        fn initial(&self) -> u8 {
            0
        }

        fn steps(&self, state: &u8) -> Vec<(String, u8)> {
            let mut steps = Vec::new();
            if *state < 5 {
                steps.push(("one more".to_owned(), state + 1));
                steps.push(("back to the start".to_owned(), 0));
            }
            if self.trap && *state == 2 {
                steps.push(("into the trap".to_owned(), 100));
            }
            steps
        }

        fn broken(&self, state: &u8) -> Option<&'static str> {
            (self.forbidden == Some(*state)).then_some("it is forbidden")
        }

        fn finished(&self, state: &u8) -> bool {
            *state == 5
        }
    }

    #[test]
    fn every_state_is_seen_once_and_cycles_do_no_harm() {
        let checked = check(&Counter {
            forbidden: None,
            trap: false,
        });
        assert_eq!(checked, Ok(Checked { states: 6, steps: 10 }));
    }

    #[test]
    fn the_shortest_way_to_what_is_broken_is_told() {
        let found = check(&Counter {
            forbidden: Some(3),
            trap: false,
        })
        .expect_err("it is forbidden");
        assert_eq!(found.path, ["one more"; 3]);
    }

    #[test]
    fn what_can_never_finish_is_found() {
        let found = check(&Counter {
            forbidden: None,
            trap: true,
        })
        .expect_err("there is a trap");
        assert_eq!(found.path.last().map(String::as_str), Some("into the trap"));
    }
}
