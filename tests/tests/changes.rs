//! What becomes of a subscription and of its payment after the sale, through the real binary, on both databases.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of};

/// A month and a day, in seconds.
const A_MONTH_LATER: u64 = 32 * 24 * 60 * 60;

/// Makes a test of each flow on each database.
macro_rules! flows {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Postgres).await;
            })*
        }
    };
}

flows! {
    a_subscription_changes_its_plan_pauses_and_stays_after_all,
    a_plan_changed_at_the_provider_is_followed,
    a_payment_is_refunded_in_parts_and_never_beyond,
}

/// A monthly price at the provider, sold as the product `plus`.
async fn plus(world: &World) -> String {
    let product = world.provider.call("/v1/products", &[("name", "Plus")]).await;
    let monthly = [
        ("product", product["id"].as_str().unwrap()),
        ("currency", "usd"),
        ("unit_amount", "3600"),
        ("recurring[interval]", "month"),
    ];
    let price = world.provider.call("/v1/prices", &monthly).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let input = json!({"prices": {world.tenant.account_id.as_str(): price}});
    world.tenant.put("/v1/products/plus", input).await;
    price
}

fn path_of(subscription: &Value) -> String {
    format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap())
}

async fn payments(world: &World) -> Vec<Value> {
    world.tenant.get("/v1/payments").await["data"]
        .as_array()
        .unwrap()
        .clone()
}

async fn a_month_passes(world: &World) {
    let later = json!({"advance_seconds": A_MONTH_LATER});
    world.provider.control("clock", later).await;
    world.webhooks().await;
}

async fn a_subscription_changes_its_plan_pauses_and_stays_after_all(database: Database) {
    let world = World::new(database).await;
    let price = plus(&world).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let path = path_of(&subscription);
    let change = |verb: &'static str, body: Value| {
        let path = format!("{path}/{verb}");
        let tenant = &world.tenant;
        async move { tenant.post(&path, body).await }
    };

    let changed = change("change-plan", json!({"product_id": "plus", "proration": "invoice_now"})).await;
    assert_eq!(changed["outcome"], "applied");
    let of = |change: &Value| change["subscription"].clone();
    assert_eq!(
        (&of(&changed)["product_id"], &of(&changed)["seats"]),
        (&json!("plus"), &json!(5))
    );
    world.webhooks().await;
    let reference = subscription["provider_reference"].as_str().unwrap();
    let theirs = world.provider.read(&format!("/v1/subscriptions/{reference}")).await;
    let items = theirs["items"]["data"].as_array().unwrap();
    assert_eq!(items.len(), 1, "the item changed, and none came with it");
    assert_eq!(
        (&items[0]["price"]["id"], &items[0]["quantity"]),
        (&json!(price), &json!(5))
    );
    assert_eq!(world.tenant.get(&path).await["product_id"], "plus");
    assert_eq!(payments(&world).await.len(), 2, "the difference was invoiced at once");

    let paused = change("pause", json!({})).await;
    assert_eq!(
        (&paused["outcome"], &of(&paused)["status"]),
        (&json!("applied"), &json!("paused"))
    );
    a_month_passes(&world).await;
    assert_eq!(world.tenant.get(&path).await["status"], "paused");
    assert_eq!(payments(&world).await.len(), 2, "nothing was charged");
    let again = answer_of(world.tenant.request("POST", &format!("{path}/pause"))).await;
    assert_eq!(
        (again.0, &again.1["code"]),
        (409, &json!("invalid_subscription_status"))
    );

    let resumed = change("resume", json!({})).await;
    assert_eq!(
        (&resumed["outcome"], &of(&resumed)["status"]),
        (&json!("applied"), &json!("active"))
    );
    world.webhooks().await;

    let canceled = change("cancel", json!({"mode": "at_period_end"})).await;
    assert_eq!(
        (&canceled["outcome"], &of(&canceled)["cancel_at_period_end"]),
        (&json!("scheduled"), &json!(true))
    );
    world.webhooks().await;
    let kept = change("uncancel", json!({})).await;
    assert_eq!(
        (&kept["outcome"], &of(&kept)["cancel_at_period_end"]),
        (&json!("applied"), &json!(false))
    );
    world.webhooks().await;
    a_month_passes(&world).await;
    let renewed = world.tenant.get(&path).await;
    assert_eq!(
        (&renewed["status"], &renewed["ended_at"]),
        (&json!("active"), &Value::Null)
    );
    let paid = payments(&world).await;
    assert_eq!(paid.len(), 3);
    assert_eq!(paid[2]["amount"], json!({"amount": 5 * 3600, "currency": "usd"}));

    // A part of what was paid first goes back.
    let refund = json!({"payment_id": paid[0]["id"], "amount": {"amount": 1000, "currency": "usd"}});
    let refund = world.tenant.post("/v1/refunds", refund).await;
    assert_eq!(
        (&refund["status"], &refund["payment_id"]),
        (&json!("succeeded"), &paid[0]["id"])
    );
    world.webhooks().await;
    assert_eq!(payments(&world).await[0]["refunded_amount"], 1_000);

    for (event, times) in [
        ("subscription.plan_changed", 1),
        ("subscription.paused", 1),
        ("subscription.resumed", 1),
        ("subscription.cancellation_scheduled", 1),
        ("subscription.cancellation_withdrawn", 1),
        ("refund.created", 1),
        ("payment.refunded", 1),
    ] {
        assert_eq!(world.gateway.published(event).await, times, "{event}");
    }
}

