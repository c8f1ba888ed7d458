//! Changes of a subscription beside seats: another plan, pausing and resuming, and taking a cancellation back.

use crate::fixture::{DATE, PATH, Usual, applied, fetched, item, posted, refusal, subscription, with};
use serde_json::{Value, json};
use tillgate_plugin_sdk::pause::{PauseRequest, ResumeRequest};
use tillgate_plugin_sdk::plan_change::PlanRequest;
use tillgate_plugin_sdk::subscriptions::{
    ChangeOutcome, Proration, RetrieveRequest, SubscriptionStatus, UncancelRequest,
};
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{ErrorKind, GatewayError, Reached};
use tillgate_plugin_sdk::{Pause, PlanChange, Subscriptions};
use tillgate_plugin_stripe::Stripe;

type Outcome = Result<ChangeOutcome, GatewayError>;

fn plan(script: Script, old: Option<&str>, new: &str, proration: Proration) -> Outcome {
    let request = PlanRequest {
        reference: "sub_1".into(),
        price_reference: old.map(str::to_owned),
        new_price_reference: new.into(),
        proration,
        extra: vec![],
    };
    script.run(async |ctx| Stripe::change_plan(ctx, request.clone()).await)
}

fn pause(script: Script) -> Outcome {
    let request = PauseRequest {
        reference: "sub_1".into(),
        extra: vec![],
    };
    script.run(async |ctx| Stripe::pause(ctx, request.clone()).await)
}

fn resume(script: Script) -> Outcome {
    let request = ResumeRequest {
        reference: "sub_1".into(),
        extra: vec![],
    };
    script.run(async |ctx| Stripe::resume(ctx, request.clone()).await)
}

fn uncancel(script: Script) -> Outcome {
    let request = UncancelRequest {
        reference: "sub_1".into(),
        extra: vec![],
    };
    script.run(async |ctx| Stripe::uncancel(ctx, request.clone()).await)
}

fn of_items(items: Value) -> Value {
    with(subscription(), json!({"items": {"data": items}}))
}

fn paused() -> Value {
    with(
        subscription(),
        json!({"pause_collection": {"behavior": "void", "resumes_at": null}}),
    )
}

#[test]
fn a_plan_changes_on_its_item_and_the_seats_stay() {
    let base = [
        ("items[0][id]", "si_1"),
        ("items[0][price]", "price_plus"),
        ("items[0][quantity]", "5"),
    ];
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
        let changed = of_items(json!([item("si_1", "price_plus", 5)]));
        let script = posted(fetched(Script::new(), subscription()), &fields).respond(200, changed);
        let found = applied(plan(script.dated(), Some("price_seat"), "price_plus", proration).unwrap());
        assert_eq!(found.items[0].price_reference, "price_plus");
        assert_eq!((found.items[0].quantity, found.as_of), (Some(5), Some(DATE)));
    }
}

#[test]
fn an_answer_of_the_first_time_is_not_taken_for_how_it_is_now() {
    let fields = [
        ("items[0][id]", "si_1"),
        ("items[0][price]", "price_plus"),
        ("items[0][quantity]", "5"),
    ];
    let then = of_items(json!([item("si_1", "price_plus", 5)]));
    let now = || of_items(json!([item("si_1", "price_plus", 9)]));
    let script = posted(fetched(Script::new(), subscription()), &fields)
        .respond(200, then)
        .respond_header("idempotent-replayed", "true");
    let script = fetched(script, now());
    let found = applied(plan(script, Some("price_seat"), "price_plus", Proration::ProviderDefault).unwrap());
    assert_eq!(found.items[0].quantity, Some(9));
}

#[test]
fn a_metered_price_has_no_quantity_to_keep() {
    let metered = || of_items(json!([{"id": "si_1", "price": "price_metered"}]));
    let fields = [("items[0][id]", "si_1"), ("items[0][price]", "price_plus")];
    let script = posted(fetched(Script::new(), metered()), &fields).respond(200, metered());
    plan(script, None, "price_plus", Proration::ProviderDefault).unwrap();
}

#[test]
fn a_plan_that_is_there_needs_no_write() {
    for old in [None, Some("price_seat"), Some("price_before")] {
        let script = fetched(Script::new(), subscription());
        let found = applied(plan(script, old, "price_seat", Proration::InvoiceNow).unwrap());
        assert_eq!(found.items[0].price_reference, "price_seat");
    }
}

