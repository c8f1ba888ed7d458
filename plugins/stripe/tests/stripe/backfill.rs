//! What Stripe has already, listed page by page.

use crate::fixture::{DATE, Usual, item, refusal, subscription, with};
use serde_json::{Value, json};
use tillgate_plugin_sdk::Backfill;
use tillgate_plugin_sdk::backfill::{
    BackfillItem, BackfillKind, BackfillPage, BackfillRequest, CheckoutState, PaymentState,
};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{Effect, ErrorKind, GatewayError, Reached, RetryAdvice, SubscriptionStatus};
use tillgate_plugin_stripe::Stripe;

fn run(script: Script, kind: BackfillKind, cursor: Option<&str>) -> Result<BackfillPage, GatewayError> {
    script.run(async |ctx| {
        let cursor = cursor.map(str::to_owned);
        let extra = vec![];
        Stripe::list_page(ctx, BackfillRequest { kind, cursor, extra }).await
    })
}

/// A list is asked for.
fn asked(script: Script, path: &str, limit: &str) -> Script {
    let script = script.expect_get(path).usual().with_effect(Effect::Read);
    script.without_header("Idempotency-Key").with_query("limit", limit)
}

fn list(data: &[Value], has_more: bool) -> Value {
    json!({"object": "list", "has_more": has_more, "data": data})
}

/// One page of these.
fn page(kind: BackfillKind, path: &str, limit: &str, data: &[Value]) -> BackfillPage {
    let script = asked(Script::new(), path, limit).respond(200, list(data, false));
    let page = run(script.dated(), kind, None).unwrap();
    assert_eq!((&page.next, page.as_of), (&None, DATE));
    page
}

fn left_out(page: &BackfillPage) -> Vec<(Option<&str>, &str)> {
    let all = page.left_out.iter();
    all.map(|left| (left.reference.as_deref(), left.reason.as_str()))
        .collect()
}

fn invoice(id: &str, status: &str, changes: Value) -> Value {
    let invoice = json!({
        "id": id, "object": "invoice", "status": status, "customer": "cus_1", "currency": "usd",
        "amount_due": 1200, "amount_paid": if status == "paid" { 1200 } else { 0 }, "attempt_count": 1,
        "hosted_invoice_url": "https://invoice.stripe.com/i/1",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
    });
    with(invoice, changes)
}

fn session(id: &str, changes: Value) -> Value {
    let session = json!({
        "id": id, "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
        "customer": "cus_1", "customer_details": {"email": "a@example.com"}, "payment_intent": "pi_1",
        "amount_total": 4900, "currency": "usd", "metadata": {"organizationId": "o1"},
    });
    with(session, changes)
}

#[test]
fn customers_come_with_their_address_and_metadata() {
    let customers = [
        json!({"id": "cus_2", "object": "customer", "email": "b@example.com", "metadata": {"org": "o1"}}),
        json!({"id": "cus_1", "object": "customer", "email": null, "metadata": {}}),
    ];
    let page = page(BackfillKind::Customers, "/v1/customers", "100", &customers);
    let [BackfillItem::Customer(second), BackfillItem::Customer(first)] = page.items.as_slice() else {
        panic!("{page:#?}");
    };
    assert_eq!(
        (second.reference.as_str(), second.email.as_deref()),
        ("cus_2", Some("b@example.com"))
    );
    assert_eq!(second.metadata, [("org".to_owned(), "o1".to_owned())]);
    assert_eq!((first.reference.as_str(), &first.email), ("cus_1", &None));
    assert!(page.left_out.is_empty());
}

#[test]
fn a_list_goes_on_after_its_last_object() {
    let customer = json!({"id": "cus_9", "object": "customer"});
    let script = asked(Script::new(), "/v1/customers", "100")
        .with_account("acct_1")
        .with_header("Stripe-Account", "acct_1")
        .respond(200, list(&[customer], true))
        .dated();
    let first = run(script, BackfillKind::Customers, None).unwrap();
    assert_eq!(first.next.as_deref(), Some("cus_9:100"));
    let script = asked(Script::new(), "/v1/customers", "100")
        .with_query("starting_after", "cus_9")
        .respond(200, list(&[], false))
        .dated();
    let last = run(script, BackfillKind::Customers, first.next.as_deref()).unwrap();
    assert_eq!((last.items.len(), last.next), (0, None));
}