async fn a_plan_changed_at_the_provider_is_followed(database: Database) {
    let world = World::new(database).await;
    let price = plus(&world).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let reference = subscription["provider_reference"].as_str().unwrap();
    let theirs = format!("/v1/subscriptions/{reference}");
    let item = world.provider.read(&theirs).await["items"]["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", price.as_str()),
        ("items[0][quantity]", "2"),
    ];
    world.provider.call(&theirs, &change).await;
    world.webhooks().await;
    let followed = world.tenant.get(&path_of(&subscription)).await;
    assert_eq!(
        (&followed["product_id"], &followed["seats"]),
        (&json!("plus"), &json!(2))
    );
    assert_eq!(world.gateway.published("subscription.plan_changed").await, 1);
}

async fn a_payment_is_refunded_in_parts_and_never_beyond(database: Database) {
    let world = World::new(database).await;
    world.tenant.subscribe(&world.provider).await;
    let payment = payments(&world).await[0].clone();
    assert_eq!(payment["amount"]["amount"], 6_000);
    let ask = |key: &str, amount: Option<i64>| {
        let mut body = json!({"payment_id": payment["id"], "reason": "requested_by_customer"});
        if let Some(amount) = amount {
            body["amount"] = json!({"amount": amount, "currency": "usd"});
        }
        let request = world
            .tenant
            .request("POST", "/v1/refunds")
            .header("idempotency-key", key);
        answer_of(request.json(&body))
    };
    let (status, part) = ask("part", Some(1_500)).await;
    assert_eq!((status, &part["amount"]["amount"]), (201, &json!(1_500)));
    assert_eq!(part["reason"], "requested_by_customer");
    assert_eq!(
        ask("part", Some(1_500)).await,
        (201, part.clone()),
        "the same key answers the same"
    );
    let (status, problem) = ask("more", Some(4_501)).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("provider_rejected_request")),
        "{problem}"
    );
    let (status, rest) = ask("rest", None).await;
    assert_eq!((status, &rest["amount"]["amount"]), (201, &json!(4_500)));
    let (status, problem) = ask("again", None).await;
    assert_eq!(
        (status, &problem["provider_code"]),
        (422, &json!("charge_already_refunded")),
        "{problem}"
    );

    // What the provider tells of it by itself, doubled, changes nothing.
    let faults = json!({"webhooks": {"duplicate": 2, "reorder_window": 8, "delay_ms": 0, "drop_every": 0}});
    world.provider.control("faults", faults).await;
    world.webhooks().await;
    assert_eq!(payments(&world).await[0]["refunded_amount"], 6_000);
    let list = format!("/v1/refunds?payment_id={}", payment["id"].as_str().unwrap());
    let list = world.tenant.get(&list).await;
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| &refund["id"])
        .collect();
    assert_eq!(ids, [&part["id"], &rest["id"]]);
    let path = format!("/v1/refunds/{}", part["id"].as_str().unwrap());
    assert_eq!(world.tenant.get(&path).await["status"], "succeeded");
    assert_eq!(world.provider.look("state").await["counts"]["refunds"], 2);
    assert_eq!(world.gateway.published("refund.created").await, 2);
    assert_eq!(world.gateway.published("payment.refunded").await, 2);
    let capabilities = world.tenant.get("/v1/capabilities").await["data"][0]["capabilities"].clone();
    let expected = [
        "checkout",
        "portal",
        "subscriptions",
        "plan-change",
        "pause",
        "refunds",
        "webhooks",
        "backfill",
    ];
    assert_eq!(capabilities, json!(expected));
}