#[test]
fn of_several_items_the_one_with_the_price_changes() {
    let two = || of_items(json!([item("si_1", "price_base", 1), item("si_2", "price_seat", 5)]));
    let fields = [
        ("items[0][id]", "si_2"),
        ("items[0][price]", "price_plus"),
        ("items[0][quantity]", "5"),
    ];
    let script = posted(fetched(Script::new(), two()), &fields).respond(200, two());
    plan(script, Some("price_seat"), "price_plus", Proration::ProviderDefault).unwrap();
    for old in [None, Some("price_x")] {
        let error = plan(fetched(Script::new(), two()), old, "price_plus", Proration::None).unwrap_err();
        assert_eq!(
            (error.kind, error.parameter.as_deref()),
            (ErrorKind::InvalidRequest, Some("price-reference"))
        );
    }
}

#[test]
fn a_plan_that_waits_for_its_payment_needs_the_customer() {
    let page = "https://invoice.stripe.com/i/2";
    let pending = json!({
        "pending_update": {"expires_at": 300}, "latest_invoice": {"id": "in_2", "hosted_invoice_url": page},
    });
    let script = fetched(Script::new(), subscription()).expect_post(PATH);
    let script = script.respond(200, with(subscription(), pending));
    let outcome = plan(script, None, "price_plus", Proration::InvoiceNow).unwrap();
    let ChangeOutcome::ActionRequired(action) = outcome else {
        panic!("{outcome:#?}");
    };
    assert_eq!(action.url, page);

    let code = "subscription_payment_intent_requires_action";
    let invoice = json!({"latest_invoice": {"id": "in_2", "hosted_invoice_url": page}});
    let script = fetched(Script::new(), subscription()).expect_post(PATH);
    let script = script.respond(402, refusal("card_error", Some(code)));
    let script = script.expect_get(PATH).with_query("expand[0]", "latest_invoice");
    let outcome = plan(
        script.respond(200, with(subscription(), invoice)),
        None,
        "price_plus",
        Proration::None,
    );
    assert!(matches!(outcome, Ok(ChangeOutcome::ActionRequired(_))), "{outcome:#?}");
}

#[test]
fn changing_a_plan_can_fail_at_each_exchange() {
    let kind = |script| plan(script, None, "price_plus", Proration::None).unwrap_err().kind;
    let get = || Script::new().expect_get(PATH);
    assert_eq!(kind(get().fail(Reached::MaybeSent, "timeout")), ErrorKind::Unavailable);
    let post = || fetched(Script::new(), subscription()).expect_post(PATH);
    assert_eq!(kind(post().fail(Reached::NotSent, "dns")), ErrorKind::Unavailable);
    assert_eq!(
        kind(post().fail(Reached::MaybeSent, "timeout")),
        ErrorKind::UnknownOutcome
    );
    let declined = refusal("card_error", Some("card_declined"));
    assert_eq!(kind(post().respond(402, declined)), ErrorKind::Declined);
    let missing = refusal("invalid_request_error", Some("resource_missing"));
    assert_eq!(kind(post().respond(400, missing)), ErrorKind::NotFound);
    let error = plan(Script::new(), None, "../price", Proration::None).unwrap_err();
    assert_eq!(error.parameter.as_deref(), Some("new-price-reference"));
}

#[test]
fn a_pause_voids_what_falls_due() {
    let fields = [("pause_collection[behavior]", "void")];
    let script = posted(Script::new(), &fields).respond(200, paused()).dated();
    let found = applied(pause(script).unwrap());
    assert_eq!(
        (found.status, found.provider_status.as_str()),
        (SubscriptionStatus::Paused, "active")
    );
    assert_eq!(found.as_of, Some(DATE));
    let lost = posted(Script::new(), &fields).fail(Reached::MaybeSent, "timeout");
    assert_eq!(pause(lost).unwrap_err().kind, ErrorKind::UnknownOutcome);
}

#[test]
fn a_resumption_ends_the_pause() {
    let script = posted(fetched(Script::new(), paused()), &[("pause_collection", "")]);
    let found = applied(resume(script.respond(200, subscription()).dated()).unwrap());
    assert_eq!(found.status, SubscriptionStatus::Active);
    // What isn't paused needs no write.
    let found = applied(resume(fetched(Script::new(), subscription())).unwrap());
    assert_eq!(found.status, SubscriptionStatus::Active);
}

