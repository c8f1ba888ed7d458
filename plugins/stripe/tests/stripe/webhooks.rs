//! Every event type, as a snapshot of the newest shape, of the one before, and thin.

use serde_json::{Value, json};
use tillgate_plugin_sdk::Webhooks;
use tillgate_plugin_sdk::testing::{self, Script};
use tillgate_plugin_sdk::types::{ErrorKind, Field, GatewayError, Mode, Money, Reached, SubscriptionStatus};
use tillgate_plugin_sdk::webhooks::{
    CheckoutFacts, CheckoutState, Event, EventBody, PaymentFacts, PaymentState, SubscriptionChange, SubscriptionFacts,
};
use tillgate_plugin_stripe::Stripe;

use crate::fixture::{DATE, Usual, item, refusal, subscription, with};

pub(crate) fn parse_bytes(script: Script, body: &[u8]) -> Result<Vec<Event>, GatewayError> {
    let request = testing::webhook(&[], body);
    let receipt = script.run(async |ctx| Stripe::parse(ctx, request.clone()).await)?;
    assert_eq!(receipt.ack, None);
    Ok(receipt.events)
}

pub(crate) fn event(event_type: &str, object: Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 1_700_000_000,
        "livemode": false, "pending_webhooks": 1, "type": event_type, "account": "acct_1",
        "request": {"id": "req_1", "idempotency_key": "key-1"}, "data": {"object": object},
    })
}

pub(crate) fn thin(event_type: &str, object_type: &str, id: &str) -> Value {
    json!({
        "id": "evt_2", "object": "v2.core.event", "type": format!("v1.{event_type}"),
        "created": "2023-11-14T22:13:20.000Z", "livemode": true, "context": "acct_2", "snapshot_event": "evt_1",
        "reason": {"type": "request", "request": {"id": "req_2", "idempotency_key": "key-2"}},
        "related_object": {"id": id, "type": object_type, "url": "https://evil.example/v1/anything"},
    })
}

fn parse(event: &Value) -> Vec<Event> {
    parse_bytes(Script::new(), event.to_string().as_bytes()).unwrap()
}

pub(crate) fn only(events: Vec<Event>) -> Event {
    let [event] = <[Event; 1]>::try_from(events).unwrap();
    event
}

/// The same event three times: with the object, with the object as it was before basil, and thin.
fn in_all_shapes(event_type: &str, new: &Value, old: &Value, path: &str) -> [Vec<Event>; 3] {
    let script = Script::new().expect_get(path).usual().respond(200, new.clone()).dated();
    let id = new["id"].as_str().unwrap();
    let related = new["object"].as_str().unwrap();
    let thin = thin(event_type, related, id).to_string();
    [
        parse(&event(event_type, new.clone())),
        parse(&event(event_type, old.clone())),
        parse_bytes(script, thin.as_bytes()).unwrap(),
    ]
}

pub(crate) fn usd(amount: i64) -> Money {
    Money {
        amount,
        currency: "usd".into(),
    }
}

fn checkout(event: Event) -> CheckoutFacts {
    let EventBody::Checkout(facts) = event.body else {
        panic!("{event:#?}")
    };
    facts
}

fn subscribed(event: Event) -> SubscriptionFacts {
    let EventBody::Subscription(facts) = event.body else {
        panic!("{event:#?}")
    };
    facts
}

fn payment(event: Event) -> PaymentFacts {
    let EventBody::Payment(facts) = event.body else {
        panic!("{event:#?}")
    };
    facts
}

fn session() -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "mode": "subscription", "status": "complete", "url": null,
        "payment_status": "paid", "customer": "cus_1", "customer_details": {"email": "a@b.c"}, "subscription": "sub_1",
        "invoice": "in_1", "payment_intent": null, "client_reference_id": "chk_1", "amount_total": 1500,
        "currency": "usd", "created": 1, "expires_at": 2, "recovered_from": null,
        "metadata": {"org": "o1", "tillgate_checkout_session": "chk_1"},
    })
}

pub(crate) fn one_time(changes: Value) -> Value {
    let one_time = json!({"mode": "payment", "subscription": null, "invoice": null, "payment_intent": "pi_1"});
    with(with(session(), one_time), changes)
}

