//! Refunds and disputes. What they name is a payment intent, and of which invoice that is has to be asked for.

use serde_json::{Value, json};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::ErrorKind;
use tillgate_plugin_sdk::webhooks::{DisputeFacts, Event, EventBody, RefundFacts, RefundState};

use crate::fixture::{Usual, refusal, with};
use crate::webhooks::{event, only, parse_bytes, thin, usd};

fn refund(event: Event) -> RefundFacts {
    let EventBody::Refund(facts) = event.body else {
        panic!("{event:#?}")
    };
    facts
}

fn dispute(event: Event) -> DisputeFacts {
    let EventBody::Dispute(facts) = event.body else {
        panic!("{event:#?}")
    };
    facts
}

/// The invoices are asked for that `pi_1` paid, and these come back.
fn asked(script: Script, invoices: &[&str]) -> Script {
    let paid: Vec<Value> = invoices
        .iter()
        .map(|invoice| {
            json!({"id": "inpay_1", "object": "invoice_payment", "amount_paid": 1000, "invoice": invoice,
                   "payment": {"type": "payment_intent", "payment_intent": "pi_1"}})
        })
        .collect();
    script
        .expect_get("/v1/invoice_payments")
        .usual()
        .with_query("payment[type]", "payment_intent")
        .with_query("payment[payment_intent]", "pi_1")
        .respond(200, json!({"object": "list", "has_more": false, "data": paid}))
        .dated()
}

/// The object in an event, and what the thin event of it becomes: the invoices are asked for each time.
fn snapshot_and_thin(event_type: &str, object: &Value, path: &str, invoices: &[&str]) -> [Event; 2] {
    let related = object["object"].as_str().unwrap();
    let thin = thin(event_type, related, object["id"].as_str().unwrap()).to_string();
    let fetched = Script::new().expect_get(path).usual().respond(200, object.clone());
    let snapshot = event(event_type, object.clone()).to_string();
    [
        only(parse_bytes(asked(Script::new(), invoices), snapshot.as_bytes()).unwrap()),
        only(parse_bytes(asked(fetched.dated(), invoices), thin.as_bytes()).unwrap()),
    ]
}

fn a_charge() -> Value {
    json!({"id": "ch_1", "object": "charge", "amount": 1000, "amount_refunded": 500, "refunded": false,
           "payment_intent": "pi_1", "customer": "cus_1", "currency": "usd", "metadata": {}})
}

fn a_refund() -> Value {
    json!({"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "charge": "ch_1",
           "payment_intent": "pi_1", "status": "succeeded", "reason": "duplicate",
           "failure_reason": "lost_or_stolen_card", "metadata": {}})
}

fn a_dispute() -> Value {
    json!({"id": "du_1", "object": "dispute", "amount": 1000, "currency": "usd", "charge": "ch_1",
           "payment_intent": "pi_1", "reason": "fraudulent", "status": "needs_response",
           "evidence_details": {"due_by": 400, "has_evidence": false}, "metadata": {}})
}

#[test]
fn a_refunded_charge_is_told() {
    let told = snapshot_and_thin("charge.refunded", &a_charge(), "/v1/charges/ch_1", &["in_1"]);
    let [new, thin] = told.map(refund);
    assert_eq!(
        (new.reference.as_deref(), new.state, &new.amount),
        (None, RefundState::Succeeded, &usd(500))
    );
    assert_eq!(new.payment_references, ["pi_1", "ch_1", "in_1"]);
    assert_eq!(new, thin);

    // Before basil it names its invoice, and nothing is asked.
    let old = event("charge.refunded", with(a_charge(), json!({"invoice": "in_1"}))).to_string();
    let old = refund(only(parse_bytes(Script::new(), old.as_bytes()).unwrap()));
    assert_eq!(new, old);
}

#[test]
fn refunds_are_told() {
    use RefundState as R;
    for event_type in [
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.refund.updated",
    ] {
        for (word, state) in [
            (json!("pending"), R::Pending),
            (json!("requires_action"), R::RequiresAction),
            (json!("succeeded"), R::Succeeded),
            (json!("failed"), R::Failed),
            (json!("canceled"), R::Canceled),
            (json!(null), R::Pending),
            (json!("new_word"), R::Pending),
        ] {
            let object = with(a_refund(), json!({"status": word}));
            let [new, thin] = snapshot_and_thin(event_type, &object, "/v1/refunds/re_1", &["in_1"]).map(refund);
            assert_eq!((new.reference.as_deref(), new.state), (Some("re_1"), state));
            assert_eq!(new.amount, usd(500));
            assert_eq!(new.payment_references, ["pi_1", "ch_1", "in_1"]);
            assert_eq!(new.reason.as_deref(), Some("duplicate"));
            assert_eq!(new.failure_reason.as_deref(), Some("lost_or_stolen_card"));
            assert_eq!(new, thin);
        }
    }
}

#[test]
fn disputes_are_told() {
    for event_type in [
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ] {
        let told = snapshot_and_thin(event_type, &a_dispute(), "/v1/disputes/du_1", &["in_1"]);
        let [new, thin] = told.map(dispute);
        assert_eq!(
            (new.reference.as_str(), new.provider_status.as_str()),
            ("du_1", "needs_response")
        );
        assert_eq!(new.amount, usd(1000));
        assert_eq!(new.payment_references, ["pi_1", "ch_1", "in_1"]);
        assert_eq!(new.reason.as_deref(), Some("fraudulent"));
        assert_eq!(new.evidence_due_at, Some(400_000));
        assert_eq!(new, thin);
    }
}

#[test]
fn a_payment_of_no_invoice_is_known_by_itself() {
    let body = event("refund.created", a_refund()).to_string();
    let nothing = Script::new()
        .expect_get("/v1/invoice_payments")
        .usual()
        .respond(404, refusal("invalid_request_error", Some("resource_missing")))
        .dated();
    for script in [asked(Script::new(), &[]), nothing] {
        let found = refund(only(parse_bytes(script, body.as_bytes()).unwrap()));
        assert_eq!(found.payment_references, ["pi_1", "ch_1"]);
    }
    // An old charge without a payment intent: there is nothing to ask by.
    let body = event("refund.created", with(a_refund(), json!({"payment_intent": null}))).to_string();
    let found = refund(only(parse_bytes(Script::new(), body.as_bytes()).unwrap()));
    assert_eq!(found.payment_references, ["ch_1"]);
}

#[test]
fn a_webhook_waits_for_what_cannot_be_asked_now() {
    let body = event("charge.dispute.created", a_dispute()).to_string();
    for (status, kind, wanted) in [
        (403, "invalid_request_error", ErrorKind::Unauthorized),
        (429, "invalid_request_error", ErrorKind::RateLimited),
        (500, "api_error", ErrorKind::Unavailable),
    ] {
        let script = Script::new()
            .expect_get("/v1/invoice_payments")
            .usual()
            .respond(status, refusal(kind, None))
            .dated();
        let error = parse_bytes(script, body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, wanted, "{status}: {error:#?}");
    }
}
