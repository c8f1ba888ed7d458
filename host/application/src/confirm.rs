//! Whether what a provider says of a thing is new, or only confirms what is known: an import saves and counts what is new.

use serde_json::Value;
use tillgate_domain::{CheckoutSession, Customer, Dispute, Payment, PaymentFacts, Purchase, Refund, Subscription};

use crate::saving::Aggregate;

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedField {
    /// Its name in the API.
    pub name: String,
    /// What it was.
    pub from: Value,
    /// What it is now.
    pub to: Value,
}

/// Something that an import creates or changes, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// What it is, e.g. `subscription`.
    pub what: &'static str,
    /// The provider's id of it; of a checkout session ours.
    pub reference: String,
    /// Whether it is new here.
    pub created: bool,
    /// What tenants see change; nothing of what is new.
    pub fields: Vec<TouchedField>,
}

/// What can be compared with what it was.
pub(crate) trait Confirm: Aggregate + Clone {
    /// What it is.
    const WHAT: &'static str;

    /// Whether it says no more than `was` did. What orders facts, and when it was looked at, says nothing.
    fn confirms(&self, was: &Self) -> bool;

    /// Whether it is kept although it only confirms: what is older than this must not count later.
    fn is_newer(&self, was: &Self) -> bool;
}

macro_rules! confirm {
    ($($name:ident, $what:literal, |$new:ident, $was:ident| $same:expr, $newer:expr;)*) => {$(
        impl Confirm for $name {
            const WHAT: &'static str = $what;

            fn confirms(&self, was: &Self) -> bool {
                let ($new, $was) = (self, was);
                $same
            }

            fn is_newer(&self, was: &Self) -> bool {
                let newer: fn(&Self, &Self) -> bool = $newer;
                newer(self, was)
            }
        }
    )*};
}

confirm! {
    Customer, "customer", |new, was| new == was, PartialEq::ne;
    CheckoutSession, "checkout session", |new, was| new == was, PartialEq::ne;
    Subscription, "subscription", |new, was| (new.status(), new.provider_status(), new.terms(), &new.product_id)
        == (was.status(), was.provider_status(), was.terms(), &was.product_id), |new, was| new.stamp() != was.stamp();
    Purchase, "purchase", |new, was| new == was, PartialEq::ne;
    Payment, "payment", |new, was| new.refunded_amount == was.refunded_amount
        && new.facts == PaymentFacts { as_of: new.facts.as_of, ..was.facts.clone() }, |_, _| false;
    Refund, "refund", |new, was| new == was, PartialEq::ne;
    Dispute, "dispute", |new, was| new == was, PartialEq::ne;
}

/// What is to be told of something that isn't only confirmed.
pub(crate) fn touched<T: Confirm>(reference: &str, new: &T, was: Option<&T>) -> Touched {
    Touched {
        what: T::WHAT,
        reference: reference.to_owned(),
        created: was.is_none(),
        fields: was.map_or_else(Vec::new, |was| differences(&was.view(), &new.view())),
    }
}

fn differences(was: &Value, new: &Value) -> Vec<TouchedField> {
    let Value::Object(fields) = new else {
        return Vec::new();
    };
    let of_interest = fields.iter().filter(|(name, _)| *name != "updated_at");
    let changed = of_interest.filter(|(name, to)| was.get(name) != Some(to));
    changed
        .map(|(name, to)| TouchedField {
            name: name.clone(),
            from: was.get(name).cloned().unwrap_or_default(),
            to: to.clone(),
        })
        .collect()
}
