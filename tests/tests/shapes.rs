//! What providers send, in the shapes they send it in, and what has to be asked: through the real binary, on both
//! databases.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a webhook is signed with the real time, and the gateway judges by it"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tillgate_tests::{Database, World, answer_of, signature_header};

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
    thin_events_are_asked_about,
    payloads_from_before_basil_are_understood,
    two_changes_in_one_second_are_settled_by_asking,
    what_is_given_back_of_a_subscription_is_linked_to_its_payment,
}

/// Posts an event as Stripe would, and wants it acknowledged.
async fn send(world: &World, event: &Value) {
    let body = event.to_string();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let signature = signature_header(&world.tenant.webhook_secret, now, body.as_bytes());
    let request = world
        .tenant
        .anonymous("POST", &format!("/v1/webhooks/{}", world.tenant.account_id))
        .header("stripe-signature", signature)
        .body(body);
    let (status, answer) = answer_of(request).await;
    assert_eq!(status, 204, "{answer}");
}

/// How often the provider was asked for something under this path.
async fn asked(world: &World, path: &str) -> usize {
    let requests = world.provider.look("requests").await["requests"].clone();
    requests
        .as_array()
        .unwrap()
        .iter()
        .filter(|request| request["method"] == "GET" && request["path"].as_str().unwrap().starts_with(path))
        .count()
}

async fn thin_events_are_asked_about(database: Database) {
    let world = World::new(database).await;
    // The tenant's endpoint is made one of thin events.
    let snapshots = world.provider.read("/v1/webhook_endpoints").await["data"][0]["id"].clone();
    let path = format!("/v1/webhook_endpoints/{}", snapshots.as_str().unwrap());
    world.provider.call(&path, &[("disabled", "true")]).await;
    let thin = [
        ("url", world.tenant.webhook_url.as_str()),
        ("enabled_events[0]", "*"),
        ("event_payload", "thin"),
    ];
    let secret = world.provider.call("/v1/webhook_endpoints", &thin).await["secret"].clone();
    let path = format!(
        "/v1/admin/tenants/{}/provider-accounts/{}/secrets/webhook_secret",
        world.tenant.id, world.tenant.account_id
    );
    world.tenant.admin("PUT", &path, json!({"secret": secret})).await;

    let subscription = world.tenant.subscribe(&world.provider).await;
    assert_eq!(
        (&subscription["status"], &subscription["seats"]),
        (&json!("active"), &json!(5))
    );
    assert!(asked(&world, "/v1/subscriptions/").await > 0);
    assert!(asked(&world, "/v1/checkout/sessions/").await > 0);
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    world
        .tenant
        .post(&format!("{path}/cancel"), json!({"mode": "immediate"}))
        .await;
    world.webhooks().await;
    assert_eq!(world.tenant.get(&path).await["status"], "canceled");
    for list in ["subscriptions", "purchases", "customers", "payments"] {
        let found = world.tenant.get(&format!("/v1/{list}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{list}: {found}");
    }
    let session = world.tenant.get("/v1/checkout-sessions").await["data"][0].clone();
    assert_eq!(session["status"], "complete");
}

/// An event of API version `2024-06-20`, the last widely used one before the objects changed
/// (<https://docs.stripe.com/changelog/basil>).
fn old_event(id: &str, event_type: &str, created: i64, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2024-06-20", "created": created, "type": event_type,
        "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
        "data": {"object": object},
    })
}