#[test]
fn subscriptions_of_every_status_are_listed_with_all_of_their_items() {
    let many = with(
        subscription(),
        json!({"items": {"has_more": true, "data": [item("si_1", "price_a", 1)]}}),
    );
    let ended = with(
        subscription(),
        json!({"id": "sub_0", "status": "canceled", "ended_at": 150}),
    );
    let script = asked(Script::new(), "/v1/subscriptions", "50")
        .with_query("status", "all")
        .respond(200, list(&[many, ended], false))
        .dated()
        .expect_get("/v1/subscription_items")
        .usual()
        .with_query("subscription", "sub_1")
        .with_query("starting_after", "si_1")
        .respond(200, list(&[item("si_2", "price_b", 2)], false));
    let page = run(script, BackfillKind::Subscriptions, None).unwrap();
    let [BackfillItem::Subscription(many), BackfillItem::Subscription(ended)] = page.items.as_slice() else {
        panic!("{page:#?}");
    };
    let prices: Vec<&str> = many.items.iter().map(|item| item.price_reference.as_str()).collect();
    assert_eq!(prices, ["price_a", "price_b"]);
    assert_eq!((many.correlation_id.as_deref(), many.as_of), (Some("chk_1"), None));
    assert_eq!(
        (ended.status, ended.ended_at),
        (SubscriptionStatus::Canceled, Some(150_000))
    );
}

#[test]
fn a_page_ends_before_it_needs_more_requests_than_an_operation_has() {
    let large = |number: u32| {
        let items = json!({"has_more": true, "data": [item("si_1", "price_a", 1)]});
        with(subscription(), json!({"id": format!("sub_{number}"), "items": items}))
    };
    let data: Vec<Value> = (0..10).map(large).collect();
    let mut script = asked(Script::new(), "/v1/subscriptions", "50")
        .respond(200, list(&data, false))
        .dated();
    for _ in 0..8 {
        script = script
            .expect_get("/v1/subscription_items")
            .respond(200, list(&[item("si_2", "price_b", 2)], false));
    }
    let page = run(script, BackfillKind::Subscriptions, None).unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (8, Some("sub_7:50")));
}

#[test]
fn invoices_say_what_their_events_would() {
    let invoices = [
        invoice("in_1", "paid", json!({})),
        invoice("in_2", "open", json!({"next_payment_attempt": 300})),
        invoice("in_3", "open", json!({"attempt_count": 0})),
        invoice("in_4", "uncollectible", json!({})),
        invoice("in_5", "paid", json!({"amount_due": 0, "amount_paid": 0})),
        invoice("in_6", "draft", json!({})),
        invoice("in_7", "void", json!({})),
        invoice("in_8", "void", json!({})),
    ];
    let page = page(BackfillKind::Payments, "/v1/invoices", "25", &invoices);
    let payments = page.items.iter().map(|item| match item {
        BackfillItem::Payment(payment) => (payment.reference.as_str(), payment.state, payment.amount.amount),
        other => panic!("{other:#?}"),
    });
    let payments: Vec<_> = payments.collect();
    let expected = [
        ("in_1", PaymentState::Succeeded, 1200),
        ("in_2", PaymentState::Failed, 1200),
        ("in_3", PaymentState::Pending, 1200),
        ("in_4", PaymentState::Failed, 1200),
        ("in_5", PaymentState::NotRequired, 0),
    ];
    assert_eq!(payments, expected);
    let BackfillItem::Payment(failed) = &page.items[1] else {
        panic!("{page:#?}");
    };
    assert_eq!(failed.subscription_reference.as_deref(), Some("sub_1"));
    assert_eq!((failed.attempt, failed.next_attempt_at), (Some(1), Some(300_000)));
    let expected = [
        (Some("in_6"), "a draft"),
        (Some("in_7"), "void"),
        (Some("in_8"), "void"),
    ];
    assert_eq!(left_out(&page), expected);
}

#[test]
fn invoices_of_before_basil_are_read_as_well() {
    let old = invoice(
        "in_1",
        "paid",
        json!({"parent": null, "subscription": "sub_7", "charge": "ch_1", "payment_intent": "pi_1"}),
    );
    let page = page(BackfillKind::Payments, "/v1/invoices", "25", &[old]);
    let [BackfillItem::Payment(payment)] = page.items.as_slice() else {
        panic!("{page:#?}");
    };
    assert_eq!(payment.subscription_reference.as_deref(), Some("sub_7"));
    assert_eq!(payment.aliases, ["pi_1", "ch_1"]);
}

