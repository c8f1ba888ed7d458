//! Something is bought once: at once, with money that comes later or doesn't, or not at all.

use serde_json::{Value, json};

use super::shapes::Session;
use super::story::Story;
use super::{PACK, money};
use crate::expected::{Kind, Times, usd};

pub(super) fn tell(story: &mut Story) {
    let (product, _, amount) = PACK;
    let session = story.id("cs");
    let ours = story.chance(0.5);
    if ours {
        story.check_out(&session, json!({"type": "one_time", "product_id": product, "seats": 1}));
    }
    if story.chance(0.2) {
        expires(story, &session);
        return;
    }
    let email = format!("{}@customers.example", story.id("c"));
    let customer = story.customer(Some(&email));
    let intent = story.id("pi");
    let mut object = Session {
        id: session.clone(),
        customer: Some(customer.clone()),
        email: Some(email),
        subscription: None,
        intent: Some(intent.clone()),
        status: "complete",
        payment_status: "paid",
        total: amount,
        metadata: story.metadata(),
        correlated: ours,
    };
    let way = story.pick(0..3);
    let paid_by = match way {
        0 => {
            story.about.push("bought and paid at once");
            story.happens(
                "checkout.session.completed",
                "checkout.session",
                object.both(),
                Vec::new(),
            )
        }
        _ => {
            story.about.push(if way == 1 {
                "bought and paid later"
            } else {
                "bought and never paid"
            });
            object.payment_status = "unpaid";
            story.happens(
                "checkout.session.completed",
                "checkout.session",
                object.both(),
                Vec::new(),
            );
            story.later(5 * 24 * 60 * 60);
            let event_type = if way == 1 {
                object.payment_status = "paid";
                "checkout.session.async_payment_succeeded"
            } else {
                "checkout.session.async_payment_failed"
            };
            story.happens(event_type, "checkout.session", object.both(), Vec::new())
        }
    };
    expect(story, &session, way, ours, &customer, &intent);
    if way == 2 {
        return;
    }
    let mut paid = money::Paid {
        reference: intent.clone(),
        charge: story.id("ch"),
        intent,
        invoice: None,
        amount,
        refunded: 0,
        told: vec![paid_by],
    };
    story.later(10 * 24 * 60 * 60);
    while story.chance(0.4) {
        money::refund(story, &mut paid);
        story.later(24 * 60 * 60);
    }
    if story.chance(0.25) {
        money::dispute(story, &paid);
    }
}

/// Nobody finishes it. Of one that the tenant didn't ask for nothing is kept.
fn expires(story: &mut Story, session: &str) {
    story.about.push("never bought");
    story.now += 24 * 60 * 60;
    let object = Session {
        id: session.to_owned(),
        customer: None,
        email: None,
        subscription: None,
        intent: None,
        status: "expired",
        payment_status: "unpaid",
        total: PACK.2,
        metadata: story.metadata(),
        correlated: story.checkout.is_some(),
    };
    story.happens(
        "checkout.session.expired",
        "checkout.session",
        object.both(),
        Vec::new(),
    );
    if story.checkout.is_some() {
        let fields = json!({"status": "expired", "payment_status": "unpaid"});
        story.expected.thing(Kind::CheckoutSession, session, &fields);
        story
            .expected
            .event("checkout_session.expired", session, Times::exactly(1));
    }
}

/// `way` is 0 for paid at once, 1 for paid later and 2 for never.
fn expect(story: &mut Story, session: &str, way: i64, ours: bool, customer: &str, intent: &str) {
    let amount = PACK.2;
    let (purchase, payment, event) = match way {
        2 => ("failed", "failed", "failed"),
        _ => ("completed", "succeeded", "succeeded"),
    };
    let fields = json!({
        "type": "one_time", "status": purchase, "customer_id": customer, "amount": usd(amount),
        "provider_transaction_id": intent, "subscription_id": null,
        "product_id": if ours { json!(PACK.0) } else { Value::Null },
        "checkout_session_id": if ours { json!(session) } else { Value::Null },
    });
    story.expected.thing(Kind::Purchase, session, &fields);
    story.expected.event("purchase.created", session, Times::exactly(1));
    story
        .expected
        .event(&format!("purchase.{purchase}"), session, Times::exactly(1));
    let fields = json!({
        "status": payment, "amount": usd(amount), "refunded_amount": 0, "customer_id": customer, "subscription_id": null,
    });
    story.expected.thing(Kind::Payment, intent, &fields);
    story
        .expected
        .event(&format!("payment.{event}"), intent, Times::exactly(1));
    if !ours {
        return;
    }
    let (status, paid) = if way == 2 {
        ("failed", "unpaid")
    } else {
        ("complete", "paid")
    };
    let fields = json!({"status": status, "payment_status": paid});
    story.expected.thing(Kind::CheckoutSession, session, &fields);
    if way == 0 {
        story
            .expected
            .event("checkout_session.completed", session, Times::exactly(1));
        return;
    }
    story.maybe("checkout_session.completed", session);
    let last = if way == 1 {
        "checkout_session.paid"
    } else {
        "checkout_session.failed"
    };
    // A thin word of the completion can find the session paid already: then there is nothing more to say.
    let surely = way == 2 || story.orderly || story.shape != super::Shape::Thin;
    story.expected.once_more(last, session, surely);
}
