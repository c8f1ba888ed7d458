//! A subscription, from its beginning to its end or to wherever the story breaks off.

use serde_json::{Value, json};

use super::money::{self, Paid};
use super::shapes::{Invoice, Session, Subscription};
use super::story::Story;
use super::{PRICES, Shape};
use crate::expected::{Kind, Times, rfc3339};

const DAY: i64 = 24 * 60 * 60;
const MONTH: i64 = 30 * DAY;

pub(super) fn tell(story: &mut Story) {
    let mut run = begin(story);
    for _ in 0..story.pick(1..9) {
        if run.now.ended_at.is_some() {
            break;
        }
        story.later(4 * DAY);
        act(story, &mut run);
    }
    if run.now.ended_at.is_none() && story.chance(0.3) {
        story.about.push("canceled");
        end(story, &mut run);
    }
    story.later(DAY);
    for paid in &mut run.paid {
        if story.chance(0.15) {
            money::refund(story, paid);
            story.later(DAY);
        }
        if paid.amount > 0 && story.chance(0.08) {
            money::dispute(story, paid);
        }
    }
    expect(story, &run.now);
}

/// A subscription that goes on.
struct Run {
    now: Subscription,
    paid: Vec<Paid>,
}

fn begin(story: &mut Story) -> Run {
    let trial = story.chance(0.3).then(|| story.pick(3..20));
    let seats = story.pick(1..20);
    let from_checkout = story.chance(0.6);
    let ours = from_checkout && story.chance(0.5);
    let session = story.id("cs");
    if ours {
        let mut request = json!({"type": "subscription", "product_id": PRICES[0].0, "seats": seats});
        if let Some(days) = trial {
            request["trial_period_days"] = json!(days);
        }
        story.check_out(&session, request);
    }
    let email = from_checkout.then(|| format!("{}@customers.example", story.id("c")));
    let customer = story.customer(email.as_deref());
    let trial = trial.map(|days| (story.now, story.now + days * DAY));
    let now = Subscription {
        id: story.id("sub"),
        customer: customer.clone(),
        item: story.id("si"),
        status: if trial.is_some() { "trialing" } else { "incomplete" },
        seats,
        price: 0,
        period: trial.unwrap_or((story.now, story.now + MONTH)),
        trial,
        cancel_at: None,
        says_by_flag: story.shape == Shape::PreBasil || story.chance(0.5),
        canceled_at: None,
        ended_at: None,
        collection_paused: false,
        metadata: story.metadata(),
    };
    story.about.push(if trial.is_some() {
        "subscribed on trial"
    } else {
        "subscribed"
    });
    story.expected.event("subscription.created", &now.id, Times::exactly(1));
    story.expected.event("purchase.created", &now.id, Times::exactly(1));
    story.happens("customer.subscription.created", "subscription", now.both(), Vec::new());
    let mut run = Run { now, paid: Vec::new() };
    let amount = if trial.is_some() { 0 } else { run.price() };
    let invoice = invoice(story, &run, amount);
    run.paid.push(money::paid(story, invoice));
    if trial.is_none() {
        change(story, &mut run, |now| now.status = "active");
    }
    if from_checkout {
        let object = Session {
            id: session.clone(),
            customer: Some(customer),
            email,
            subscription: Some(run.now.id.clone()),
            intent: None,
            status: "complete",
            payment_status: if trial.is_some() { "no_payment_required" } else { "paid" },
            total: amount,
            metadata: story.metadata(),
            correlated: ours,
        };
        story.happens(
            "checkout.session.completed",
            "checkout.session",
            object.both(),
            Vec::new(),
        );
        if ours {
            let fields = json!({"status": "complete", "payment_status": object.payment_status});
            story.expected.thing(Kind::CheckoutSession, &session, &fields);
            story
                .expected
                .event("checkout_session.completed", &session, Times::exactly(1));
        }
    }
    let checkout = if ours { json!(session) } else { Value::Null };
    let fields = json!({
        "type": "subscription", "status": "active", "subscription_id": run.now.id, "customer_id": run.now.customer,
        "checkout_session_id": checkout,
    });
    story.expected.thing(Kind::Purchase, &run.now.id, &fields);
    // Where the first that is heard of a subscription comes from after a change of plan, nothing says what it was before,
    // unless the tenant sold it itself.
    if ours || story.orderly || story.known.first_products {
        let fields = json!({"product_id": PRICES[0].0});
        story.expected.thing(Kind::Purchase, &run.now.id, &fields);
    }
    run
}

impl Run {
    fn price(&self) -> i64 {
        self.now.seats * PRICES[self.now.price].2
    }
}

fn invoice(story: &mut Story, run: &Run, amount: i64) -> Invoice {
    Invoice {
        id: story.id("in"),
        intent: story.id("pi"),
        charge: story.id("ch"),
        customer: run.now.customer.clone(),
        subscription: run.now.id.clone(),
        amount,
        status: "open",
        attempts: 0,
        next_attempt: None,
    }
}

/// What a tenant sees of a status.
fn seen(subscription: &Subscription) -> &'static str {
    match subscription.status {
        "canceled" => "canceled",
        "incomplete" => "incomplete",
        _ if subscription.collection_paused => "paused",
        status => status,
    }
}