#[test]
fn finished_checkouts_come_with_the_payment_no_invoice_tells_of() {
    let sessions = [
        session("cs_1", json!({})),
        session("cs_2", json!({"invoice": "in_1"})),
        session(
            "cs_3",
            json!({"mode": "subscription", "subscription": "sub_1", "payment_intent": null}),
        ),
        session("cs_4", json!({"payment_status": "unpaid"})),
        session("cs_5", json!({"mode": "setup"})),
        session("cs_6", json!({"status": "open"})),
    ];
    let script = asked(Script::new(), "/v1/checkout/sessions", "50")
        .with_query("status", "complete")
        .respond(200, list(&sessions, false))
        .dated();
    let page = run(script, BackfillKind::Purchases, None).unwrap();
    let purchases: Vec<_> = page
        .items
        .iter()
        .map(|item| match item {
            BackfillItem::Purchase(purchase) => purchase,
            other => panic!("{other:#?}"),
        })
        .collect();
    let [paid, invoiced, subscribed, pending] = purchases.as_slice() else {
        panic!("{purchases:#?}");
    };
    assert_eq!(
        (paid.checkout.reference.as_str(), paid.checkout.state),
        ("cs_1", CheckoutState::Completed)
    );
    assert_eq!(paid.checkout.metadata, [("organizationId".to_owned(), "o1".to_owned())]);
    let payment = paid.payment.as_ref().unwrap();
    assert_eq!(
        (payment.reference.as_str(), payment.state, payment.amount.amount),
        ("pi_1", PaymentState::Succeeded, 4900)
    );
    assert_eq!(invoiced.checkout.payment_reference.as_deref(), Some("in_1"));
    assert_eq!((&invoiced.payment, &subscribed.payment), (&None, &None));
    assert!(subscribed.checkout.is_subscription);
    assert_eq!(
        (pending.checkout.payment, &pending.payment),
        (PaymentState::Pending, &None)
    );
    let expected = [
        (Some("cs_5"), "for saving a means of payment alone"),
        (Some("cs_6"), "not finished"),
    ];
    assert_eq!(left_out(&page), expected);
}

#[test]
fn what_cannot_be_read_is_left_out_and_the_rest_is_not() {
    let customers = [json!({"id": "cus_2", "email": 7}), json!({"id": "cus_1"}), json!("odd")];
    let page = page(BackfillKind::Customers, "/v1/customers", "100", &customers);
    assert_eq!(page.items.len(), 1);
    let expected = [
        (
            Some("cus_2"),
            "can't be read: the field email is missing or isn't what was expected",
        ),
        (None, "can't be read: it isn't what was expected"),
    ];
    assert_eq!(left_out(&page), expected);
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let script = asked(Script::new(), "/v1/invoices", "25").fail(Reached::Sent, "too-large");
    let script = asked(script, "/v1/invoices", "6").fail(Reached::Sent, "too-large");
    let script = asked(script, "/v1/invoices", "1").respond(200, list(&[invoice("in_9", "paid", json!({}))], true));
    let page = run(script.dated(), BackfillKind::Payments, None).unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (1, Some("in_9:1")));
    // One that alone is too large can't be taken over, and says so.
    let script = asked(Script::new(), "/v1/invoices", "1").fail(Reached::Sent, "too-large");
    let error = run(script, BackfillKind::Payments, Some("in_9:1")).unwrap_err();
    assert!(error.message.contains("too-large"), "{error}");
}

#[test]
fn refusals_are_passed_on_with_when_to_come_again() {
    let script = asked(Script::new(), "/v1/customers", "100")
        .respond(429, refusal("invalid_request_error", Some("rate_limit")))
        .dated()
        .respond_header("Retry-After", "7");
    let error = run(script, BackfillKind::Customers, None).unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::RateLimited, RetryAdvice::After(7_000))
    );
    let script = asked(Script::new(), "/v1/customers", "100").respond(403, refusal("invalid_request_error", None));
    let error = run(script, BackfillKind::Customers, None).unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Unauthorized, RetryAdvice::Never));
}

#[test]
fn nothing_is_asked_for_by_a_cursor_that_is_none() {
    for bad in ["", "cus_1", "cus_1:0", "cus_1:101", "cus_1:x", "../x:5", ":5"] {
        let error = run(Script::new(), BackfillKind::Customers, Some(bad)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest, "{bad}");
    }
}

#[test]
fn an_answer_that_cannot_be_believed_is_an_error() {
    // Without its time nothing could be put in order.
    let script = asked(Script::new(), "/v1/customers", "100").respond(200, list(&[], false));
    let error = run(script, BackfillKind::Customers, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MalformedResponse);
    for body in [json!({"data": 7}), list(&[], true), list(&[json!({})], true)] {
        let script = asked(Script::new(), "/v1/customers", "100").respond(200, body).dated();
        let error = run(script, BackfillKind::Customers, None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MalformedResponse);
    }
    // It would go on forever.
    let script = asked(Script::new(), "/v1/customers", "100")
        .respond(200, list(&[json!({"id": "cus_1"})], true))
        .dated();
    let error = run(script, BackfillKind::Customers, Some("cus_1:100")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MalformedResponse);
}
