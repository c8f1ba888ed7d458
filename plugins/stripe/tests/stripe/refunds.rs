//! Refunds.

use crate::fixture::{DATE, Usual, refusal, with};
use serde_json::{Value, json};
use tillgate_plugin_sdk::Refunds;
use tillgate_plugin_sdk::refunds::{Refund, RefundReason, RefundRequest, RefundState};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{Effect, ErrorKind, GatewayError, Money, Reached};
use tillgate_plugin_stripe::Stripe;

fn money(amount: i64, currency: &str) -> Money {
    Money {
        amount,
        currency: currency.to_owned(),
    }
}

fn request(reference: &str, aliases: &[&str], amount: Option<i64>) -> RefundRequest {
    RefundRequest {
        payment_reference: reference.to_owned(),
        payment_aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        payment_amount: money(5_000, "usd"),
        amount: amount.map(|amount| money(amount, "usd")),
        reason: None,
        extra: vec![],
    }
}

fn run(script: Script, request: RefundRequest) -> Result<Refund, GatewayError> {
    script.run(async |ctx| Stripe::create_refund(ctx, request.clone()).await)
}

fn refund() -> Value {
    json!({
        "id": "re_1", "object": "refund", "amount": 1200, "currency": "usd", "status": "succeeded",
        "payment_intent": "pi_1", "charge": "ch_1", "reason": "duplicate",
    })
}

fn posted(script: Script, fields: &[(&str, &str)]) -> Script {
    script.expect_post("/v1/refunds").keyed("key").with_whole_form(fields)
}

/// The invoice's payments are asked for, and these come back.
fn asked(payments: Value) -> Script {
    let script = Script::new()
        .expect_get("/v1/invoice_payments")
        .usual()
        .with_effect(Effect::Read);
    let script = script.with_query("invoice", "in_1").with_query("status", "paid");
    script.respond(200, json!({"object": "list", "has_more": false, "data": payments}))
}

fn part(amount: i64, payment: Value) -> Value {
    json!({"id": "inpay_1", "object": "invoice_payment", "amount_paid": amount, "payment": payment})
}

#[test]
fn a_payment_intent_is_refunded_in_part() {
    let fields = [("payment_intent", "pi_1"), ("amount", "1200"), ("reason", "duplicate")];
    let script = posted(Script::new(), &fields).respond(200, refund()).dated();
    let mut request = request("pi_1", &["ch_1"], Some(1_200));
    request.reason = Some(RefundReason::Duplicate);
    let made = run(script, request).unwrap();
    assert_eq!(made.reference, "re_1");
    assert_eq!((made.state, made.amount), (RefundState::Succeeded, money(1_200, "usd")));
    assert_eq!(made.payment_references, ["pi_1", "ch_1"]);
    assert_eq!((made.reason.as_deref(), made.as_of), (Some("duplicate"), Some(DATE)));
}

#[test]
fn without_an_amount_all_that_is_left_is_refunded() {
    for (reference, aliases, field) in [
        ("pi_1", &[][..], ("payment_intent", "pi_1")),
        ("ch_1", &[], ("charge", "ch_1")),
        ("py_1", &[], ("charge", "py_1")),
        ("in_1", &["pi_1", "ch_1"], ("payment_intent", "pi_1")),
        ("in_1", &["ch_1"], ("charge", "ch_1")),
    ] {
        let script = posted(Script::new(), &[field]).respond(200, refund());
        run(script, request(reference, aliases, None)).unwrap();
    }
}

#[test]
fn what_an_invoice_was_paid_by_is_asked_for() {
    let intent = json!([part(5_000, json!({"type": "payment_intent", "payment_intent": "pi_1"}))]);
    let script = posted(asked(intent), &[("payment_intent", "pi_1"), ("amount", "1200")]);
    let made = run(script.respond(200, refund()), request("in_1", &[], Some(1_200))).unwrap();
    assert_eq!(made.payment_references, ["pi_1", "ch_1"]);

    let charge = json!([part(5_000, json!({"type": "charge", "charge": "ch_1"}))]);
    let script = posted(asked(charge), &[("charge", "ch_1")]).respond(200, refund());
    run(script, request("in_1", &[], None)).unwrap();

    // Several tries are known, and only one of them paid.
    let paid = json!([part(5_000, json!({"payment_intent": "pi_2"}))]);
    let script = posted(asked(paid), &[("payment_intent", "pi_2")]).respond(200, refund());
    run(script, request("in_1", &["pi_1", "pi_2"], None)).unwrap();
}

