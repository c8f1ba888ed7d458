//! Subscriptions: asking, canceling, seats.

use crate::fixture::{DATE, PATH, Usual, applied, fetched, item, posted, refusal, subscription, with};
use serde_json::{Value, json};
use tillgate_plugin_sdk::Subscriptions;
use tillgate_plugin_sdk::subscriptions::{
    CancelMode, CancelRequest, ChangeOutcome, Proration, RetrieveRequest, SeatsRequest, Subscription,
    SubscriptionStatus,
};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{Effect, ErrorKind, GatewayError, Reached, RetryAdvice};
use tillgate_plugin_stripe::Stripe;

fn retrieve(script: Script, reference: &str) -> Result<Subscription, GatewayError> {
    let request = RetrieveRequest {
        reference: reference.into(),
        extra: vec![],
    };
    script.run(async |ctx| Stripe::retrieve(ctx, request.clone()).await)
}

fn cancel(script: Script, mode: CancelMode, reason: Option<&str>) -> Result<ChangeOutcome, GatewayError> {
    let request = CancelRequest {
        reference: "sub_1".into(),
        mode,
        reason: reason.map(str::to_owned),
        extra: vec![],
    };
    script.run(async |ctx| Stripe::cancel(ctx, request.clone()).await)
}

fn seats(script: Script, price: Option<&str>, seats: u64, proration: Proration) -> Result<ChangeOutcome, GatewayError> {
    let request = SeatsRequest {
        reference: "sub_1".into(),
        price_reference: price.map(str::to_owned),
        seats,
        proration,
        extra: vec![],
    };
    script.run(async |ctx| Stripe::update_seats(ctx, request.clone()).await)
}

fn snapshot(answer: Value) -> Subscription {
    retrieve(fetched(Script::new(), answer), "sub_1").unwrap()
}

#[test]
fn a_subscription_is_retrieved_whole() {
    let subscription = snapshot(subscription());
    assert_eq!(subscription.reference, "sub_1");
    assert_eq!(subscription.customer_reference.as_deref(), Some("cus_1"));
    assert_eq!(subscription.status, SubscriptionStatus::Active);
    assert_eq!(subscription.provider_status, "active");
    assert_eq!(subscription.currency.as_deref(), Some("usd"));
    assert_eq!(
        (subscription.period_start, subscription.period_end),
        (Some(100_000), Some(200_000))
    );
    assert_eq!(subscription.correlation_id.as_deref(), Some("chk_1"));
    assert_eq!(subscription.metadata, [("org".to_owned(), "o1".to_owned())]);
    assert_eq!(subscription.as_of, Some(DATE));
    let [item] = subscription.items.as_slice() else {
        panic!("one item");
    };
    assert_eq!(item.reference, "si_1");
    assert_eq!(item.price_reference, "price_seat");
    assert_eq!(item.product_reference.as_deref(), Some("prod_1"));
    assert_eq!(item.quantity, Some(5));
    assert_eq!(item.unit_amount.as_ref().map(|money| money.amount), Some(1000));
}

#[test]
fn every_status_is_known_or_kept() {
    use SubscriptionStatus as S;
    for (word, status) in [
        ("incomplete", S::Incomplete),
        ("incomplete_expired", S::Expired),
        ("trialing", S::Trialing),
        ("active", S::Active),
        ("past_due", S::PastDue),
        ("unpaid", S::Unpaid),
        ("paused", S::Paused),
        ("canceled", S::Canceled),
        ("hibernating", S::Unknown),
    ] {
        let found = snapshot(with(subscription(), json!({"status": word})));
        assert_eq!((found.status, found.provider_status.as_str()), (status, word));
    }
}

#[test]
fn periods_span_the_items_or_are_the_subscriptions() {
    let mut late = item("si_2", "price_b", 1);
    late["current_period_start"] = json!(50);
    late["current_period_end"] = json!(300);
    let both = json!({"items": {"data": [item("si_1", "price_a", 1), late]}});
    let found = snapshot(with(subscription(), both));
    assert_eq!((found.period_start, found.period_end), (Some(50_000), Some(300_000)));

    let mut old = item("si_1", "price_a", 1);
    old.as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with("current_period"));
    let old = json!({"items": {"data": [old]}, "current_period_start": 7, "current_period_end": 8});
    let found = snapshot(with(subscription(), old));
    assert_eq!((found.period_start, found.period_end), (Some(7000), Some(8000)));
}