fn invoice() -> Value {
    json!({
        "id": "in_1", "object": "invoice", "status": "paid", "customer": "cus_1", "currency": "usd",
        "amount_due": 1000, "amount_paid": 1000, "attempt_count": 1, "next_payment_attempt": null,
        "hosted_invoice_url": "https://invoice.stripe.com/i/1", "last_finalization_error": null,
        "parent": {"type": "subscription_details", "quote_details": null,
                   "subscription_details": {"subscription": "sub_1", "metadata": {}}},
    })
}

pub(crate) fn old_invoice() -> Value {
    let old = json!({"subscription": "sub_1", "charge": "ch_1", "payment_intent": "pi_1", "paid": true});
    let mut invoice = with(invoice(), old);
    invoice.as_object_mut().unwrap().remove("parent");
    invoice
}

#[test]
fn the_envelope_is_kept() {
    let found = only(parse(&event("customer.subscription.updated", subscription())));
    assert_eq!(found.dedupe_key, "evt_1");
    assert_eq!(found.provider_event_id.as_deref(), Some("evt_1"));
    assert_eq!(found.provider_type, "customer.subscription.updated");
    assert_eq!(found.occurred_at, Some(1_700_000_000_000));
    assert_eq!(found.mode, Some(Mode::Test));
    assert_eq!(found.account_reference.as_deref(), Some("acct_1"));
    assert_eq!(found.idempotency_key.as_deref(), Some("key-1"));

    let thin = thin("customer.subscription.updated", "subscription", "sub_1").to_string();
    let script = Script::new()
        .expect_get("/v1/subscriptions/sub_1")
        .respond(200, subscription())
        .dated();
    let found = only(parse_bytes(script, thin.as_bytes()).unwrap());
    assert_eq!(found.dedupe_key, "evt_2");
    assert_eq!(found.provider_type, "v1.customer.subscription.updated");
    assert_eq!(found.occurred_at, Some(1_700_000_000_000));
    assert_eq!(found.mode, Some(Mode::Live));
    assert_eq!(found.account_reference.as_deref(), Some("acct_2"));
    assert_eq!(found.idempotency_key.as_deref(), Some("key-2"));

    let bare = json!({"id": "evt_3", "object": "event", "type": "ping", "request": "req_1"});
    let found = only(parse(&bare));
    assert_eq!(
        (found.mode, found.occurred_at, found.idempotency_key),
        (None, None, None)
    );
}

#[test]
fn subscriptions_tell_their_whole_state() {
    use SubscriptionChange as C;
    let mut old_item = item("si_1", "price_seat", 5);
    old_item
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with("current_period"));
    let old = json!({"items": {"data": [old_item]}, "current_period_start": 100, "current_period_end": 200});
    let old = with(subscription(), old);
    for (event_type, change) in [
        ("created", C::Created),
        ("updated", C::Updated),
        ("deleted", C::Ended),
        ("paused", C::Updated),
        ("resumed", C::Updated),
        ("trial_will_end", C::Updated),
        ("pending_update_applied", C::Updated),
        ("pending_update_expired", C::Updated),
    ] {
        let event_type = format!("customer.subscription.{event_type}");
        let shapes = in_all_shapes(&event_type, &subscription(), &old, "/v1/subscriptions/sub_1");
        let [new, old, thin] = shapes.map(|events| subscribed(only(events)));
        assert_eq!(new.change, change);
        assert_eq!(new.snapshot.period_end, Some(200_000));
        assert_eq!(new.snapshot.correlation_id.as_deref(), Some("chk_1"));
        assert_eq!(new.snapshot.as_of, Some(1_700_000_000_000));
        assert_eq!(new, old, "{event_type}");
        assert_eq!(thin.snapshot.as_of, Some(DATE), "what was asked for now is true now");
        let mut thin = thin;
        thin.snapshot.as_of = new.snapshot.as_of;
        assert_eq!(new, thin, "{event_type}");
    }
}

