//! Changes of subscriptions, and refunds, as they are asked for.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillgate_domain::{
    Money, Payment, PaymentFacts, PaymentId, PaymentState, ProviderAccountId, SubscriptionStatus, TenantId, Timestamp,
};

use crate::fakes::{Answer, World};
use crate::tenant::subscription;

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (status, code),
        "{}",
        answer.json()
    );
}

fn payment(world: &World, bits: u128, state: PaymentState) -> String {
    let now = Timestamp::from_seconds(1_700_000_000);
    let facts = PaymentFacts {
        provider_reference: format!("in_{bits}"),
        state,
        amount: Money::new(5_000, "usd".parse().unwrap()),
        customer_id: None,
        subscription_id: None,
        aliases: Vec::new(),
        failure_reason: None,
        attempt: None,
        next_attempt_at: None,
        invoice_url: None,
        receipt_url: None,
        as_of: Some(now),
    };
    let (tenant, account): (TenantId, ProviderAccountId) =
        (world.tenant.parse().unwrap(), world.account.parse().unwrap());
    let row = Payment::create(PaymentId::from_bits(bits), tenant, account, facts, now);
    let id = row.id.to_string();
    world.store.rows().payments.insert(row.id, row);
    id
}

#[tokio::test]
async fn what_needs_no_more_words_needs_no_body() {
    let world = World::new().await;
    let active = subscription(&world, 1, SubscriptionStatus::Active);
    let paused = subscription(&world, 2, SubscriptionStatus::Paused);
    for (path, outcome) in [
        (format!("subscriptions/{active}/uncancel"), "scheduled"),
        (format!("subscriptions/{active}/pause"), "scheduled"),
        (format!("subscriptions/{paused}/resume"), "action_required"),
    ] {
        for body in [Value::Null, json!({})] {
            let done = world.tenant("POST", &path, body).await;
            assert_eq!(done.status, StatusCode::OK, "{path}: {}", done.json());
            assert_eq!(done.json()["outcome"], outcome, "{path}");
        }
        let wrong = world.tenant("POST", &path, json!({"mode": "immediate"})).await;
        refused(&wrong, 422, "invalid_request");
    }
    let url = world
        .tenant("POST", &format!("subscriptions/{paused}/resume"), Value::Null)
        .await;
    assert_eq!(url.json()["action_url"], "https://pay.example/in_1");
}

#[tokio::test]
async fn a_status_that_forbids_it_is_named() {
    let world = World::new().await;
    let active = subscription(&world, 1, SubscriptionStatus::Active);
    let ended = subscription(&world, 2, SubscriptionStatus::Canceled);
    for (id, verb, status) in [
        (&active, "resume", "active"),
        (&ended, "resume", "canceled"),
        (&ended, "pause", "canceled"),
        (&ended, "uncancel", "canceled"),
    ] {
        let answer = world
            .tenant("POST", &format!("subscriptions/{id}/{verb}"), Value::Null)
            .await;
        refused(&answer, 409, "invalid_subscription_status");
        let detail = format!("cannot {verb} a subscription with status {status}");
        assert_eq!(answer.json()["detail"], detail);
    }
    let plan = json!({"product_id": "p_1"});
    let answer = world
        .tenant("POST", &format!("subscriptions/{ended}/change-plan"), plan)
        .await;
    refused(&answer, 409, "invalid_subscription_status");
    let unknown = "subscriptions/sub_00000000000000000000000009";
    for verb in ["uncancel", "pause", "resume"] {
        let answer = world.tenant("POST", &format!("{unknown}/{verb}"), Value::Null).await;
        refused(&answer, 404, "subscription_not_found");
    }
}

#[tokio::test]
async fn a_plan_is_one_of_the_tenants_products() {
    let world = World::new().await;
    let id = subscription(&world, 1, SubscriptionStatus::Active);
    let path = format!("subscriptions/{id}/change-plan");
    let done = world
        .tenant("POST", &path, json!({"product_id": "p_1", "proration": "invoice_now"}))
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.json());
    assert_eq!(done.json()["outcome"], "scheduled");
    refused(
        &world.tenant("POST", &path, json!({"product_id": "p_9"})).await,
        404,
        "product_not_found",
    );
    world.tenant("PUT", "products/p_2", json!({"prices": {}})).await;
    refused(
        &world.tenant("POST", &path, json!({"product_id": "p_2"})).await,
        422,
        "product_without_price",
    );
    refused(&world.tenant("POST", &path, json!({})).await, 422, "invalid_request");
    let wrong = json!({"product_id": "p_1", "proration": "perhaps"});
    let wrong = world.tenant("POST", &path, wrong).await;
    assert_eq!(wrong.json()["errors"][0]["field"], "proration");
}

#[tokio::test]
async fn a_payment_is_refunded_and_the_refund_is_found_again() {
    let world = World::new().await;
    let id = payment(&world, 1, PaymentState::Succeeded);
    let other = payment(&world, 2, PaymentState::Succeeded);
    let input = json!({"payment_id": id, "amount": {"amount": 1500, "currency": "usd"}, "reason": "duplicate"});
    let made = world.tenant("POST", "refunds", input).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    let made = made.json();
    assert_eq!(
        (&made["status"], &made["reason"]),
        (&json!("pending"), &json!("Duplicate"))
    );
    assert_eq!(
        (&made["payment_id"], &made["amount"]),
        (&json!(id), &json!({"amount": 1500, "currency": "usd"}))
    );
    let paid = world.tenant("GET", &format!("payments/{id}"), Value::Null).await.json();
    assert_eq!(paid["refunded_amount"], 1_500);

    let path = format!("refunds/{}", made["id"].as_str().unwrap());
    assert_eq!(world.tenant("GET", &path, Value::Null).await.json(), made);
    for (query, found) in [
        (String::new(), 1),
        (format!("?payment_id={id}"), 1),
        (format!("?payment_id={other}"), 0),
    ] {
        let list = world
            .tenant("GET", &format!("refunds{query}"), Value::Null)
            .await
            .json();
        assert_eq!(list["data"].as_array().unwrap().len(), found, "{query}");
    }
    let unknown = world
        .tenant("GET", "refunds/ref_00000000000000000000000009", Value::Null)
        .await;
    refused(&unknown, 404, "refund_not_found");
}

#[tokio::test]
async fn a_refund_that_cannot_be_is_refused_by_name() {
    let world = World::new().await;
    let id = payment(&world, 1, PaymentState::Succeeded);
    let failed = payment(&world, 2, PaymentState::Failed);
    let ask = |body: Value| world.tenant("POST", "refunds", body);
    refused(&ask(json!({"payment_id": failed})).await, 409, "invalid_payment_status");
    let nobody = "pay_00000000000000000000000009";
    refused(&ask(json!({"payment_id": nobody})).await, 404, "payment_not_found");
    for (body, field) in [
        (json!({"payment_id": "in_1"}), "payment_id"),
        (
            json!({"payment_id": id, "amount": {"amount": 0, "currency": "usd"}}),
            "amount.amount",
        ),
        (
            json!({"payment_id": id, "amount": {"amount": 1, "currency": "eur"}}),
            "amount.currency",
        ),
        (
            json!({"payment_id": id, "amount": {"amount": 1, "currency": "dollar"}}),
            "amount.currency",
        ),
        (json!({"payment_id": id, "amount": 5}), "amount"),
        (json!({"payment_id": id, "reason": "whim"}), "reason"),
    ] {
        let answer = ask(body).await;
        refused(&answer, 422, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.json());
    }
    assert!(world.store.rows().refunds.is_empty());
}