#[test]
fn a_scheduled_end_is_seen_however_it_is_told() {
    let told = |changes| {
        let found = snapshot(with(subscription(), changes));
        (found.cancel_at, found.cancel_at_period_end)
    };
    assert_eq!(told(json!({})), (None, false));
    assert_eq!(told(json!({"cancel_at_period_end": true})), (Some(200_000), true));
    assert_eq!(
        told(json!({"cancel_at_period_end": true, "cancel_at": 200})),
        (Some(200_000), true)
    );
    assert_eq!(told(json!({"cancel_at": 200})), (Some(200_000), true));
    assert_eq!(told(json!({"cancel_at": 150})), (Some(150_000), false));
    let ended = json!({"cancel_at_period_end": true, "cancel_at": 200, "status": "canceled", "ended_at": 200});
    assert_eq!(told(ended), (None, false));
}

#[test]
fn expanded_and_sparse_objects_are_read() {
    let expanded = json!({"customer": {"id": "cus_9", "object": "customer"}, "metadata": null, "items": null});
    let found = snapshot(with(subscription(), expanded));
    assert_eq!(found.customer_reference.as_deref(), Some("cus_9"));
    assert_eq!(found.items, []);
    assert_eq!(found.correlation_id, None);
    let metered = json!({"items": {"data": [{"id": "si_1", "price": "price_1"}]}});
    let found = snapshot(with(subscription(), metered));
    assert_eq!(found.items[0].quantity, None);
    assert_eq!(found.items[0].price_reference, "price_1");
    let minimal = snapshot(json!({"id": "sub_1", "status": "active"}));
    assert_eq!(minimal.period_end, None);
}

#[test]
fn items_that_did_not_fit_are_asked_for() {
    let first = json!({"items": {"has_more": true, "data": [item("si_1", "price_a", 1)]}});
    let script = fetched(Script::new(), with(subscription(), first));
    let script = script
        .expect_get("/v1/subscription_items")
        .usual()
        .with_query("subscription", "sub_1");
    let script = script.with_query("starting_after", "si_1").with_query("limit", "100");
    let page = json!({"has_more": false, "data": [item("si_2", "price_b", 2)]});
    let found = retrieve(script.respond(200, page), "sub_1").unwrap();
    assert_eq!(found.items.len(), 2);
    assert_eq!(found.items[1].price_reference, "price_b");
    let endless = json!({"items": {"has_more": true, "data": []}});
    assert_eq!(snapshot(with(subscription(), endless)).items, []);
}

#[test]
fn asking_can_fail() {
    let get = || Script::new().expect_get(PATH);
    let kind = |script| retrieve(script, "sub_1").unwrap_err().kind;
    let missing = refusal("invalid_request_error", Some("resource_missing"));
    assert_eq!(kind(get().respond(404, missing)), ErrorKind::NotFound);
    assert_eq!(
        kind(get().respond(500, refusal("api_error", None))),
        ErrorKind::Unavailable
    );
    assert_eq!(kind(get().respond_bytes(200, "<html>")), ErrorKind::MalformedResponse);
    assert_eq!(kind(get().respond_bytes(302, "")), ErrorKind::MalformedResponse);
    assert_eq!(
        kind(get().respond(200, json!({"id": "sub_1"}))),
        ErrorKind::MalformedResponse
    );
    for reached in [Reached::NotSent, Reached::MaybeSent, Reached::Sent] {
        assert_eq!(kind(get().fail(reached, "timeout")), ErrorKind::Unavailable);
    }
    let late = retrieve(
        get().respond(429, json!({})).respond_header("retry-after", "1"),
        "sub_1",
    );
    assert_eq!(late.unwrap_err().retry, RetryAdvice::After(1000));
}