#[test]
fn what_stands_still_by_itself_is_resumed_by_a_call_of_its_own() {
    let still = |changes| with(with(subscription(), json!({"status": "paused"})), changes);
    let resumed = |script: Script| {
        let script = script.expect_post("/v1/subscriptions/sub_1/resume").usual();
        script.with_whole_form(&[("expand[0]", "latest_invoice")])
    };
    let script = resumed(fetched(Script::new(), still(json!({})))).with_header("Idempotency-Key", "key");
    let found = applied(resume(script.respond(200, subscription())).unwrap());
    assert_eq!(found.status, SubscriptionStatus::Active);

    // Both at once: first what is collected, then the status. Each write has a key of its own.
    let both = still(json!({"pause_collection": {"behavior": "void"}}));
    let script = posted(fetched(Script::new(), both), &[("pause_collection", "")]);
    let script = resumed(script.respond(200, still(json!({})))).with_header("Idempotency-Key", "key-2");
    applied(resume(script.respond(200, subscription())).unwrap());

    let page = "https://invoice.stripe.com/i/2";
    let unpaid = json!({"latest_invoice": {"id": "in_2", "hosted_invoice_url": page}});
    let script = resumed(fetched(Script::new(), still(json!({})))).respond(200, still(unpaid));
    let outcome = resume(script).unwrap();
    let ChangeOutcome::ActionRequired(action) = outcome else {
        panic!("{outcome:#?}");
    };
    assert_eq!(action.url, page);
    assert_eq!(action.subscription.unwrap().status, SubscriptionStatus::Paused);

    let script = resumed(fetched(Script::new(), still(json!({})))).respond(200, still(json!({})));
    assert_eq!(resume(script).unwrap_err().kind, ErrorKind::Declined);
}

#[test]
fn a_pause_shows_in_the_status_of_what_goes_on() {
    use SubscriptionStatus as S;
    for (word, status) in [
        ("active", S::Paused),
        ("trialing", S::Paused),
        ("past_due", S::Paused),
        ("unpaid", S::Paused),
        ("paused", S::Paused),
        ("incomplete", S::Incomplete),
        ("canceled", S::Canceled),
        ("incomplete_expired", S::Expired),
        ("hibernating", S::Unknown),
    ] {
        let request = RetrieveRequest {
            reference: "sub_1".into(),
            extra: vec![],
        };
        let script = fetched(Script::new(), with(paused(), json!({"status": word})));
        let found = script
            .run(async |ctx| Stripe::retrieve(ctx, request.clone()).await)
            .unwrap();
        assert_eq!((found.status, found.provider_status.as_str()), (status, word));
    }
}

#[test]
fn a_cancellation_is_taken_back_the_way_it_was_scheduled() {
    let at_the_end = with(subscription(), json!({"cancel_at_period_end": true, "cancel_at": 200}));
    let script = posted(fetched(Script::new(), at_the_end), &[("cancel_at_period_end", "false")]);
    let found = applied(uncancel(script.respond(200, subscription()).dated()).unwrap());
    assert_eq!(
        (found.cancel_at, found.cancel_at_period_end, found.as_of),
        (None, false, Some(DATE))
    );

    let some_time = || with(subscription(), json!({"cancel_at": 150}));
    let script = posted(fetched(Script::new(), some_time()), &[("cancel_at", "")]);
    let found = applied(uncancel(script.respond(200, subscription())).unwrap());
    assert_eq!(found.cancel_at, None);

    // One plan to end hid the other.
    let both = with(subscription(), json!({"cancel_at_period_end": true, "cancel_at": 150}));
    let script = posted(fetched(Script::new(), both), &[("cancel_at_period_end", "false")]);
    let script = script.respond(200, some_time()).expect_post(PATH).keyed("key-2");
    let script = script
        .with_whole_form(&[("cancel_at", "")])
        .respond(200, subscription());
    applied(uncancel(script).unwrap());
}

#[test]
fn nothing_to_take_back_is_no_write_and_an_end_is_not_taken_back() {
    let found = applied(uncancel(fetched(Script::new(), subscription())).unwrap());
    assert_eq!(found.status, SubscriptionStatus::Active);
    let ended = with(
        subscription(),
        json!({"status": "canceled", "cancel_at_period_end": true}),
    );
    assert_eq!(
        uncancel(fetched(Script::new(), ended)).unwrap_err().kind,
        ErrorKind::Conflict
    );
}
