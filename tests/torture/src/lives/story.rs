//! A life while it is made.

use serde_json::{Value, json};

use super::{CORRELATION, Checkout, Life, Moment, Shape, TENANTS};
use crate::expected::{Expected, Kind, Times};
use crate::options::Known;

const DAY: i64 = 24 * 60 * 60;

/// When lives begin at the earliest: any time that is long over. Payloads carry the provider's clock, which no host
/// compares with its own.
const EARLIEST: i64 = 1_740_000_000;

pub(super) struct Story {
    rng: fastrand::Rng,
    run: u64,
    number: usize,
    /// The provider's clock.
    pub(super) now: i64,
    pub(super) shape: Shape,
    pub(super) orderly: bool,
    pub(super) known: Known,
    pub(super) checkout: Option<Checkout>,
    pub(super) about: Vec<&'static str>,
    pub(super) expected: Expected,
    /// Whether its objects name the tenant's organization and user.
    pub(super) named: bool,
    moments: Vec<Moment>,
    next_id: usize,
}

impl Story {
    pub(super) fn new(run: u64, number: usize, seed: u64, known: Known) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let shape = match rng.u32(..100) {
            ..55 => Shape::Newest,
            55..80 => Shape::PreBasil,
            _ => Shape::Thin,
        };
        Self {
            run,
            number,
            now: EARLIEST + rng.i64(0..300 * DAY),
            shape,
            orderly: rng.u32(..100) < 20,
            named: rng.u32(..100) < 70,
            rng,
            known,
            checkout: None,
            about: Vec::new(),
            expected: Expected::default(),
            moments: Vec::new(),
            next_id: 0,
        }
    }

    pub(super) fn into_life(self) -> Life {
        Life {
            number: self.number,
            tenant: self.number % TENANTS,
            shape: self.shape,
            orderly: self.orderly,
            about: self.about.join(", "),
            checkout: self.checkout,
            moments: self.moments,
            expected: self.expected,
        }
    }

    pub(super) fn chance(&mut self, of_one: f64) -> bool {
        self.rng.f64() < of_one
    }

    pub(super) fn pick(&mut self, range: std::ops::Range<i64>) -> i64 {
        self.rng.i64(range)
    }

    /// Time passes, or doesn't: much happens within one second.
    pub(super) fn later(&mut self, most: i64) {
        if self.rng.u32(..100) >= 40 {
            self.now += self.rng.i64(1..=most);
        }
    }

    /// An id of the provider's.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        format!("{prefix}_{:x}n{}x{}", self.run, self.number, self.next_id)
    }

    /// The customer, with what is known of it.
    pub(super) fn customer(&mut self, email: Option<&str>) -> String {
        let reference = self.id("cus");
        let (organization, user) = if self.named {
            (json!("org_1"), json!("user_1"))
        } else {
            (Value::Null, Value::Null)
        };
        let fields = json!({"email": email, "organization_id": organization, "user_id": user});
        self.expected.thing(Kind::Customer, &reference, &fields);
        self.expected.event("customer.created", &reference, Times::exactly(1));
        if self.named {
            self.expected
                .event("customer.associated", &reference, Times::exactly(1));
        }
        reference
    }

    /// The metadata of an object that came of the checkout, or of one that came of none.
    pub(super) fn metadata(&self) -> Value {
        let mut metadata = json!({});
        if self.named {
            metadata["organization_id"] = json!("org_1");
            metadata["user_id"] = json!("user_1");
        }
        if self.checkout.is_some() {
            metadata["tillgate_checkout_session"] = json!(CORRELATION);
        }
        metadata
    }

    /// What the tenant asks the gateway for.
    pub(super) fn check_out(&mut self, session: &str, mut request: Value) {
        request["success_url"] = json!("https://app.example/ok");
        request["cancel_url"] = json!("https://app.example/no");
        request["metadata"] = json!({"life": self.number.to_string()});
        if self.named {
            request["organization_id"] = json!("org_1");
            request["user_id"] = json!("user_1");
        }
        self.checkout = Some(Checkout {
            reference: session.to_owned(),
            request,
        });
        let name = Kind::CheckoutSession.of_events();
        self.expected
            .event(&format!("{name}.created"), session, Times::exactly(1));
    }

    /// Something happens. `object` is it in both shapes, `beside` what else is different at the provider from then on.
    pub(super) fn happens(
        &mut self,
        event_type: &'static str,
        object_type: &'static str,
        object: Both,
        beside: Vec<(String, Value)>,
    ) -> usize {
        let event_id = self.id("evt");
        let object_id = object.newest["id"].as_str().unwrap_or_default().to_owned();
        let mut then = beside;
        then.push((format!("{}/{object_id}", folder(object_type)), object.newest.clone()));
        let place = self.moments.len();
        let after = if self.orderly && place > 0 {
            vec![place - 1]
        } else {
            Vec::new()
        };
        self.moments.push(Moment {
            at: self.now,
            event_id,
            event_type,
            object_type,
            object_id,
            object: match self.shape {
                Shape::PreBasil => object.pre_basil,
                Shape::Newest | Shape::Thin => object.newest,
            },
            then,
            after,
        });
        place
    }

    /// A moment is sent only when that other has been taken in.
    pub(super) fn sent_after(&mut self, moment: usize, other: usize) {
        if !self.moments[moment].after.contains(&other) {
            self.moments[moment].after.push(other);
        }
    }

    /// An event of ours that there is once if webhooks come in order, and perhaps not at all if they don't. From thin ones
    /// the gateway can see the same change twice, back and forth within a second.
    pub(super) fn maybe(&mut self, name: &str, reference: &str) {
        let orderly = self.orderly;
        self.expected.once_more(name, reference, orderly);
        if self.shape == Shape::Thin && !orderly {
            self.expected.once_more(name, reference, false);
        }
    }
}

/// An object in the newest shape, and as it was before basil.
#[derive(Debug, Clone)]
pub(super) struct Both {
    pub(super) newest: Value,
    pub(super) pre_basil: Value,
}

impl Both {
    pub(super) fn alike(object: Value) -> Self {
        Self {
            pre_basil: object.clone(),
            newest: object,
        }
    }
}

/// Where the provider's API has such objects.
fn folder(object_type: &str) -> &'static str {
    match object_type {
        "checkout.session" => "/v1/checkout/sessions",
        "subscription" => "/v1/subscriptions",
        "invoice" => "/v1/invoices",
        "charge" => "/v1/charges",
        "refund" => "/v1/refunds",
        _ => "/v1/disputes",
    }
}