#[test]
fn what_can_not_be_an_id_becomes_no_path() {
    for bad in ["", "sub/1", "../x", "sub_1?x", "sub 1", "süb", &"a".repeat(256)] {
        assert_eq!(
            retrieve(Script::new(), bad).unwrap_err().kind,
            ErrorKind::InvalidRequest
        );
    }
}

fn canceled() -> Value {
    with(
        subscription(),
        json!({"status": "canceled", "ended_at": 150, "canceled_at": 150}),
    )
}

#[test]
fn an_immediate_cancellation_deletes() {
    let script = Script::new()
        .expect_delete(PATH)
        .usual()
        .with_effect(Effect::IdempotentWrite);
    let script = script
        .without_header("Idempotency-Key")
        .with_query("cancellation_details[comment]", "bye");
    let outcome = cancel(
        script.respond(200, canceled()).dated(),
        CancelMode::Immediate,
        Some("bye"),
    );
    let found = applied(outcome.unwrap());
    assert_eq!(found.status, SubscriptionStatus::Canceled);
    assert_eq!(found.ended_at, Some(150_000));
    assert_eq!(found.as_of, Some(DATE));
}

#[test]
fn canceling_what_has_ended_is_applied() {
    let missing = refusal("invalid_request_error", Some("resource_missing"));
    let deleted = || Script::new().expect_delete(PATH).respond(404, missing.clone());
    let outcome = cancel(fetched(deleted(), canceled()), CancelMode::Immediate, None).unwrap();
    assert_eq!(applied(outcome).status, SubscriptionStatus::Canceled);
    let expired = with(subscription(), json!({"status": "incomplete_expired"}));
    let outcome = cancel(fetched(deleted(), expired), CancelMode::Immediate, None).unwrap();
    assert_eq!(applied(outcome).status, SubscriptionStatus::Expired);

    let kind = |script| cancel(script, CancelMode::Immediate, None).unwrap_err().kind;
    assert_eq!(kind(fetched(deleted(), subscription())), ErrorKind::NotFound);
    assert_eq!(
        kind(deleted().expect_get(PATH).respond(404, missing.clone())),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(deleted().expect_get(PATH).fail(Reached::NotSent, "dns")),
        ErrorKind::Unavailable
    );
}

#[test]
fn a_cancellation_that_may_have_arrived_may_be_repeated() {
    let lost = Script::new().expect_delete(PATH).fail(Reached::MaybeSent, "timeout");
    let error = cancel(lost, CancelMode::Immediate, None).unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::UnknownOutcome, RetryAdvice::Allowed)
    );
    let broken = Script::new()
        .expect_delete(PATH)
        .respond(500, refusal("api_error", None));
    let error = cancel(broken, CancelMode::Immediate, None).unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::UnknownOutcome, RetryAdvice::Allowed)
    );
}