async fn payloads_from_before_basil_are_understood(database: Database) {
    let world = World::new(database).await;
    let session = world
        .tenant
        .post("/v1/checkout-sessions", world.tenant.checkout())
        .await;
    let ours = session["id"].as_str().unwrap();
    let metadata = json!({"tillgate_checkout_session": ours, "organization_id": "org_1", "user_id": "user_1"});
    let price = json!({"id": "price_old", "object": "price", "recurring": {"interval": "month"}});
    let subscription = json!({
        "id": "sub_old", "object": "subscription", "status": "active", "customer": "cus_old", "metadata": metadata,
        "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null, "ended_at": null, "trial_end": null,
        "created": 1_718_900_000, "start_date": 1_718_900_000,
        // Here, and not on the items.
        "current_period_start": 1_718_900_000, "current_period_end": 1_721_492_000,
        "items": {"object": "list", "has_more": false, "data": [
            {"id": "si_old", "object": "subscription_item", "quantity": 5, "price": price},
        ]},
    });
    let invoice = json!({
        "id": "in_old", "object": "invoice", "status": "paid", "customer": "cus_old", "currency": "usd",
        "amount_due": 6_000, "amount_paid": 6_000, "attempt_count": 1, "next_payment_attempt": null,
        "hosted_invoice_url": "https://invoice.stripe.com/i/old", "last_finalization_error": null,
        // Here, and not under `parent` and `payments`.
        "subscription": "sub_old", "charge": "ch_old", "payment_intent": "pi_old", "paid": true,
    });
    let checkout = json!({
        "id": session["provider_reference"], "object": "checkout.session", "mode": "subscription", "status": "complete", "url": null,
        "payment_status": "paid", "customer": "cus_old", "customer_details": {"email": "ada@acme.example"},
        "subscription": "sub_old", "invoice": "in_old", "payment_intent": null, "client_reference_id": ours,
        "amount_total": 6_000, "currency": "usd", "created": 1_718_899_900, "expires_at": 1_718_986_300,
        "metadata": metadata,
    });
    let refund = json!({
        "id": "re_old", "object": "refund", "amount": 2_000, "currency": "usd", "status": "succeeded",
        "charge": "ch_old", "payment_intent": "pi_old", "reason": "requested_by_customer", "created": 1_718_900_500,
    });
    let charge = json!({
        "id": "ch_old", "object": "charge", "amount": 6_000, "amount_refunded": 2_000, "currency": "usd",
        "payment_intent": "pi_old", "invoice": "in_old", "refunded": false, "created": 1_718_900_001,
    });
    for event in [
        old_event("evt_1", "customer.subscription.created", 1_718_900_000, &subscription),
        old_event("evt_2", "invoice.payment_succeeded", 1_718_900_002, &invoice),
        old_event("evt_3", "checkout.session.completed", 1_718_900_003, &checkout),
        old_event("evt_4", "refund.created", 1_718_900_500, &refund),
        old_event("evt_5", "charge.refunded", 1_718_900_501, &charge),
    ] {
        send(&world, &event).await;
    }
    world.tenant.settled().await;

    let subscription = world.tenant.get("/v1/subscriptions").await["data"][0].clone();
    assert_eq!(
        (&subscription["status"], &subscription["seats"]),
        (&json!("active"), &json!(5))
    );
    assert_eq!(subscription["product_id"], "team", "by the checkout it came from");
    assert_eq!(subscription["current_period_end"], "2024-07-20T16:13:20Z");
    let payment = world.tenant.get("/v1/payments").await["data"][0].clone();
    assert_eq!(payment["subscription_id"], subscription["id"]);
    assert_eq!(
        (&payment["status"], &payment["refunded_amount"]),
        (&json!("succeeded"), &json!(2_000))
    );
    let session = world.tenant.get(&format!("/v1/checkout-sessions/{ours}")).await;
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    let customer = world.tenant.get("/v1/customers").await["data"][0].clone();
    assert_eq!(
        (&customer["organization_id"], &customer["email"]),
        (&json!("org_1"), &json!("ada@acme.example"))
    );
}