#[test]
fn checkouts_tell_how_they_went() {
    use {CheckoutState as C, PaymentState as P};
    for (event_type, status, state, expected) in [
        ("completed", "paid", C::Completed, P::Succeeded),
        ("completed", "unpaid", C::Completed, P::Pending),
        ("completed", "no_payment_required", C::Completed, P::NotRequired),
        ("completed", "new_word", C::Completed, P::Pending),
        ("async_payment_succeeded", "paid", C::PaymentSucceeded, P::Succeeded),
        ("async_payment_failed", "unpaid", C::PaymentFailed, P::Failed),
        ("expired", "unpaid", C::Expired, P::Failed),
    ] {
        let event_type = format!("checkout.session.{event_type}");
        let session = with(session(), json!({"payment_status": status}));
        let shapes = in_all_shapes(&event_type, &session, &session, "/v1/checkout/sessions/cs_1");
        let [new, old, thin] = shapes.map(|events| checkout(only(events)));
        assert_eq!((new.state, new.payment), (state, expected), "{event_type} {status}");
        assert_eq!((&new, &new), (&old, &thin));
        assert!(new.is_subscription);
        assert_eq!(new.reference, "cs_1");
        assert_eq!(new.correlation_id.as_deref(), Some("chk_1"));
        assert_eq!(new.customer_reference.as_deref(), Some("cus_1"));
        assert_eq!(new.customer_email.as_deref(), Some("a@b.c"));
        assert_eq!(new.subscription_reference.as_deref(), Some("sub_1"));
        assert_eq!(new.payment_reference.as_deref(), Some("in_1"));
        assert_eq!(new.total, Some(usd(1500)));
        assert_eq!(new.metadata, [("org".to_owned(), "o1".to_owned())] as [Field; 1]);
    }
}

#[test]
fn a_checkout_of_another_origin_has_its_own_reference() {
    let foreign = json!({"metadata": {}, "client_reference_id": "theirs", "customer_details": null,
                         "customer_email": "c@d.e"});
    let found = checkout(only(parse(&event(
        "checkout.session.completed",
        with(session(), foreign),
    ))));
    assert_eq!(found.correlation_id.as_deref(), Some("theirs"));
    assert_eq!(found.customer_email.as_deref(), Some("c@d.e"));
}

#[test]
fn one_payment_is_told_with_its_checkout() {
    use PaymentState as P;
    for (event_type, status, state) in [
        ("completed", "paid", Some(P::Succeeded)),
        ("completed", "unpaid", None),
        ("completed", "no_payment_required", None),
        ("async_payment_succeeded", "paid", Some(P::Succeeded)),
        ("async_payment_failed", "unpaid", Some(P::Failed)),
    ] {
        let session = one_time(json!({"payment_status": status}));
        let mut events = parse(&event(&format!("checkout.session.{event_type}"), session));
        let told = events.split_off(1);
        let facts = checkout(only(events));
        assert!(!facts.is_subscription);
        assert_eq!(facts.payment_reference.as_deref(), Some("pi_1"));
        let Some(state) = state else {
            assert_eq!(told, [], "{event_type} {status}");
            continue;
        };
        let told = only(told);
        assert_eq!(told.dedupe_key, "evt_1/payment");
        assert_eq!(told.provider_event_id.as_deref(), Some("evt_1"));
        let facts = payment(told);
        assert_eq!((facts.reference.as_str(), facts.state), ("pi_1", state));
        assert_eq!(facts.amount, usd(1500));
        assert_eq!(facts.customer_reference.as_deref(), Some("cus_1"));
    }
    let expired = one_time(json!({"payment_status": "unpaid", "payment_intent": null}));
    assert_eq!(parse(&event("checkout.session.expired", expired)).len(), 1);
    // With an invoice its own events tell of the same payment, so it has the same reference.
    let invoiced = one_time(json!({"invoice": "in_1"}));
    let facts = payment(parse(&event("checkout.session.completed", invoiced)).remove(1));
    assert_eq!(
        (facts.reference.as_str(), facts.aliases.as_slice()),
        ("in_1", &["pi_1".to_owned()][..])
    );
}

