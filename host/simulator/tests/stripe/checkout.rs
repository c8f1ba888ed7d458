//! The pages: checkout, its endings, and the portal.

use serde_json::json;

use crate::world::{DAY, World, id, kinds};

#[tokio::test]
async fn the_page_shows_what_is_bought_and_escapes_it() {
    let world = World::new().await;
    let form = "mode=payment&line_items[0][quantity]=2&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=1500&line_items[0][price_data][product_data][name]=%3Cscript%3Ealert(1)%3C/script%3E&success_url=https://a.example/ok&cancel_url=https://a.example/no?a=%22%3E";
    let session = world.post("/v1/checkout/sessions", form).await;
    let page = world.get_raw(&format!("/c/pay/{}", id(&session))).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.text.contains("<script"));
    assert!(page.text.contains("$30.00") && page.text.contains("Test mode"));
    assert!(page.text.contains("https://a.example/no?a=&quot;&gt;"));
    for button in ["value=\"pay\"", "value=\"decline\"", "value=\"delayed\""] {
        assert!(page.text.contains(button), "{button}");
    }
    assert_eq!(world.get_raw("/c/pay/cs_test_none").await.status, 404);
    let unnamed = world.press(session["url"].as_str().unwrap(), "action=pay&email=").await;
    assert!(unnamed.text.contains("Enter your email address."));
}

#[tokio::test]
async fn declining_leaves_the_session_open() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    let price = world.monthly_price().await;
    let form = format!(
        "mode=subscription&line_items[0][price]={price}&line_items[0][quantity]=1&success_url=https://a.example/ok?s={{CHECKOUT_SESSION_ID}}"
    );
    let session = world.post("/v1/checkout/sessions", &form).await;
    let url = session["url"].as_str().unwrap();
    let declined = world.press(url, "action=decline&email=a@b.co").await;
    assert_eq!(declined.status, 200);
    assert!(declined.text.contains("Your card was declined."));
    let paid = world.press(url, "action=pay&email=a@b.co").await;
    assert_eq!(paid.status, 303);
    assert_eq!(
        paid.header("location").unwrap(),
        format!("https://a.example/ok?s={}", id(&session))
    );
    // A second press of the button pays nothing.
    let again = world.press(url, "action=pay&email=a@b.co").await;
    assert_eq!(again.status, 200);
    let got = kinds(&world.flush().await);
    let expected = [
        "product.created",
        "price.created",
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ];
    assert_eq!(got, expected);
}

#[tokio::test]
async fn sessions_expire_by_clock_or_by_request() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    let form = "mode=setup&success_url=https://a.example/ok&currency=usd";
    let late = world.post("/v1/checkout/sessions", form).await;
    let early = world.post("/v1/checkout/sessions", form).await;
    let path = format!("/v1/checkout/sessions/{}/expire", id(&early));
    assert_eq!(world.post(&path, "").await["status"], "expired");
    assert_eq!(world.post_raw(&path, "").await.status, 400);
    world.advance(DAY).await;
    let expired = world.get(&format!("/v1/checkout/sessions/{}", id(&late))).await;
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &json!(null)));
    let page = world.get_raw(&format!("/c/pay/{}", id(&late))).await;
    assert!(page.text.contains("This checkout has expired"));
    assert_eq!(kinds(&world.flush().await), ["checkout.session.expired"; 2]);
}

#[tokio::test]
async fn bank_debits_settle_later() {
    let world = World::new().await;
    world.subscribe_hooks("/h", "").await;
    for (outcome, event, status) in [
        (Some("succeeded"), "checkout.session.async_payment_succeeded", "paid"),
        (Some("failed"), "checkout.session.async_payment_failed", "unpaid"),
        (None, "checkout.session.async_payment_succeeded", "paid"),
    ] {
        let form = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Pack&success_url=https://a.example/ok&customer_creation=always";
        let session = world.post("/v1/checkout/sessions", form).await;
        let path = format!("/v1/checkout/sessions/{}", id(&session));
        world
            .press(session["url"].as_str().unwrap(), "action=delayed&email=a@b.co")
            .await;
        let hooks = world.flush().await;
        let completed = hooks
            .iter()
            .find(|hook| hook.kind() == "checkout.session.completed")
            .unwrap();
        assert_eq!(completed.json()["data"]["object"]["payment_status"], "unpaid");
        match outcome {
            Some(outcome) => {
                let path = format!("checkout_sessions/{}/settle", id(&session));
                world.control(&path, json!({"outcome": outcome})).await;
            }
            None => world.advance(5 * DAY).await,
        }
        assert!(kinds(&world.flush().await).contains(&event.to_owned()));
        assert_eq!(world.get(&path).await["payment_status"], status);
    }
}

#[tokio::test]
async fn the_portal_cancels_and_takes_back() {
    let world = World::new().await;
    let subscription = world.subscribe("").await;
    let other = world.subscribe("").await;
    world.subscribe_hooks("/h", "").await;
    let form = format!(
        "customer={}&return_url=https://a.example/billing",
        subscription["customer"].as_str().unwrap()
    );
    let portal = world.post("/v1/billing_portal/sessions", &form).await;
    let url = portal["url"].as_str().unwrap();
    let page = world.client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("https://a.example/billing") && page.contains("Cancel at period end"));
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let press = async |action: &str, target: &str| {
        let form = format!("action={action}&subscription={target}");
        assert_eq!(world.press(url, &form).await.status, 303);
    };
    press("cancel_at_period_end", &id(&subscription)).await;
    let planned = world.get(&path).await;
    assert_eq!(planned["cancel_at"], planned["items"]["data"][0]["current_period_end"]);
    press("undo", &id(&subscription)).await;
    assert_eq!(world.get(&path).await["cancel_at_period_end"], false);
    press("cancel_now", &id(&subscription)).await;
    assert_eq!(world.get(&path).await["status"], "canceled");
    // Someone else's subscription is out of reach.
    press("cancel_now", &id(&other)).await;
    assert_eq!(
        world.get(&format!("/v1/subscriptions/{}", id(&other))).await["status"],
        "active"
    );
    let got = kinds(&world.flush().await);
    assert_eq!(
        got,
        [
            "billing_portal.session.created",
            "customer.subscription.updated",
            "customer.subscription.updated",
            "customer.subscription.deleted",
        ]
    );
}
