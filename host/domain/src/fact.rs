//! The order of facts.
//!
//! Providers tell what they know more than once, late, and in any order. A fact carries the provider's version of the
//! object or the provider's clock; the host's clock and the order of arrival say nothing. Two different facts of the
//! same instant can't be ordered by looking at them: that is a tie, and it is settled by asking the provider.

use std::cmp::Ordering;

use crate::Timestamp;

/// What an event says happened to a subscription. Within one instant, creation comes first and the end last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionChange {
    /// It was created.
    Created,
    /// It was changed.
    Updated,
    /// It ended.
    Ended,
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactSource {
    /// The provider sent an event.
    Event(SubscriptionChange),
    /// We asked, and this was the answer.
    Answer,
}

/// What orders a fact among others about the same object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FactStamp {
    /// The provider's version of the object, where it counts one.
    pub object_version: Option<u64>,
    /// The provider's clock when the fact was true.
    pub as_of: Option<Timestamp>,
    /// Where it comes from.
    pub source: FactSource,
}

/// How a fact stands to the one last applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactOrder {
    /// It came to be later.
    Newer,
    /// It is older, or the very same.
    Older,
    /// It can't be said without asking.
    Tie,
}

impl FactStamp {
    /// How `self` stands to `known`, the fact last applied.
    #[must_use]
    pub fn order_after(&self, known: &Self) -> FactOrder {
        if let (Some(new), Some(old)) = (self.object_version, known.object_version) {
            return if new > old { FactOrder::Newer } else { FactOrder::Older };
        }
        let (Some(new), Some(old)) = (self.as_of, known.as_of) else {
            // Without times on both sides, an answer to our question is the best there is,
            // and an event is taken as it comes.
            return FactOrder::Newer;
        };
        match new.cmp(&old) {
            Ordering::Greater => FactOrder::Newer,
            Ordering::Less => FactOrder::Older,
            Ordering::Equal => self.order_within_instant(known),
        }
    }

    fn order_within_instant(&self, known: &Self) -> FactOrder {
        match (self.source, known.source) {
            // Asked after the other became known, so it includes it.
            (FactSource::Answer, _) => FactOrder::Newer,
            (FactSource::Event(new), FactSource::Event(old)) => match new.cmp(&old) {
                Ordering::Greater => FactOrder::Newer,
                Ordering::Less => FactOrder::Older,
                Ordering::Equal => FactOrder::Tie,
            },
            (FactSource::Event(SubscriptionChange::Created), FactSource::Answer) => FactOrder::Older,
            (FactSource::Event(SubscriptionChange::Ended), FactSource::Answer) => FactOrder::Newer,
            (FactSource::Event(SubscriptionChange::Updated), FactSource::Answer) => FactOrder::Tie,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: i64, change: SubscriptionChange) -> FactStamp {
        FactStamp {
            object_version: None,
            as_of: Some(Timestamp::from_seconds(second)),
            source: FactSource::Event(change),
        }
    }

    #[test]
    fn the_providers_clock_orders() {
        let old = event(10, SubscriptionChange::Updated);
        let new = event(11, SubscriptionChange::Updated);
        assert_eq!(new.order_after(&old), FactOrder::Newer);
        assert_eq!(old.order_after(&new), FactOrder::Older);
    }

    #[test]
    fn a_version_outranks_the_clock() {
        let known = FactStamp {
            object_version: Some(7),
            ..event(20, SubscriptionChange::Updated)
        };
        let given = FactStamp {
            object_version: Some(8),
            ..event(10, SubscriptionChange::Updated)
        };
        assert_eq!(given.order_after(&known), FactOrder::Newer);
    }

    #[test]
    fn within_a_second_creation_is_first_and_the_end_last() {
        let created = event(10, SubscriptionChange::Created);
        let updated = event(10, SubscriptionChange::Updated);
        let ended = event(10, SubscriptionChange::Ended);
        assert_eq!(updated.order_after(&created), FactOrder::Newer);
        assert_eq!(created.order_after(&ended), FactOrder::Older);
        assert_eq!(updated.order_after(&updated), FactOrder::Tie);
    }

    #[test]
    fn an_answer_settles_its_second() {
        let updated = event(10, SubscriptionChange::Updated);
        let answer = FactStamp {
            source: FactSource::Answer,
            ..updated
        };
        assert_eq!(answer.order_after(&updated), FactOrder::Newer);
        assert_eq!(updated.order_after(&answer), FactOrder::Tie);
    }
}