/// The subscription changes, and the provider says so.
fn change(story: &mut Story, run: &mut Run, change: impl FnOnce(&mut Subscription)) {
    let before = run.now.clone();
    change(&mut run.now);
    let now = &run.now;
    let ends = now.ended_at.is_some();
    let event_type = if ends {
        "customer.subscription.deleted"
    } else {
        "customer.subscription.updated"
    };
    story.happens(event_type, "subscription", now.both(), Vec::new());
    let id = now.id.clone();
    let (was, is) = (seen(&before), seen(now));
    let mut tells = Vec::new();
    if was != is {
        tells.push("subscription.status_changed");
        match (was, is) {
            (_, "canceled") => story.expected.event("subscription.canceled", &id, Times::exactly(1)),
            (_, "paused") => tells.push("subscription.paused"),
            ("paused", _) => tells.push("subscription.resumed"),
            _ => {}
        }
    }
    if before.seats != now.seats {
        tells.push("subscription.seats_changed");
    }
    if before.price != now.price {
        tells.push("subscription.plan_changed");
    }
    if !ends && before.cancel_at.is_some() != now.cancel_at.is_some() {
        let scheduled = now.cancel_at.is_some();
        tells.push(if scheduled {
            "subscription.cancellation_scheduled"
        } else {
            "subscription.cancellation_withdrawn"
        });
    }
    if !ends && now.period.0 > before.period.0 {
        tells.push("subscription.renewed");
    }
    for name in tells {
        story.maybe(name, &id);
    }
}

fn act(story: &mut Story, run: &mut Run) {
    if run.now.collection_paused {
        story.about.push("resumed");
        change(story, run, |now| now.collection_paused = false);
        return;
    }
    if run.now.cancel_at.is_some() {
        if story.chance(0.4) {
            story.about.push("stayed after all");
            change(story, run, |now| (now.cancel_at, now.canceled_at) = (None, None));
        } else {
            story.about.push("ended with its period");
            story.now = story.now.max(run.now.period.1);
            end(story, run);
        }
        return;
    }
    match story.pick(0..10) {
        0..3 => {
            story.about.push("changed seats");
            // Some can't decide, within a second or two.
            for _ in 0..story.pick(1..4) {
                let seats = story.pick(1..40);
                change(story, run, |now| now.seats = seats);
                story.later(1);
            }
        }
        3 => {
            story.about.push("changed plan");
            change(story, run, |now| now.price = 1 - now.price);
        }
        4..7 => renew(story, run),
        7 => fail_to_renew(story, run),
        8 => {
            story.about.push("was to end with its period");
            let at = story.now;
            change(story, run, |now| {
                now.cancel_at = Some(now.period.1);
                now.canceled_at = Some(at);
            });
        }
        _ => {
            story.about.push("paused");
            change(story, run, |now| now.collection_paused = true);
        }
    }
}

fn next_period(story: &mut Story, run: &mut Run) {
    story.now = story.now.max(run.now.period.1);
    change(story, run, |now| {
        now.period = (now.period.1, now.period.1 + MONTH);
        now.status = "active";
    });
}

fn renew(story: &mut Story, run: &mut Run) {
    story.about.push("renewed");
    next_period(story, run);
    let invoice = invoice(story, run, run.price());
    story.later(3_600);
    run.paid.push(money::paid(story, invoice));
}

fn fail_to_renew(story: &mut Story, run: &mut Run) {
    next_period(story, run);
    let mut invoice = invoice(story, run, run.price());
    story.later(3_600);
    let tries = story.pick(1..4);
    let recovers = story.chance(0.7);
    for this in 0..tries {
        money::failed(story, &mut invoice, !recovers && this == tries - 1);
        if this == 0 {
            change(story, run, |now| now.status = "past_due");
        }
        story.now += 3 * DAY;
    }
    if recovers {
        story.about.push("failed to pay and recovered");
        run.paid.push(money::paid(story, invoice));
        change(story, run, |now| now.status = "active");
    } else if story.chance(0.5) {
        story.about.push("failed to pay and goes on unpaid");
        change(story, run, |now| now.status = "unpaid");
    } else {
        story.about.push("failed to pay and ended");
        end(story, run);
    }
}

fn end(story: &mut Story, run: &mut Run) {
    let at = story.now;
    change(story, run, |now| {
        now.status = "canceled";
        now.canceled_at.get_or_insert(at);
        now.ended_at = Some(at);
    });
}

fn expect(story: &mut Story, now: &Subscription) {
    let ended = now.ended_at.is_some();
    let (product, price, _) = PRICES[now.price];
    let cancel_at = now.cancel_at.filter(|_| !ended);
    let fields = json!({
        "status": seen(now), "provider_status": now.status, "customer_id": now.customer, "product_id": product,
        "price_reference": price, "seats": now.seats, "current_period_start": rfc3339(now.period.0),
        "current_period_end": rfc3339(now.period.1), "trial_end": now.trial.map(|(_, end)| rfc3339(end)),
        "cancel_at_period_end": cancel_at.is_some(), "cancel_at": cancel_at.map(rfc3339),
        "canceled_at": now.canceled_at.map(rfc3339), "ended_at": now.ended_at.map(rfc3339),
    });
    story.expected.thing(Kind::Subscription, &now.id, &fields);
}
