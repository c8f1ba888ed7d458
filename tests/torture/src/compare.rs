//! What is there against what must be there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::expected::{Kind, Times};
use crate::lives::Life;
use crate::observed::{Event, Observed};

/// What is wrong, by the life it is wrong with; what belongs to none is under none.
pub(crate) type Mismatches = BTreeMap<Option<usize>, Vec<String>>;

/// The life that an id of the provider's is of: ids say it.
fn life_of(reference: &str, lives: &[Life]) -> Option<usize> {
    let (_, rest) = reference.rsplit_once('n')?;
    let number: usize = rest.split_once('x')?.0.parse().ok()?;
    (number < lives.len()).then_some(number)
}

/// Compares everything.
pub(crate) fn compare(lives: &[Life], observed: &Observed, taken_in: &HashSet<String>) -> Mismatches {
    let mut wrong = Wrong {
        lives,
        found: Mismatches::new(),
    };
    wrong.things(observed);
    wrong.events(observed);
    wrong.chains(observed);
    for life in lives {
        for moment in life
            .moments
            .iter()
            .filter(|moment| !taken_in.contains(&moment.event_id))
        {
            wrong.say(
                &moment.event_id,
                format!("webhook {} was acknowledged and not taken in", moment.event_id),
            );
        }
    }
    wrong.found
}

struct Wrong<'a> {
    lives: &'a [Life],
    found: Mismatches,
}

impl Wrong<'_> {
    fn say(&mut self, reference: &str, what: String) {
        let life = life_of(reference, self.lives);
        self.found.entry(life).or_default().push(what);
    }

    fn things(&mut self, observed: &Observed) {
        for life in self.lives {
            for ((kind, reference), fields) in &life.expected.things {
                let found = observed.things.get(&(*kind, reference.clone()));
                let Some([thing]) = found.map(Vec::as_slice) else {
                    let times = found.map_or(0, Vec::len);
                    self.say(reference, format!("{kind:?} {reference} is there {times} times"));
                    continue;
                };
                if thing.tenant != life.tenant {
                    self.say(reference, format!("{kind:?} {reference} is another tenant's"));
                }
                for (name, wanted) in fields {
                    let is = thing.fields.get(name).unwrap_or(&Value::Null);
                    if is != wanted {
                        self.say(
                            reference,
                            format!("{kind:?} {reference}: {name} is {is} and must be {wanted}"),
                        );
                    }
                }
            }
        }
        for (kind, reference) in observed.things.keys() {
            let known = life_of(reference, self.lives).is_some_and(|life| {
                self.lives[life]
                    .expected
                    .things
                    .contains_key(&(*kind, reference.clone()))
            });
            if !known {
                self.say(reference, format!("{kind:?} {reference} is there and must not be"));
            }
        }
    }

    fn events(&mut self, observed: &Observed) {
        let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
        for event in &observed.events {
            *counts.entry((event.name.clone(), event.reference.clone())).or_default() += 1;
            if life_of(&event.reference, self.lives).is_some_and(|life| self.lives[life].tenant != event.tenant) {
                self.say(
                    &event.reference,
                    format!("{} was published to another tenant", event.name),
                );
            }
        }
        let none = Times::exactly(0);
        let keys: BTreeSet<(String, String)> = self
            .lives
            .iter()
            .flat_map(|life| life.expected.events.keys().cloned())
            .chain(counts.keys().cloned())
            .collect();
        for key in keys {
            let life = life_of(&key.1, self.lives);
            let wanted = life
                .and_then(|life| self.lives[life].expected.events.get(&key))
                .unwrap_or(&none);
            let is = counts.get(&key).copied().unwrap_or(0);
            if is < wanted.min || is > wanted.max {
                let (name, reference) = key;
                let Times { min, max } = *wanted;
                let how = if min == max {
                    max.to_string()
                } else {
                    format!("{min} to {max}")
                };
                self.say(
                    &reference,
                    format!("{name} of {reference} was published {is} times and must be {how} times"),
                );
            }
        }
    }

    /// What changes say must follow on each other, from what the creation said to what is there: whatever was left out on
    /// the way, nothing is lost between two of them, and nothing is told twice.
    fn chains(&mut self, observed: &Observed) {
        for field in ["status", "seats"] {
            let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
            for event in &observed.events {
                if event.name == "subscription.created" {
                    last.insert(&event.reference, &event.object[field]);
                }
                let Some((from, to)) = change(event, field) else {
                    continue;
                };
                if last.get(event.reference.as_str()).is_some_and(|known| *known != from) {
                    let was = last[event.reference.as_str()];
                    let what = format!(
                        "{}: {field} goes on from {from} to {to}, and was {was}",
                        event.reference
                    );
                    self.say(&event.reference, what);
                }
                last.insert(&event.reference, to);
            }
            for (reference, told) in last {
                let things = observed.things.get(&(Kind::Subscription, reference.to_owned()));
                let is = things.and_then(|things| things.first()?.fields.get(field));
                if is.is_some_and(|is| is != told) {
                    self.say(
                        reference,
                        format!("{reference}: the last that was published of {field} is {told}"),
                    );
                }
            }
        }
    }
}

fn change<'a>(event: &'a Event, field: &str) -> Option<(&'a Value, &'a Value)> {
    let change = event.changes.get(field)?;
    Some((change.get("from")?, change.get("to")?))
}
