//! Lives of customers at a provider like Stripe, made from a seed: what happened, when by the provider's clock, and what
//! must come of it.

mod money;
mod one_time;
mod shapes;
mod story;
mod subscription;

use serde_json::{Value, json};

use crate::expected::{Expected, rfc3339};
use crate::options::{Known, Options};

/// The monthly prices of the products `team` and `plus`, in cents for a seat.
pub(crate) const PRICES: [(&str, &str, i64); 2] = [("team", "price_team", 1200), ("plus", "price_plus", 3600)];

/// The price of the product `pack`, which is paid once.
pub(crate) const PACK: (&str, &str, i64) = ("pack", "price_pack", 4900);

/// Where a payload has the id of our checkout session, which is known only once that was made.
const CORRELATION: &str = "@our-checkout-session@";

/// In which form a life's webhooks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// With the object, as in version 2026-10-28.endive.
    Newest,
    /// With the object, as before version 2025-03-31.basil.
    PreBasil,
    /// With the object's id alone.
    Thin,
}

/// Something that happened at the provider, and that it sends a webhook about.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// When, by the provider's clock, in seconds.
    pub(crate) at: i64,
    /// The provider's id of the event.
    pub(crate) event_id: String,
    /// Its type.
    pub(crate) event_type: &'static str,
    /// What the object is.
    object_type: &'static str,
    object_id: String,
    /// The object in the life's shape.
    object: Value,
    /// What the provider's API says from then on, by path.
    pub(crate) then: Vec<(String, Value)>,
    /// The moments whose webhooks must have been taken in before this one's is sent.
    pub(crate) after: Vec<usize>,
}

/// A checkout session that the tenant makes through the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    /// The provider's id of it.
    pub(crate) reference: String,
    /// What the gateway is asked for.
    pub(crate) request: Value,
}

/// A life.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// Its place among all.
    pub(crate) number: usize,
    /// Which tenant it is of.
    pub(crate) tenant: usize,
    /// In which form its webhooks come.
    pub(crate) shape: Shape,
    /// Whether its webhooks come one after the other, each when the one before has been taken in: then every event it
    /// publishes is determined.
    pub(crate) orderly: bool,
    /// What it is about, in a few words.
    pub(crate) about: String,
    /// The checkout session it begins with, where it begins with ours.
    pub(crate) checkout: Option<Checkout>,
    /// What happens, in order.
    pub(crate) moments: Vec<Moment>,
    /// What must be in the end.
    pub(crate) expected: Expected,
}

impl Moment {
    /// The body of its webhook. `correlation` is the id of the tenant's checkout session, if there is one.
    pub(crate) fn body(&self, shape: Shape, correlation: Option<&str>) -> String {
        let event = match shape {
            Shape::Newest | Shape::PreBasil => json!({
                "id": self.event_id, "object": "event", "type": self.event_type, "created": self.at, "livemode": false,
                "api_version": if shape == Shape::Newest { "2026-10-28.endive" } else { "2024-06-20" },
                "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
                "data": {"object": self.object},
            }),
            Shape::Thin => json!({
                "id": self.event_id, "object": "v2.core.event", "type": format!("v1.{}", self.event_type),
                "created": rfc3339(self.at), "livemode": false,
                "related_object": {"id": self.object_id, "type": self.object_type},
            }),
        };
        correlated(&event, correlation)
    }

    /// What it was, for people.
    pub(crate) fn told(&self) -> String {
        format!("{} {} {} {}", self.at, self.event_type, self.event_id, self.object)
    }
}

/// Writes JSON with the id of our checkout session where that belongs.
pub(crate) fn correlated(value: &Value, correlation: Option<&str>) -> String {
    value.to_string().replace(CORRELATION, correlation.unwrap_or_default())
}

/// How many tenants the lives are spread over.
pub(crate) const TENANTS: usize = 3;

/// Makes all lives of a run.
pub(crate) fn lives(options: &Options) -> Vec<Life> {
    let mut seeds = fastrand::Rng::with_seed(options.seed);
    (0..options.lives)
        .map(|number| life(options.seed, number, seeds.u64(..), options.known))
        .collect()
}

fn life(run: u64, number: usize, seed: u64, known: Known) -> Life {
    let mut story = story::Story::new(run, number, seed, known);
    if story.chance(0.7) {
        subscription::tell(&mut story);
    } else {
        one_time::tell(&mut story);
    }
    story.into_life()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::{Database, Fault};

    fn options(seed: u64) -> Options {
        Options {
            seed,
            duration: Duration::from_secs(1),
            lives: 200,
            hosts: 1,
            database: Database::Sqlite,
            faults: Fault::ALL.to_vec(),
            known: Known::default(),
            show_logs: false,
        }
    }

    #[test]
    fn a_seed_makes_the_same_lives_again() {
        let told = |seed| format!("{:?}", lives(&options(seed)));
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn the_clock_of_a_life_does_not_go_back_and_its_events_differ() {
        for life in lives(&options(1)) {
            assert!(life.moments.is_sorted_by_key(|moment| moment.at), "{}", life.number);
            let mut ids: Vec<&String> = life.moments.iter().map(|moment| &moment.event_id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), life.moments.len());
            for (place, moment) in life.moments.iter().enumerate() {
                assert!(moment.after.iter().all(|before| *before < place));
            }
        }
    }

    #[test]
    fn there_are_lives_of_every_sort() {
        let lives = lives(&options(1));
        let types: std::collections::BTreeSet<&str> = lives
            .iter()
            .flat_map(|life| &life.moments)
            .map(|moment| moment.event_type)
            .collect();
        for wanted in [
            "customer.subscription.created",
            "customer.subscription.deleted",
            "invoice.payment_failed",
            "invoice.paid",
            "checkout.session.expired",
            "checkout.session.async_payment_failed",
            "checkout.session.async_payment_succeeded",
            "charge.refunded",
            "refund.updated",
            "charge.dispute.closed",
        ] {
            assert!(types.contains(wanted), "{wanted} is in no life");
        }
        let at_once = |life: &Life| life.moments.windows(2).any(|pair| pair[0].at == pair[1].at);
        assert!(lives.iter().filter(|life| at_once(life)).count() > 20);
    }
}
