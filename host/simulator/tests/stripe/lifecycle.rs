//! A subscription's life, moved on by the clock.

use serde_json::{Value, json};
use tillgate_simulator::stripe::{AfterLastAttempt, Options};

use crate::world::{DAY, START, World, id, kinds};

/// 2026-02-28 and 2026-03-31, both at noon.
const FEBRUARY: i64 = START + 28 * DAY;
const MARCH: i64 = START + 59 * DAY;

fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    (
        item["current_period_start"].as_i64().unwrap(),
        item["current_period_end"].as_i64().unwrap(),
    )
}

#[tokio::test]
async fn seats_renewal_failure_recovery_and_end() {
    let world = World::new().await;
    let (_, secret) = world.subscribe_hooks("/h", "").await;
    let subscription = world.subscribe("&subscription_data[metadata][org]=o1").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    assert_eq!(period(&subscription), (START, FEBRUARY));
    let hooks = world.flush().await;
    assert!(hooks.iter().all(|hook| hook.is_signed_by(&secret)));

    let item = subscription["items"]["data"][0]["id"].as_str().unwrap();
    world.advance(14 * DAY).await;
    world
        .post(&path, &format!("items[0][id]={item}&items[0][quantity]=7"))
        .await;
    let updated = &world.flush().await[0].json();
    assert_eq!(
        updated["data"]["previous_attributes"]["items"]["data"][0]["quantity"],
        5
    );
    assert_eq!(updated["data"]["object"]["items"]["data"][0]["quantity"], 7);

    world.advance(15 * DAY).await;
    let renewed = world.get(&path).await;
    assert_eq!(period(&renewed), (FEBRUARY, MARCH));
    let invoice = world
        .get(&format!("/v1/invoices/{}", renewed["latest_invoice"].as_str().unwrap()))
        .await;
    // Half a period of two more seats, then seven seats.
    assert_eq!(
        (&invoice["amount_paid"], &invoice["status"]),
        (&json!(1_000 + 7_000), &json!("paid"))
    );
    assert_eq!(invoice["parent"]["subscription_details"]["metadata"]["org"], "o1");
    assert_eq!(invoice["created"], FEBRUARY);

    let customer = subscription["customer"].as_str().unwrap();
    world
        .control(
            &format!("customers/{customer}/next_payment"),
            json!({"outcome": "decline"}),
        )
        .await;
    world.flush().await;
    world.advance(MARCH - FEBRUARY).await;
    assert_eq!(world.get(&path).await["status"], "past_due");
    let hooks = world.flush().await;
    let failed = hooks
        .iter()
        .find(|hook| hook.kind() == "invoice.payment_failed")
        .unwrap()
        .json();
    assert_eq!(failed["data"]["object"]["next_payment_attempt"], MARCH + 3 * DAY);
    assert_eq!(failed["created"], MARCH);
    world.advance(3 * DAY).await;
    assert_eq!(world.get(&path).await["status"], "active");

    world.post(&path, "cancel_at_period_end=true").await;
    world.flush().await;
    world.advance(31 * DAY).await;
    let over = world.get(&path).await;
    assert_eq!(
        (&over["status"], &over["ended_at"]),
        (&json!("canceled"), &over["cancel_at"])
    );
    assert_eq!(kinds(&world.flush().await), ["customer.subscription.deleted"]);
    assert_eq!(world.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_trial_is_announced_and_then_paid() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    let subscription = world.subscribe("&subscription_data[trial_period_days]=14").await;
    assert_eq!(subscription["status"], "trialing");
    let completed = world.flush().await.pop().unwrap().json();
    assert_eq!(completed["data"]["object"]["payment_status"], "no_payment_required");
    world.advance(11 * DAY).await;
    assert_eq!(kinds(&world.flush().await), ["customer.subscription.trial_will_end"]);
    world.advance(3 * DAY).await;
    let got = world.flush().await;
    assert_eq!(got[0].json()["data"]["previous_attributes"]["status"], "trialing");
    assert!(kinds(&got).contains(&"invoice.payment_succeeded".to_owned()));
    assert_eq!(
        world.get(&format!("/v1/subscriptions/{}", id(&subscription))).await["status"],
        "active"
    );
}

#[tokio::test]
async fn the_last_failed_attempt_has_the_wanted_consequence() {
    for (after, status) in [
        (AfterLastAttempt::Cancel, "canceled"),
        (AfterLastAttempt::MarkUnpaid, "unpaid"),
        (AfterLastAttempt::LeavePastDue, "past_due"),
    ] {
        let world = World::with(Options {
            after_last_attempt: after,
            ..Options::default()
        })
        .await;
        let subscription = world.subscribe("").await;
        let customer = subscription["customer"].as_str().unwrap();
        let plan = format!("customers/{customer}/next_payment");
        world.control(&plan, json!({"outcome": "decline", "count": 4})).await;
        world.advance(28 * DAY + 15 * DAY).await;
        let found = world.get(&format!("/v1/subscriptions/{}", id(&subscription))).await;
        assert_eq!(found["status"], status);
        if status == "canceled" {
            assert_eq!(found["cancellation_details"]["reason"], "payment_failed");
        }
    }
}

#[tokio::test]
async fn an_item_without_an_id_is_added() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let price = world.monthly_price().await;
    let changed = world
        .post(&path, &format!("items[0][price]={price}&items[0][quantity]=2"))
        .await;
    assert_eq!(changed["items"]["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn incomplete_subscriptions_are_paid_or_expire() {
    let world = World::new().await;
    let price = world.monthly_price().await;
    let customer = id(&world.post("/v1/customers", "email=a@b.co").await);
    let form = format!("customer={customer}&items[0][price]={price}&payment_behavior=default_incomplete");
    let paid = world.post("/v1/subscriptions", &form).await;
    let expired = world.post("/v1/subscriptions", &form).await;
    assert_eq!(paid["status"], "incomplete");
    let invoice = paid["latest_invoice"].as_str().unwrap();
    assert_eq!(
        world.post(&format!("/v1/invoices/{invoice}/pay"), "").await["status"],
        "paid"
    );
    world.advance(DAY).await;
    assert_eq!(
        world.get(&format!("/v1/subscriptions/{}", id(&paid))).await["status"],
        "active"
    );
    let expired = world.get(&format!("/v1/subscriptions/{}", id(&expired))).await;
    assert_eq!(expired["status"], "incomplete_expired");
}

#[tokio::test]
async fn refunds_add_up_and_disputes_open() {
    let world = World::new().await;
    world.subscribe("").await;
    let charge = id(&world.get("/v1/charges").await["data"][0]);
    world.subscribe_hooks("/h", "").await;
    world.post("/v1/refunds", &format!("charge={charge}&amount=2000")).await;
    let too_much = world
        .post_raw("/v1/refunds", &format!("charge={charge}&amount=3001"))
        .await;
    assert_eq!(too_much.status, 400);
    world.post("/v1/refunds", &format!("charge={charge}")).await;
    let hooks = world.flush().await;
    assert_eq!(
        kinds(&hooks),
        ["charge.refunded", "refund.created", "charge.refunded", "refund.created"]
    );
    // Each payload is a snapshot of its moment.
    let refunded: Vec<_> = [&hooks[0], &hooks[2]]
        .map(|hook| hook.json()["data"]["object"]["refunded"].clone())
        .to_vec();
    assert_eq!(refunded, [json!(false), json!(true)]);
    world.subscribe("").await;
    let charge = id(&world.get("/v1/charges").await["data"][0]);
    let dispute = world.control("disputes", json!({"charge": charge})).await;
    assert_eq!(dispute["amount"], 5_000);
    assert!(kinds(&world.flush().await).contains(&"charge.dispute.created".to_owned()));
}

#[tokio::test]
async fn a_plan_changes_on_its_item_and_is_prorated() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let item = &subscription["items"]["data"][0];
    let product = item["price"]["product"].as_str().unwrap();
    let form = format!("product={product}&currency=usd&unit_amount=3000&recurring[interval]=month");
    let dearer = id(&world.post("/v1/prices", &form).await).clone();
    let change = format!("items[0][id]={}&items[0][price]={dearer}", id(item));
    world.advance(14 * DAY).await;
    let invoiced = world
        .post(
            &path,
            &format!("{change}&items[0][quantity]=5&proration_behavior=always_invoice"),
        )
        .await;
    let changed = &invoiced["items"]["data"];
    assert_eq!(changed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&changed[0]["price"]["id"], &changed[0]["quantity"]),
        (&json!(dearer), &json!(5))
    );
    let invoice = world
        .get(&format!(
            "/v1/invoices/{}",
            world.get(&path).await["latest_invoice"].as_str().unwrap()
        ))
        .await;
    // Half a period of five seats, of 30 dollars instead of 10.
    assert_eq!(
        (&invoice["status"], &invoice["amount_paid"]),
        (&json!("paid"), &json!(5_000))
    );
    // Who doesn't say how many has one.
    let alone = world.post(&path, &format!("{change}&proration_behavior=none")).await;
    assert_eq!(alone["items"]["data"][0]["quantity"], 1);
}