#[test]
fn invoices_tell_of_payments() {
    use PaymentState as P;
    let open = |invoice| {
        with(
            invoice,
            json!({"status": "open", "amount_paid": 0, "attempt_count": 2, "next_payment_attempt": 300,
                             "last_finalization_error": {"message": "no"}}),
        )
    };
    for (event_type, state, is_paid) in [
        ("invoice.paid", P::Succeeded, true),
        ("invoice.payment_succeeded", P::Succeeded, true),
        ("invoice.payment_failed", P::Failed, false),
        ("invoice.payment_action_required", P::Pending, false),
    ] {
        let (new, old) = match is_paid {
            true => (invoice(), old_invoice()),
            false => (open(invoice()), open(old_invoice())),
        };
        let shapes = in_all_shapes(event_type, &new, &old, "/v1/invoices/in_1");
        let [new, mut old, thin] = shapes.map(|events| payment(only(events)));
        assert_eq!((new.reference.as_str(), new.state), ("in_1", state));
        assert_eq!(new.amount, usd(1000));
        assert_eq!(new.subscription_reference.as_deref(), Some("sub_1"));
        assert_eq!(new.customer_reference.as_deref(), Some("cus_1"));
        assert_eq!(new.attempt, Some(if is_paid { 1 } else { 2 }));
        assert_eq!(new.next_attempt_at, (!is_paid).then_some(300_000));
        assert_eq!(new.failure_reason.as_deref(), (state == P::Failed).then_some("no"));
        assert_eq!(new.invoice_url.as_deref(), Some("https://invoice.stripe.com/i/1"));
        assert_eq!(new, thin);
        assert_eq!(old.aliases, ["pi_1", "ch_1"]);
        old.aliases.clear();
        assert_eq!(new, old);
    }
}

#[test]
fn invoices_at_the_edges() {
    let told = |event_type, changes| payment(only(parse(&event(event_type, with(invoice(), changes)))));
    let free = told("invoice.paid", json!({"amount_due": 0, "amount_paid": 0}));
    assert_eq!((free.state, free.amount), (PaymentState::NotRequired, usd(0)));
    // Fetched later than it failed, it may have been paid meanwhile.
    assert_eq!(told("invoice.payment_failed", json!({})).state, PaymentState::Succeeded);
    let single = told("invoice.paid", json!({"parent": null}));
    assert_eq!(single.subscription_reference, None);
    let expanded = json!({"payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_9"}}]}});
    assert_eq!(told("invoice.paid", expanded).aliases, ["pi_9"]);
    let last = told(
        "invoice.payment_failed",
        json!({"status": "open", "next_payment_attempt": null}),
    );
    assert_eq!(last.next_attempt_at, None);
}

#[test]
fn anything_else_is_other_and_asks_nothing() {
    let strange = json!({"id": 1, "object": ["never", "read"]});
    for event_type in [
        "customer.created",
        "invoice.created",
        "payment_intent.succeeded",
        "a.new.one",
    ] {
        assert_eq!(only(parse(&event(event_type, strange.clone()))).body, EventBody::Other);
        let thin = only(parse(&thin(event_type, "customer", "cus_1")));
        assert_eq!(
            (thin.body, thin.provider_type),
            (EventBody::Other, format!("v1.{event_type}"))
        );
    }
    let v2 = json!({"id": "evt_4", "object": "v2.core.event", "type": "v2.core.account.updated",
                    "created": "2023-11-14T22:13:20Z"});
    assert_eq!(only(parse(&v2)).body, EventBody::Other);
    let vector = include_bytes!("../data/event_test_signature.json");
    let found = only(parse_bytes(Script::new(), vector).unwrap());
    assert_eq!(
        (found.body, found.account_reference.as_deref()),
        (EventBody::Other, Some("acct_123"))
    );
}

#[test]
fn thin_events_ask_where_the_type_says_and_nowhere_else() {
    let gone = thin("customer.subscription.deleted", "subscription", "sub_9").to_string();
    let expected = || Script::new().expect_get("/v1/subscriptions/sub_9").usual();
    let missing = expected().respond(404, refusal("invalid_request_error", Some("resource_missing")));
    assert_eq!(
        only(parse_bytes(missing, gone.as_bytes()).unwrap()).body,
        EventBody::Other
    );

    let kind = |script| parse_bytes(script, gone.as_bytes()).unwrap_err().kind;
    assert_eq!(kind(expected().respond(500, json!({}))), ErrorKind::Unavailable);
    assert_eq!(
        kind(expected().respond(401, refusal("x", None))),
        ErrorKind::Unauthorized
    );
    assert_eq!(
        kind(expected().fail(Reached::MaybeSent, "timeout")),
        ErrorKind::Unavailable
    );
    assert_eq!(
        kind(expected().respond_bytes(200, "<html>")),
        ErrorKind::MalformedResponse
    );
    assert_eq!(
        kind(expected().respond(200, json!({"id": "sub_9"}))),
        ErrorKind::MalformedResponse
    );

    let other_kind = thin("customer.subscription.deleted", "invoice", "in_1");
    assert_eq!(only(parse(&other_kind)).body, EventBody::Other);
    for id in ["../charges/ch_1", "sub_9?x", "", "sub 9"] {
        let body = thin("customer.subscription.deleted", "subscription", id).to_string();
        let error = parse_bytes(Script::new(), body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MalformedResponse, "{id}");
    }
    let mut unrelated = thin("customer.subscription.deleted", "subscription", "sub_9");
    unrelated.as_object_mut().unwrap().remove("related_object");
    let error = parse_bytes(Script::new(), unrelated.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MalformedResponse);
}

