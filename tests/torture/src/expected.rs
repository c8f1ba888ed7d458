//! What must be in the end, as a life says it: made from what the provider did, and from nothing of the gateway's code.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A kind of thing the gateway holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Who pays.
    Customer,
    /// A page to pay on.
    CheckoutSession,
    /// A subscription.
    Subscription,
    /// Something bought.
    Purchase,
    /// Money that came, or didn't.
    Payment,
    /// Money that went back.
    Refund,
    /// Money that is fought over.
    Dispute,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 7] = [
        Self::Customer,
        Self::CheckoutSession,
        Self::Subscription,
        Self::Purchase,
        Self::Payment,
        Self::Refund,
        Self::Dispute,
    ];

    /// Its list in the tenant API. There is none of disputes.
    pub(crate) const fn list(self) -> Option<&'static str> {
        match self {
            Self::Customer => Some("customers"),
            Self::CheckoutSession => Some("checkout-sessions"),
            Self::Subscription => Some("subscriptions"),
            Self::Purchase => Some("purchases"),
            Self::Payment => Some("payments"),
            Self::Refund => Some("refunds"),
            Self::Dispute => None,
        }
    }

    /// What its events' names begin with.
    pub(crate) const fn of_events(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::CheckoutSession => "checkout_session",
            Self::Subscription => "subscription",
            Self::Purchase => "purchase",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
        }
    }
}

/// How often an event must have been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// At least.
    pub(crate) min: u32,
    /// At most.
    pub(crate) max: u32,
}

impl Times {
    /// Neither more nor less.
    pub(crate) const fn exactly(times: u32) -> Self {
        Self { min: times, max: times }
    }
}

/// What must be in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// By kind and the provider's id: the fields that are determined. What refers to another thing has the provider's id of
    /// that.
    pub(crate) things: BTreeMap<(Kind, String), BTreeMap<String, Value>>,
    /// By the event's type and the provider's id of what it is about.
    pub(crate) events: BTreeMap<(String, String), Times>,
}

impl Expected {
    /// Says how fields must be.
    pub(crate) fn thing(&mut self, kind: Kind, reference: &str, fields: &Value) {
        let known = self.things.entry((kind, reference.to_owned())).or_default();
        for (name, value) in fields.as_object().into_iter().flatten() {
            known.insert(name.clone(), value.clone());
        }
    }

    /// Says how often an event must be.
    pub(crate) fn event(&mut self, name: &str, reference: &str, times: Times) {
        self.events.insert((name.to_owned(), reference.to_owned()), times);
    }

    /// Says that there can be one more of an event.
    pub(crate) fn once_more(&mut self, name: &str, reference: &str, surely: bool) {
        let key = (name.to_owned(), reference.to_owned());
        let times = self.events.entry(key).or_insert(Times::exactly(0));
        times.max += 1;
        times.min += u32::from(surely);
    }
}

/// An amount, as the API has it.
pub(crate) fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "usd"})
}

/// A time, as the API has it.
pub(crate) fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}