#[test]
fn a_cancellation_at_the_end_is_scheduled() {
    let script = posted(Script::new(), &[("cancel_at_period_end", "true")]);
    let answer = with(
        subscription(),
        json!({"cancel_at_period_end": true, "cancel_at": 200, "canceled_at": 120}),
    );
    let outcome = cancel(script.respond(200, answer).dated(), CancelMode::AtPeriodEnd, None).unwrap();
    let ChangeOutcome::Scheduled(change) = outcome else {
        panic!("{outcome:#?}");
    };
    assert_eq!(change.effective_at, Some(200_000));
    let found = change.subscription.unwrap();
    assert_eq!(found.status, SubscriptionStatus::Active);
    assert!(found.cancel_at_period_end);

    let fields = [
        ("cancel_at_period_end", "true"),
        ("cancellation_details[comment]", "too dear"),
    ];
    let script = posted(Script::new(), &fields).respond(200, canceled());
    let outcome = cancel(script, CancelMode::AtPeriodEnd, Some("too dear")).unwrap();
    assert_eq!(applied(outcome).status, SubscriptionStatus::Canceled);

    let refused = refusal("invalid_request_error", None);
    let script = Script::new().expect_post(PATH).respond(400, refused);
    let error = cancel(script, CancelMode::AtPeriodEnd, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
}

#[test]
fn seats_are_changed_on_the_item() {
    let changed = || {
        with(
            subscription(),
            json!({"items": {"data": [item("si_1", "price_seat", 7)]}}),
        )
    };
    let base = [("items[0][id]", "si_1"), ("items[0][quantity]", "7")];
    for (proration, more) in [
        (Proration::ProviderDefault, vec![]),
        (
            Proration::NextInvoice,
            vec![("proration_behavior", "create_prorations")],
        ),
        (Proration::None, vec![("proration_behavior", "none")]),
        (
            Proration::InvoiceNow,
            vec![
                ("proration_behavior", "always_invoice"),
                ("expand[0]", "latest_invoice"),
                ("payment_behavior", "pending_if_incomplete"),
            ],
        ),
    ] {
        let fields = [base.to_vec(), more].concat();
        let script = posted(fetched(Script::new(), subscription()), &fields);
        let outcome = seats(script.respond(200, changed()).dated(), None, 7, proration).unwrap();
        let found = applied(outcome);
        assert_eq!(found.items[0].quantity, Some(7));
        assert_eq!(found.as_of, Some(DATE));
    }
    let invoiced = with(subscription(), json!({"collection_method": "send_invoice"}));
    let script = fetched(Script::new(), invoiced)
        .expect_post(PATH)
        .without_form("payment_behavior");
    seats(script.respond(200, changed()), None, 7, Proration::InvoiceNow).unwrap();
}

#[test]
fn the_item_is_found_by_its_price() {
    let two = || {
        let items = json!([item("si_1", "price_base", 1), item("si_2", "price_seat", 5)]);
        with(subscription(), json!({"items": {"data": items}}))
    };
    let script = fetched(Script::new(), two())
        .expect_post(PATH)
        .with_form("items[0][id]", "si_2");
    let script = script.with_form("items[0][quantity]", "6").respond(200, two());
    seats(script, Some("price_seat"), 6, Proration::ProviderDefault).unwrap();

    let refused = |answer, price| {
        let script = fetched(Script::new(), answer);
        let error = seats(script, price, 6, Proration::None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.parameter.as_deref(), Some("price-reference"));
        error.message
    };
    let several = refused(two(), None);
    assert!(several.contains("price_base, price_seat"), "{several}");
    let unknown = refused(two(), Some("price_x"));
    assert!(
        unknown.contains("price_x") && unknown.contains("price_base, price_seat"),
        "{unknown}"
    );
    let none = refused(with(subscription(), json!({"items": {"data": []}})), None);
    assert!(none.contains("no items"), "{none}");
}

#[test]
fn seats_that_are_there_need_no_write() {
    let outcome = seats(fetched(Script::new(), subscription()), None, 5, Proration::InvoiceNow);
    assert_eq!(applied(outcome.unwrap()).items[0].quantity, Some(5));
    let error = seats(Script::new(), None, 0, Proration::None).unwrap_err();
    assert_eq!(
        (error.kind, error.parameter.as_deref()),
        (ErrorKind::InvalidRequest, Some("seats"))
    );
}

#[test]
fn a_change_that_waits_for_its_payment_needs_the_customer() {
    let pending = |invoice: Value| {
        let pending = json!({"pending_update": {"expires_at": 300}, "latest_invoice": invoice});
        let script = fetched(Script::new(), subscription()).expect_post(PATH);
        let script = script.respond(200, with(subscription(), pending)).dated();
        seats(script, None, 7, Proration::InvoiceNow)
    };
    let outcome = pending(json!({"id": "in_2", "hosted_invoice_url": "https://invoice.stripe.com/i/2"})).unwrap();
    let ChangeOutcome::ActionRequired(action) = outcome else {
        panic!("{outcome:#?}");
    };
    assert_eq!(action.url, "https://invoice.stripe.com/i/2");
    assert_eq!(action.subscription.unwrap().items[0].quantity, Some(5));
    for invoice in [json!("in_2"), json!({"id": "in_2", "hosted_invoice_url": null})] {
        let error = pending(invoice).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Declined);
        assert!(error.message.contains("in_2"), "{error}");
    }
}

