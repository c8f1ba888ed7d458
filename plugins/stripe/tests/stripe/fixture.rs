//! Objects as Stripe sends them, shared by the tests.

use serde_json::{Value, json};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{ChangeOutcome, Effect, Subscription};

/// `Thu, 02 Aug 2018 10:10:20 GMT`, the date of every answer here.
pub(crate) const DATE: i64 = 1_533_204_620_000;

/// Where the subscription is.
pub(crate) const PATH: &str = "/v1/subscriptions/sub_1";

/// A subscription in the newest shape, with one item of five seats.
pub(crate) fn subscription() -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "currency": "usd",
        "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "trial_start": null, "trial_end": null, "pause_collection": null, "collection_method": "charge_automatically",
        "latest_invoice": "in_1", "pending_update": null,
        "metadata": {"org": "o1", "tillgate_checkout_session": "chk_1"},
        "items": {"object": "list", "has_more": false, "data": [item("si_1", "price_seat", 5)]},
    })
}

/// An item of the period from 100 to 200 seconds.
pub(crate) fn item(id: &str, price: &str, quantity: u64) -> Value {
    json!({
        "id": id, "object": "subscription_item", "quantity": quantity,
        "current_period_start": 100, "current_period_end": 200,
        "price": {"id": price, "product": "prod_1", "unit_amount": 1000, "currency": "usd"},
    })
}

/// The same object with other fields.
pub(crate) fn with(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().expect("an object");
    let changes = changes.as_object().expect("an object").clone();
    fields.extend(changes);
    object
}

/// A refusal of Stripe's.
pub(crate) fn refusal(kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"type": kind, "code": code, "message": format!("said {kind}")}})
}

/// What holds for every request, and for every answer.
pub(crate) trait Usual {
    /// The version and the credential.
    fn usual(self) -> Self;
    /// …and an idempotency key.
    fn keyed(self, key: &str) -> Self;
    /// The headers of every answer.
    fn dated(self) -> Self;
}

impl Usual for Script {
    fn usual(self) -> Self {
        self.with_header("Stripe-Version", "2026-10-28.endive")
            .with_credential("api_key")
    }

    fn keyed(self, key: &str) -> Self {
        self.usual()
            .with_header("Idempotency-Key", key)
            .with_header("Content-Type", "application/x-www-form-urlencoded")
            .with_effect(Effect::IdempotentWrite)
    }

    fn dated(self) -> Self {
        self.respond_header("Date", "Thu, 02 Aug 2018 10:10:20 GMT")
            .respond_header("Request-Id", "req_1")
    }
}

/// The subscription is asked for, and this comes back.
pub(crate) fn fetched(script: Script, answer: Value) -> Script {
    let script = script
        .expect_get(PATH)
        .usual()
        .with_effect(Effect::Read)
        .without_header("Idempotency-Key");
    script
        .with_query("expand[0]", "items.data.price")
        .respond(200, answer)
        .dated()
}

/// The subscription is changed by this, whole.
pub(crate) fn posted(script: Script, fields: &[(&str, &str)]) -> Script {
    script.expect_post(PATH).keyed("key").with_whole_form(fields)
}

/// What a change that was made left.
pub(crate) fn applied(outcome: ChangeOutcome) -> Subscription {
    match outcome {
        ChangeOutcome::Applied(subscription) => subscription,
        other => panic!("{other:#?}"),
    }
}
