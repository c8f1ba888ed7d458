//! Payments, and what happens to them afterwards.

use serde_json::{Value, json};

use super::shapes::Invoice;
use super::story::{Both, Story};
use crate::expected::{Kind, Times, usd};

/// Money that came, and can go back.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    /// The provider's id of the payment as the gateway counts it: the invoice's or the intent's.
    pub(super) reference: String,
    pub(super) intent: String,
    pub(super) charge: String,
    /// The invoice, where there is one.
    pub(super) invoice: Option<String>,
    pub(super) amount: i64,
    pub(super) refunded: i64,
    /// The moments whose webhooks make it known.
    pub(super) told: Vec<usize>,
}

/// An invoice is paid: two events of the provider's say so.
pub(super) fn paid(story: &mut Story, mut invoice: Invoice) -> Paid {
    invoice.status = "paid";
    invoice.next_attempt = None;
    invoice.attempts += 1;
    let mut told = Vec::new();
    for event_type in ["invoice.paid", "invoice.payment_succeeded"] {
        let beside = if invoice.amount > 0 {
            vec![invoice.payment()]
        } else {
            Vec::new()
        };
        told.push(story.happens(event_type, "invoice", invoice.both(), beside));
    }
    let fields = json!({
        "status": "succeeded", "amount": usd(invoice.amount), "refunded_amount": 0, "customer_id": invoice.customer,
        "subscription_id": invoice.subscription, "invoice_url": invoice.page(), "next_attempt_at": null,
    });
    story.expected.thing(Kind::Payment, &invoice.id, &fields);
    story
        .expected
        .event("payment.succeeded", &invoice.id, Times::exactly(1));
    Paid {
        reference: invoice.id.clone(),
        intent: invoice.intent,
        charge: invoice.charge,
        invoice: Some(invoice.id),
        amount: invoice.amount,
        refunded: 0,
        told,
    }
}

/// A try to collect an invoice fails. `last` says that it isn't tried again.
pub(super) fn failed(story: &mut Story, invoice: &mut Invoice, last: bool) {
    invoice.status = "open";
    invoice.attempts += 1;
    invoice.next_attempt = (!last).then_some(story.now + 3 * 24 * 60 * 60);
    story.happens("invoice.payment_failed", "invoice", invoice.both(), Vec::new());
    story.maybe("payment.failed", &invoice.id);
    let fields = json!({
        "status": "failed", "amount": usd(invoice.amount), "refunded_amount": 0, "customer_id": invoice.customer,
        "subscription_id": invoice.subscription, "invoice_url": invoice.page(),
        "next_attempt_at": invoice.next_attempt.map(crate::expected::rfc3339),
    });
    story.expected.thing(Kind::Payment, &invoice.id, &fields);
}

fn charge(paid: &Paid) -> Both {
    let whole = json!({
        "id": paid.charge, "object": "charge", "amount": paid.amount, "amount_refunded": paid.refunded,
        "currency": "usd", "payment_intent": paid.intent, "refunded": paid.refunded == paid.amount, "livemode": false,
    });
    let mut pre_basil = whole.clone();
    pre_basil["invoice"] = json!(paid.invoice);
    Both {
        newest: whole,
        pre_basil,
    }
}

/// What comes of a payment is told after it, unless it is asked for otherwise.
fn after_its_payment(story: &mut Story, paid: &Paid, moment: usize) {
    if !story.known.early_refunds {
        for told in &paid.told {
            story.sent_after(moment, *told);
        }
    }
}

/// A part of a payment, or what is left of it, goes back.
pub(super) fn refund(story: &mut Story, paid: &mut Paid) {
    let left = paid.amount - paid.refunded;
    if left <= 0 {
        return;
    }
    let amount = if story.chance(0.5) {
        left
    } else {
        story.pick(1..left + 1)
    };
    story
        .about
        .push(if amount == left { "refunded" } else { "refunded in part" });
    let id = story.id("re");
    let object = |status: &str, failure: Option<&str>| {
        Both::alike(json!({
            "id": id, "object": "refund", "amount": amount, "currency": "usd", "status": status,
            "charge": paid.charge, "payment_intent": paid.intent, "reason": "requested_by_customer",
            "failure_reason": failure,
        }))
    };
    let (pending, succeeded) = (object("pending", None), object("succeeded", None));
    let failure = object("failed", Some("lost_or_stolen_card"));
    paid.refunded += amount;
    let slow = story.chance(0.5);
    let first = if slow { pending } else { succeeded.clone() };
    let mut moments = vec![story.happens("refund.created", "refund", first, Vec::new())];
    moments.push(story.happens("charge.refunded", "charge", charge(paid), Vec::new()));
    story.expected.event("refund.created", &id, Times::exactly(1));
    story.maybe("payment.refunded", &paid.reference);
    if slow {
        story.later(3 * 24 * 60 * 60);
        moments.push(story.happens("refund.updated", "refund", succeeded, Vec::new()));
        story.maybe("refund.updated", &id);
    }
    let fails = story.known.failed_refunds && story.chance(0.2);
    if fails {
        story.now += 60;
        paid.refunded -= amount;
        let beside = vec![(format!("/v1/charges/{}", paid.charge), charge(paid).newest)];
        moments.push(story.happens("refund.failed", "refund", failure, beside));
        story.maybe("refund.updated", &id);
        story.about.push("whose refund failed");
    }
    for moment in moments {
        after_its_payment(story, paid, moment);
    }
    let state = if fails { "failed" } else { "succeeded" };
    let fields = json!({"status": state, "amount": usd(amount), "payment_id": paid.reference});
    story.expected.thing(Kind::Refund, &id, &fields);
    let fields = json!({"refunded_amount": paid.refunded});
    story.expected.thing(Kind::Payment, &paid.reference, &fields);
}

/// The customer's bank takes a payment back, or tries to.
pub(super) fn dispute(story: &mut Story, paid: &Paid) {
    story.about.push("disputed");
    let id = story.id("dp");
    let won = story.chance(0.5);
    let mut status = "needs_response";
    let object = |status: &str| -> Value {
        json!({
            "id": id, "object": "dispute", "amount": paid.amount, "currency": "usd", "status": status,
            "charge": paid.charge, "payment_intent": paid.intent, "reason": "fraudulent",
            "evidence_details": {"due_by": null},
        })
    };
    let mut tells = vec![("charge.dispute.created", status)];
    if story.chance(0.6) {
        tells.push(("charge.dispute.updated", "under_review"));
    }
    if story.chance(0.7) {
        tells.push(("charge.dispute.closed", if won { "won" } else { "lost" }));
    }
    for (event_type, next) in tells {
        status = next;
        let moment = story.happens(event_type, "dispute", Both::alike(object(status)), Vec::new());
        after_its_payment(story, paid, moment);
        if event_type == "charge.dispute.created" {
            story.expected.event("dispute.opened", &id, Times::exactly(1));
        } else {
            story.maybe("dispute.updated", &id);
        }
        // Nothing orders two of a dispute's events of one second, and the provider makes none.
        story.now += if story.chance(0.5) { 5_000 } else { 1 };
    }
    let fields = json!({"provider_status": status, "amount": usd(paid.amount), "payment_id": paid.reference});
    story.expected.thing(Kind::Dispute, &id, &fields);
}