#[test]
fn a_refusal_that_wants_the_customer_leads_to_the_invoice() {
    let code = "subscription_payment_intent_requires_action";
    let refused = |answer: Script| {
        let script = fetched(answer, subscription()).expect_post(PATH);
        let script = script.respond(402, refusal("card_error", Some(code)));
        script.expect_get(PATH).with_query("expand[0]", "latest_invoice")
    };
    let invoice = json!({"latest_invoice": {"id": "in_2", "hosted_invoice_url": "https://invoice.stripe.com/i/2"}});
    let script = refused(Script::new()).respond(200, with(subscription(), invoice));
    let outcome = seats(script, None, 7, Proration::None).unwrap();
    assert!(matches!(outcome, ChangeOutcome::ActionRequired(_)), "{outcome:#?}");
    for script in [
        refused(Script::new()).respond(200, subscription()),
        refused(Script::new()).fail(Reached::NotSent, "dns"),
    ] {
        let error = seats(script, None, 7, Proration::None).unwrap_err();
        assert_eq!(
            (error.kind, error.provider_code.as_deref()),
            (ErrorKind::Declined, Some(code))
        );
    }
}

#[test]
fn changing_seats_can_fail_at_each_exchange() {
    let kind = |script| seats(script, None, 7, Proration::None).unwrap_err().kind;
    let get = || Script::new().expect_get(PATH);
    assert_eq!(kind(get().fail(Reached::MaybeSent, "timeout")), ErrorKind::Unavailable);
    assert_eq!(
        kind(get().respond(404, refusal("x", Some("resource_missing")))),
        ErrorKind::NotFound
    );
    let post = || fetched(Script::new(), subscription()).expect_post(PATH);
    assert_eq!(kind(post().fail(Reached::NotSent, "dns")), ErrorKind::Unavailable);
    assert_eq!(
        kind(post().fail(Reached::MaybeSent, "timeout")),
        ErrorKind::UnknownOutcome
    );
    assert_eq!(kind(post().fail(Reached::Sent, "too-large")), ErrorKind::UnknownOutcome);
    assert_eq!(kind(post().respond_bytes(200, "{")), ErrorKind::UnknownOutcome);
    assert_eq!(
        kind(post().respond(402, refusal("card_error", Some("card_declined")))),
        ErrorKind::Declined
    );
    assert_eq!(kind(post().respond(409, refusal("x", None))), ErrorKind::Conflict);
}

/// The writes and reads of Stripe's own library, as far as they are ours too.
#[test]
fn requests_are_those_of_stripes_library() {
    let file: Value = serde_json::from_str(include_str!("../data/library_requests.json")).unwrap();
    let said = |index: usize, what: &str| file["requests"][index][what].as_str().unwrap().to_owned();
    let fields = |index: usize| {
        let body = said(index, "body");
        let pairs = body.split('&').filter_map(|field| field.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.collect::<Vec<_>>()
    };
    let owned = |fields: &[(String, String)]| fields.to_vec();

    assert_eq!(
        said(3, "url"),
        format!("{PATH}?expand[0]=items.data.price&expand[1]=latest_invoice")
    );
    assert_eq!(
        (said(4, "method"), said(5, "method")),
        ("DELETE".to_owned(), "POST".to_owned())
    );
    assert!(said(4, "url").ends_with("cancellation_details[comment]=bye"));
    for (index, run) in [
        (5, cancel as fn(Script, CancelMode, Option<&str>) -> _),
        (6, |script, _, _| seats(script, None, 7, Proration::NextInvoice)),
    ] {
        assert_eq!(said(index, "url"), PATH);
        let fields = owned(&fields(index));
        let fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let script = match index {
            5 => Script::new(),
            _ => fetched(Script::new(), subscription()),
        };
        let outcome = run(
            posted(script, &fields).respond(200, subscription()),
            CancelMode::AtPeriodEnd,
            None,
        );
        assert!(outcome.is_ok(), "{outcome:#?}");
    }
}
