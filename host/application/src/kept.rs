//! What is kept in memory for a while, so that the store isn't asked for it each time.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{PoisonError, RwLock};

use tillgate_domain::Timestamp;

use crate::bounds::CACHE_GENERATIONS;

struct Entry<V> {
    value: V,
    since: Timestamp,
    /// When it stops being true by itself.
    until: Option<Timestamp>,
}

struct Entries<K, V> {
    kept: HashMap<K, Entry<V>>,
    /// How often what falls on each place was forgotten.
    generations: Box<[u64]>,
    /// How often everything was.
    epoch: u64,
}

/// Values by their keys. One that is read while it is changed is never kept: what was read may be older than the change.
pub(crate) struct Kept<K, V> {
    entries: RwLock<Entries<K, V>>,
    entries_max: usize,
    hasher: RandomState,
}

/// Taken before a value is read from the store: it tells whether the value was forgotten meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    place: usize,
    generation: u64,
    epoch: u64,
}

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    /// Room for so many. Where there are more, all are forgotten.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries: RwLock::new(Entries {
                kept: HashMap::new(),
                generations: vec![0; CACHE_GENERATIONS].into_boxed_slice(),
                epoch: 0,
            }),
            entries_max,
            hasher: RandomState::new(),
        }
    }

    /// What is kept, if it is at most so many milliseconds old.
    pub(crate) fn get(&self, key: &K, now: Timestamp, age_max_ms: i64) -> Option<V> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.kept.get(key)?;
        // A clock that was set back makes nothing younger.
        let age = now.as_millis().abs_diff(entry.since.as_millis());
        let over = entry.until.is_some_and(|until| now >= until);
        (age < age_max_ms.unsigned_abs() && !over).then(|| entry.value.clone())
    }

    /// Says that a value is going to be read from the store.
    pub(crate) fn reading(&self, key: &K) -> Reading {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(key);
        Reading {
            place,
            generation: entries.generations.get(place).copied().unwrap_or_default(),
            epoch: entries.epoch,
        }
    }

    /// Keeps what was read, unless it was forgotten since the reading began.
    pub(crate) fn keep(&self, reading: Reading, key: K, value: V, now: Timestamp, until: Option<Timestamp>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.epoch != reading.epoch || entries.generations.get(reading.place) != Some(&reading.generation) {
            return;
        }
        if entries.kept.len() >= self.entries_max && !entries.kept.contains_key(&key) {
            entries.kept.clear();
        }
        let entry = Entry {
            value,
            since: now,
            until,
        };
        entries.kept.insert(key, entry);
    }

    /// Forgets one.
    pub(crate) fn forget(&self, key: &K) {
        let place = self.place(key);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.kept.remove(key);
        if let Some(generation) = entries.generations.get_mut(place) {
            *generation = generation.wrapping_add(1);
        }
    }

    /// Forgets those that are so; and what is being read just now, for that can't be told.
    pub(crate) fn forget_where(&self, is_so: impl Fn(&V) -> bool) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.epoch = entries.epoch.wrapping_add(1);
        entries.kept.retain(|_, entry| !is_so(&entry.value));
    }

    fn place(&self, key: &K) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash % CACHE_GENERATIONS as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn keep(kept: &Kept<u32, &'static str>, key: u32, value: &'static str) {
        kept.keep(kept.reading(&key), key, value, NOW, None);
    }

    #[test]
    fn it_is_kept_for_as_long_as_is_said() {
        let kept = Kept::new(100);
        assert_eq!(kept.get(&1, NOW, 100), None);
        keep(&kept, 1, "one");
        assert_eq!(kept.get(&1, NOW.plus_millis(99), 100), Some("one"));
        assert_eq!(kept.get(&1, NOW.plus_millis(100), 100), None);
        assert_eq!(
            kept.get(&1, NOW.plus_millis(-100), 100),
            None,
            "a clock that was set back"
        );
        let until = Some(NOW.plus_millis(10));
        kept.keep(kept.reading(&2), 2, "two", NOW, until);
        assert_eq!(kept.get(&2, NOW.plus_millis(9), 100), Some("two"));
        assert_eq!(kept.get(&2, NOW.plus_millis(10), 100), None);
    }

    #[test]
    fn what_was_forgotten_while_it_was_read_is_not_kept() {
        type Forget = fn(&Kept<u32, &'static str>);
        let kept = Kept::new(100);
        let one: Forget = |kept| kept.forget(&1);
        let all: Forget = |kept| kept.forget_where(|_| true);
        let others: Forget = |kept| kept.forget_where(|value| *value == "another");
        let forget = [one, all, others];
        for forget in forget {
            let reading = kept.reading(&1);
            forget(&kept);
            kept.keep(reading, 1, "old", NOW, None);
            assert_eq!(kept.get(&1, NOW, 100), None);
            keep(&kept, 1, "new");
            assert_eq!(kept.get(&1, NOW, 100), Some("new"));
            forget(&kept);
        }
    }

    #[test]
    fn one_is_forgotten_and_the_others_are_not() {
        let kept = Kept::new(100);
        for (key, value) in [(1, "one"), (2, "two"), (3, "three")] {
            keep(&kept, key, value);
        }
        kept.forget(&1);
        kept.forget_where(|value| *value == "two");
        let found = [1, 2, 3].map(|key| kept.get(&key, NOW, 100));
        assert_eq!(found, [None, None, Some("three")]);
    }

    #[test]
    fn it_is_bounded() {
        let kept = Kept::new(100);
        for key in 0..1_000 {
            keep(&kept, key, "one");
            assert_eq!(kept.get(&key, NOW, 100), Some("one"));
            assert!(kept.entries.read().unwrap().kept.len() <= 100);
        }
    }
}