#[test]
fn what_is_asked_is_asked_for_the_events_account() {
    let body = thin("customer.subscription.updated", "subscription", "sub_1").to_string();
    let expected = |account| {
        let script = Script::new()
            .expect_get("/v1/subscriptions/sub_1")
            .with_header("Stripe-Account", account);
        script.respond(200, subscription())
    };
    parse_bytes(expected("acct_2"), body.as_bytes()).unwrap();
    parse_bytes(expected("acct_9").with_account("acct_9"), body.as_bytes()).unwrap();
}

#[test]
fn items_that_did_not_fit_a_webhook_are_asked_for() {
    let first = json!({"items": {"has_more": true, "data": [item("si_1", "price_a", 1)]}});
    let body = event("customer.subscription.updated", with(subscription(), first)).to_string();
    let script = Script::new()
        .expect_get("/v1/subscription_items")
        .with_query("starting_after", "si_1");
    let script = script.respond(200, json!({"has_more": false, "data": [item("si_2", "price_b", 2)]}));
    let facts = subscribed(only(parse_bytes(script, body.as_bytes()).unwrap()));
    assert_eq!(facts.snapshot.items.len(), 2);
}

#[test]
fn unknown_statuses_keep_stripes_word() {
    let object = with(subscription(), json!({"status": "hibernating"}));
    let facts = subscribed(only(parse(&event("customer.subscription.updated", object))));
    assert_eq!(facts.snapshot.status, SubscriptionStatus::Unknown);
    assert_eq!(facts.snapshot.provider_status, "hibernating");
}

#[test]
fn what_is_no_event_is_malformed() {
    let deep = format!("{}{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    let deep_inside = format!("{{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"x\",\"data\":{deep}}}");
    let no_object = json!({"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {}}).to_string();
    let no_amount = event("invoice.paid", json!({"id": "in_1", "currency": "usd"})).to_string();
    let wrong_amount = event("invoice.paid", with(invoice(), json!({"amount_paid": "1000"}))).to_string();
    let fraction = event("invoice.paid", with(invoice(), json!({"amount_paid": 10.5}))).to_string();
    let huge = event(
        "refund.created",
        json!({"id": "re_1", "amount": u64::MAX, "currency": "usd"}),
    )
    .to_string();
    let isk = json!({"id": "re_1", "amount": 1, "currency": "isk"});
    let isk = event("refund.created", isk).to_string();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "7",
        "\"event\"",
        r#"{"id":"evt_1","object":"customer","type":"x"}"#,
        r#"{"id":"","object":"event","type":"x"}"#,
        r#"{"id":"evt_1","object":"event","type":""}"#,
        r#"{"id":"evt_1","object":"event"}"#,
        r#"{"id":1,"object":"event","type":"x"}"#,
        "{\"id\":\"evt_1\"}}",
        &deep,
        &deep_inside,
        &no_object,
        &no_amount,
        &wrong_amount,
        &fraction,
        &huge,
        &isk,
    ] {
        let error = parse_bytes(Script::new(), body.as_bytes()).unwrap_err();
        assert_eq!(
            error.kind,
            ErrorKind::MalformedResponse,
            "{}",
            &body[..body.len().min(90)]
        );
        assert!(error.message.len() <= 4096);
    }
    let invalid = parse_bytes(Script::new(), b"{\"id\":\"\xff\"}").unwrap_err();
    assert_eq!(invalid.kind, ErrorKind::MalformedResponse);
}

#[test]
fn a_checkout_that_only_saves_a_card_sells_nothing() {
    let setup = with(
        session(),
        json!({"mode": "setup", "payment_status": "no_payment_required", "subscription": null}),
    );
    let found = only(parse(&event("checkout.session.completed", setup)));
    assert_eq!(found.body, EventBody::Other);
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let body = format!("\u{feff}{}", event("customer.created", json!({})));
    assert_eq!(
        only(parse_bytes(Script::new(), body.as_bytes()).unwrap()).body,
        EventBody::Other
    );
}
