//! Metrics by labels, in a table of a fixed size: found without a lock, and never more than it has room for.

use std::array;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// What stands for a word there is no room for.
pub(crate) const OTHER: &str = "other";

/// How many places are looked at for one set of labels before there is no room for it: a bound of the time it takes.
const PROBES_MAX: usize = 16;

/// Places for sets of labels whose words that aren't ours were replaced: more than the words that are ours combine to.
const REPLACED: usize = 64;

/// A label: its name, and whose words its values are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Label {
    /// Of ours: an enum, so that there are only so many.
    Ours(&'static str),
    /// Of others: replaced by [`OTHER`] where there is no room.
    Theirs(&'static str),
}

impl Label {
    const fn name(self) -> &'static str {
        match self {
            Self::Ours(name) | Self::Theirs(name) => name,
        }
    }
}

type Place<M, const L: usize> = OnceLock<([Box<str>; L], M)>;

/// Metrics of one name. Clones share them.
pub(crate) struct Family<M, const L: usize>(Arc<Inner<M, L>>);

struct Inner<M, const L: usize> {
    labels: [Label; L],
    make: Box<dyn Fn() -> M + Send + Sync>,
    places: Box<[Place<M, L>]>,
    replaced: Box<[Place<M, L>]>,
    /// For what doesn't fit anywhere. Nobody sees it.
    unseen: M,
    hasher: RandomState,
}

impl<M, const L: usize> Clone for Family<M, L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M, const L: usize> fmt::Debug for Family<M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("labels", &self.0.labels)
            .finish_non_exhaustive()
    }
}

fn empty<M, const L: usize>(places: usize) -> Box<[Place<M, L>]> {
    (0..places).map(|_| OnceLock::new()).collect()
}

impl<M, const L: usize> Family<M, L> {
    /// Room for `places` sets of labels, each with a metric of its own. Twice as many as are expected keep the search
    /// short.
    pub(crate) fn new(labels: [Label; L], places: usize, make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            labels,
            places: empty(places),
            replaced: empty(REPLACED),
            unseen: make(),
            make: Box::new(make),
            hasher: RandomState::new(),
        }))
    }

    /// The metric of these values: found by reading alone, but for the first time.
    pub(crate) fn get(&self, values: [&str; L]) -> &M {
        let inner = &*self.0;
        if let Some(metric) = inner.find(&inner.places, values) {
            return metric;
        }
        let replaced = array::from_fn(|index| match inner.labels[index] {
            Label::Ours(_) => values[index],
            Label::Theirs(_) => OTHER,
        });
        inner.find(&inner.replaced, replaced).unwrap_or(&inner.unseen)
    }

    /// All sets of labels that were seen, in order.
    fn seen(&self) -> Vec<&([Box<str>; L], M)> {
        let places = self.0.places.iter().chain(&self.0.replaced);
        let mut seen: Vec<_> = places.filter_map(OnceLock::get).collect();
        seen.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        seen
    }
}

impl<M, const L: usize> Inner<M, L> {
    fn find<'p>(&self, places: &'p [Place<M, L>], values: [&str; L]) -> Option<&'p M> {
        let hash = usize::try_from(self.hasher.hash_one(values) >> 33).unwrap_or_default();
        for step in 0..PROBES_MAX.min(places.len()) {
            let place = &places[(hash + step) % places.len()];
            let (known, metric) = place.get_or_init(|| (values.map(Box::from), (self.make)()));
            if known.iter().zip(values).all(|(known, value)| **known == *value) {
                return Some(metric);
            }
        }
        None
    }
}

impl<M: EncodeMetric + TypedMetric, const L: usize> EncodeMetric for Family<M, L> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (values, metric) in self.seen() {
            let names = self.0.labels.iter().map(|label| label.name());
            let labels: Vec<(&str, &str)> = names.zip(values.iter().map(|value| &**value)).collect();
            metric.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    fn is_empty(&self) -> bool {
        self.seen().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    fn family(places: usize) -> Family<Counter, 2> {
        Family::new(
            [Label::Theirs("word"), Label::Ours("success")],
            places,
            Counter::default,
        )
    }

    #[test]
    fn each_set_of_values_has_its_own_metric() {
        let family = family(64);
        family.get(["a", "true"]).inc();
        family.get(["a", "true"]).inc();
        family.get(["a", "false"]).inc();
        assert_eq!(family.get(["a", "true"]).get(), 2);
        assert_eq!(family.get(["a", "false"]).get(), 1);
        assert_eq!(family.get(["b", "true"]).get(), 0);
    }

    #[test]
    fn words_there_is_no_room_for_are_other_and_none_is_lost() {
        let family = family(8);
        for number in 0..1_000 {
            family.get([&format!("word{number}"), "true"]).inc();
        }
        let seen = family.seen();
        assert_eq!(seen.len(), 8 + 1);
        assert_eq!(seen.iter().map(|(_, counter)| counter.get()).sum::<u64>(), 1_000);
        assert_eq!(family.0.replaced.iter().filter_map(OnceLock::get).count(), 1);
        assert_eq!(
            family.0.find(&family.0.replaced, [OTHER, "true"]).map(Counter::get),
            Some(992)
        );
    }

    #[test]
    fn many_at_once_count_every_time() {
        let family = family(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..1_000 {
                        family.get([["a", "b", "c"][number % 3], "true"]).inc();
                    }
                });
            }
        });
        let total: u64 = family.seen().iter().map(|(_, counter)| counter.get()).sum();
        assert_eq!((total, family.seen().len()), (4_000, 3));
    }
}
