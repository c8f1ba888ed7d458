//! What the simulated account holds, and how each object reads on the wire.

pub(super) mod catalog;
pub(super) mod checkout;
pub(super) mod customer;
pub(super) mod endpoint;
pub(super) mod invoice;
pub(super) mod payment;
pub(super) mod subscription;

use std::collections::HashMap;

use serde_json::{Value, json};

/// The most objects of one kind; the oldest give way.
const MAX_OBJECTS: usize = 100_000;

/// Which shape of objects a reader expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Since `2025-03-31.basil`: periods on items, `invoice.parent`.
    Current,
    /// Before it: periods on the subscription, `invoice.subscription`.
    Legacy,
}

impl Dialect {
    /// The first version with the current shapes
    /// (<https://docs.stripe.com/changelog/basil>).
    const BASIL: &'static str = "2025-03-31";

    pub(super) fn of(api_version: &str) -> Self {
        match api_version.get(..10) {
            Some(date) if date < Self::BASIL => Self::Legacy,
            _ => Self::Current,
        }
    }
}

/// Objects of one kind, in the order they were made.
#[derive(Debug)]
pub(super) struct Table<T> {
    by_id: HashMap<String, T>,
    order: std::collections::VecDeque<String>,
    capacity: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::with_capacity(MAX_OBJECTS)
    }
}

impl<T> Table<T> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            order: std::collections::VecDeque::new(),
            capacity,
        }
    }

    pub(super) fn insert(&mut self, id: &str, object: T) {
        if self.by_id.insert(id.to_owned(), object).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.by_id.get_mut(id)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<T> {
        self.order.retain(|known| known != id);
        self.by_id.remove(id)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The newest first, as Stripe lists.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (&String, &T)> {
        self.order.iter().rev().filter_map(|id| self.by_id.get_key_value(id))
    }
}

/// A list object inside another object.
pub(super) fn list(data: Vec<Value>, url: &str) -> Value {
    let count = data.len();
    let data = Value::Array(data);
    json!({"object": "list", "data": data, "has_more": false, "total_count": count, "url": url})
}

/// The postal address of nobody in particular.
pub(super) fn no_address() -> Value {
    json!({"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null})
}