#[test]
fn of_several_parts_the_first_that_is_large_enough_is_refunded() {
    let parts = || {
        json!([
            part(1_000, json!({"payment_intent": "pi_1"})),
            part(4_000, json!({"payment_intent": "pi_2"})),
        ])
    };
    let script = posted(asked(parts()), &[("payment_intent", "pi_2"), ("amount", "1200")]);
    run(script.respond(200, refund()), request("in_1", &[], Some(1_200))).unwrap();
    for (amount, parameter) in [(None, "amount"), (Some(4_500), "payment-reference")] {
        let error = run(asked(parts()), request("in_1", &[], amount)).unwrap_err();
        assert_eq!(
            (error.kind, error.parameter.as_deref()),
            (ErrorKind::InvalidRequest, Some(parameter))
        );
    }
}

#[test]
fn what_was_not_paid_through_stripe_is_not_refunded_there() {
    for payments in [json!([]), json!([part(5_000, json!({"type": "payment_record"}))])] {
        let error = run(asked(payments), request("in_1", &[], None)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
    for reference in ["cs_1", "../pi_1"] {
        let error = run(Script::new(), request(reference, &[], None)).unwrap_err();
        assert_eq!(error.parameter.as_deref(), Some("payment-reference"));
    }
}

#[test]
fn amounts_are_said_in_stripes_units() {
    let ask = |amount, currency: &str| RefundRequest {
        amount: Some(money(amount, currency)),
        payment_amount: money(100_000, currency),
        ..request("pi_1", &[], None)
    };
    for (amount, currency, sent) in [(15, "isk", "1500"), (500, "mga", "5"), (700, "jpy", "700")] {
        let answer = with(
            refund(),
            json!({"currency": currency, "amount": sent.parse::<i64>().unwrap()}),
        );
        let script = posted(Script::new(), &[("payment_intent", "pi_1"), ("amount", sent)]);
        let made = run(script.respond(200, answer), ask(amount, currency)).unwrap();
        assert_eq!(made.amount, money(amount, currency));
    }
    for (amount, currency) in [(0, "usd"), (-5, "usd"), (501, "mga")] {
        let error = run(Script::new(), ask(amount, currency)).unwrap_err();
        assert_eq!(error.parameter.as_deref(), Some("amount"), "{amount} {currency}");
    }
}

#[test]
fn a_refund_says_how_far_it_is() {
    use RefundState as S;
    for (word, state) in [
        ("pending", S::Pending),
        ("requires_action", S::RequiresAction),
        ("succeeded", S::Succeeded),
        ("failed", S::Failed),
        ("canceled", S::Canceled),
    ] {
        let script = posted(Script::new(), &[("payment_intent", "pi_1")]);
        let script = script.respond(200, with(refund(), json!({"status": word})));
        assert_eq!(run(script, request("pi_1", &[], None)).unwrap().state, state);
    }
}

#[test]
fn refunding_can_fail_at_each_exchange() {
    let kind = |script| run(script, request("in_1", &[], None)).unwrap_err().kind;
    let get = || Script::new().expect_get("/v1/invoice_payments");
    assert_eq!(kind(get().fail(Reached::MaybeSent, "timeout")), ErrorKind::Unavailable);
    let missing = refusal("invalid_request_error", Some("resource_missing"));
    assert_eq!(kind(get().respond(404, missing)), ErrorKind::NotFound);
    assert_eq!(kind(get().respond_bytes(200, "{")), ErrorKind::MalformedResponse);
    let paid = json!([part(5_000, json!({"payment_intent": "pi_1"}))]);
    let post = || asked(paid.clone()).expect_post("/v1/refunds");
    assert_eq!(kind(post().fail(Reached::NotSent, "dns")), ErrorKind::Unavailable);
    assert_eq!(
        kind(post().fail(Reached::MaybeSent, "timeout")),
        ErrorKind::UnknownOutcome
    );
    let too_much = refusal("invalid_request_error", Some("charge_already_refunded"));
    assert_eq!(kind(post().respond(400, too_much)), ErrorKind::InvalidRequest);
}
