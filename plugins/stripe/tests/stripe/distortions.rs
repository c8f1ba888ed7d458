//! Whatever comes, nothing panics: a panic would be a trap in the sandbox.

use proptest::prelude::*;
use serde_json::{Value, json};
use tillgate_plugin_sdk::testing;
use tillgate_plugin_sdk::types::{Exchange, HttpResponse};
use tillgate_plugin_sdk::{Context, Webhooks, step};
use tillgate_plugin_stripe::Stripe;

use crate::fixture::subscription;
use crate::webhooks::{event, old_invoice, one_time, thin};

fn samples() -> Vec<Value> {
    vec![
        event("checkout.session.completed", one_time(json!({}))),
        event("customer.subscription.updated", subscription()),
        event("invoice.payment_failed", old_invoice()),
        event(
            "charge.refunded",
            json!({"id": "ch_1", "amount_refunded": 5, "currency": "isk"}),
        ),
        thin("customer.subscription.updated", "subscription", "sub_1"),
        event(
            "refund.created",
            json!({"id": "re_1", "amount": 5, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded"}),
        ),
    ]
}

/// Whatever comes back to a thin event: nothing here may panic.
fn parse_leniently(body: &[u8], answer: &[u8]) {
    let request = testing::webhook(&[], body);
    let ctx = |journal| Context::new(testing::call(), journal);
    let answer = HttpResponse {
        status: 200,
        headers: vec![],
        body: answer.to_vec(),
    };
    let answer = Exchange::Response(answer);
    for journal in [vec![], vec![answer; 8]] {
        let ctx = ctx(journal);
        _ = step(&ctx, Stripe::parse(&ctx, request.clone()));
    }
}

/// Puts another value at some place of a document.
fn mutate(value: &mut Value, place: &mut usize, replacement: &Value) {
    if *place == 0 {
        *value = replacement.clone();
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| mutate(field, place, replacement)),
        Value::Array(items) => items.iter_mut().for_each(|item| mutate(item, place, replacement)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:0-9a-z ]{0,80}") {
        parse_leniently(&body, json.as_bytes());
        parse_leniently(json.as_bytes(), &body);
    }

    #[test]
    fn truncated_events_never_panic(sample in prop::sample::select(samples()), cut in any::<prop::sample::Index>()) {
        let body = sample.to_string();
        let cut = cut.index(body.len());
        parse_leniently(&body.as_bytes()[..cut], b"{}");
        parse_leniently(samples()[4].to_string().as_bytes(), &body.as_bytes()[..cut]);
    }

    #[test]
    fn distorted_events_never_panic(
        mut sample in prop::sample::select(samples()), mut place in 0_usize..60, replacement in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(i64::MIN), json!(i64::MAX), json!(u64::MAX), json!(1e300),
            json!(""), json!("é"), json!([]), json!({}), json!([[]]), json!({"id": null}),
        ])
    ) {
        mutate(&mut sample, &mut place, &replacement);
        let body = sample.to_string();
        parse_leniently(body.as_bytes(), b"{}");
        parse_leniently(samples()[4].to_string().as_bytes(), sample["data"]["object"].to_string().as_bytes());
    }
}