async fn two_changes_in_one_second_are_settled_by_asking(database: Database) {
    let world = World::new(database).await;
    let subscription = world.tenant.subscribe(&world.provider).await;
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let reference = subscription["provider_reference"].as_str().unwrap();
    world.tenant.put(&format!("{path}/seats"), json!({"seats": 8})).await;
    world.webhooks().await;
    let events = world
        .provider
        .read("/v1/events?type=customer.subscription.updated")
        .await;
    let mut late = events["data"][0].clone();
    let before = asked(&world, &format!("/v1/subscriptions/{reference}")).await;
    // Of the same second, and of a state that is older in truth.
    late["id"] = json!("evt_late");
    late["data"]["object"]["items"]["data"][0]["quantity"] = json!(6);
    send(&world, &late).await;
    world.tenant.settled().await;
    assert_eq!(world.tenant.get(&path).await["seats"], 8);
    let after = asked(&world, &format!("/v1/subscriptions/{reference}")).await;
    assert_eq!(after, before + 1, "asked once");
    send(&world, &late).await;
    assert_eq!(asked(&world, &format!("/v1/subscriptions/{reference}")).await, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_file_that_is_read_only_loses_nothing() {
    let mut world = World::new(Database::Sqlite).await;
    let session = world
        .tenant
        .post("/v1/checkout-sessions", world.tenant.checkout())
        .await;
    world.provider.pay(session["url"].as_str().unwrap(), "pay").await;
    let port = world.gateway.api.rsplit(':').next().unwrap().to_owned();
    let file = world.gateway.directory().join("tillgate.db");
    let writable = |writable: bool| {
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, if writable { 0o644 } else { 0o444 });
        std::fs::set_permissions(&file, permissions).unwrap();
    };
    assert_eq!(world.gateway.stop().await, Some(0));
    writable(false);
    world.gateway.restart_on(&port).await;
    world.tenant.moved(&world.gateway);

    let request = world
        .tenant
        .request("POST", "/v1/checkout-sessions")
        .json(&world.tenant.checkout());
    let (status, problem) = answer_of(request).await;
    assert_eq!((status, &problem["code"]), (503, &json!("database_unavailable")));
    let found = world.tenant.get("/v1/checkout-sessions").await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1, "what is there can be read");
    world.provider.deliver().await;

    assert_eq!(world.gateway.stop().await, Some(0));
    writable(true);
    world.gateway.restart_on(&port).await;
    world.tenant.moved(&world.gateway);
    // Nothing was acknowledged, so the provider sends it again.
    world.provider.control("clock", json!({"advance_seconds": 3600})).await;
    world.webhooks().await;
    let found = world.tenant.get("/v1/subscriptions").await;
    assert_eq!(found["data"][0]["status"], "active");
}

/// In the newest shapes neither a refund nor a dispute names its invoice, and the invoice not its payment.
async fn what_is_given_back_of_a_subscription_is_linked_to_its_payment(database: Database) {
    let world = World::new(database).await;
    world.tenant.subscribe(&world.provider).await;
    let payment = world.tenant.get("/v1/payments").await["data"][0].clone();
    let invoice = payment["provider_reference"].as_str().unwrap();
    let paid = world
        .provider
        .read(&format!("/v1/invoice_payments?invoice={invoice}"))
        .await["data"][0]
        .clone();
    let intent = paid["payment"]["payment_intent"].as_str().unwrap();

    // In Stripe's dashboard, not by us.
    world
        .provider
        .call("/v1/refunds", &[("payment_intent", intent), ("amount", "900")])
        .await;
    let charge = world.provider.read(&format!("/v1/payment_intents/{intent}")).await["latest_charge"].clone();
    world
        .provider
        .control("disputes", json!({"charge": charge, "reason": "fraudulent"}))
        .await;
    world.webhooks().await;

    let refund = world.tenant.get("/v1/refunds").await["data"][0].clone();
    assert_eq!(refund["payment_id"], payment["id"]);
    let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    assert_eq!(world.tenant.get(&path).await["refunded_amount"], 900);
    let disputes = world.gateway.published_events("dispute.opened").await;
    let [dispute] = disputes.as_slice() else {
        panic!("{disputes:?}")
    };
    assert_eq!(dispute["data"]["object"]["payment_id"], payment["id"], "{dispute}");
    assert_eq!(world.gateway.published("payment.refunded").await, 1);
}