#[tokio::test]
async fn while_collection_is_paused_invoices_are_void() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let paused = world.post(&path, "pause_collection[behavior]=void").await;
    assert_eq!(
        (&paused["status"], &paused["pause_collection"]["behavior"]),
        (&json!("active"), &json!("void"))
    );
    world.advance(32 * DAY).await;
    let invoices = world.get("/v1/invoices").await["data"].clone();
    assert_eq!(invoices[0]["status"], "void");
    let resumed = world.post(&path, "pause_collection=").await;
    assert_eq!(resumed["pause_collection"], Value::Null);
    world.advance(32 * DAY).await;
    assert_eq!(world.get("/v1/invoices").await["data"][0]["status"], "paid");
}

#[tokio::test]
async fn an_invoices_payment_is_found_and_refunded_in_parts() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let invoice = subscription["latest_invoice"].as_str().unwrap();
    assert_eq!(
        world.get(&format!("/v1/invoices/{invoice}")).await["payment_intent"],
        Value::Null
    );
    let of = async |query: String| world.get_raw(&format!("/v1/invoice_payments?{query}")).await;
    let found = of(format!("invoice={invoice}&status=paid&limit=100")).await.json();
    assert_eq!(
        (&found["object"], found["data"].as_array().unwrap().len()),
        (&json!("list"), 1)
    );
    let payment = &found["data"][0];
    assert_eq!(
        (&payment["object"], &payment["amount_paid"]),
        (&json!("invoice_payment"), &json!(5_000))
    );
    assert_eq!(
        of(format!("invoice={invoice}&status=open")).await.json()["data"],
        json!([])
    );
    assert_eq!(of("invoice=in_no".to_owned()).await.status, 400);

    let intent = payment["payment"]["payment_intent"].as_str().unwrap();
    let first = world
        .post(
            "/v1/refunds",
            &format!("payment_intent={intent}&amount=1200&reason=duplicate"),
        )
        .await;
    assert_eq!(
        (&first["status"], &first["amount"]),
        (&json!("succeeded"), &json!(1_200))
    );
    let charge = first["charge"].as_str().unwrap();
    let too_much = world
        .post_raw("/v1/refunds", &format!("charge={charge}&amount=3801"))
        .await;
    assert_eq!(
        (too_much.status, &too_much.json()["error"]["param"]),
        (400, &json!("amount"))
    );
    let rest = world.post("/v1/refunds", &format!("charge={charge}")).await;
    assert_eq!(rest["amount"], 3_800);
    let nothing_left = world.post_raw("/v1/refunds", &format!("payment_intent={intent}")).await;
    assert_eq!(nothing_left.json()["error"]["code"], "charge_already_refunded");
}
