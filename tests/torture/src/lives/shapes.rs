//! How the provider writes its objects, as its documentation has them (<https://docs.stripe.com/api>).

use serde_json::{Value, json};

use super::story::Both;

/// A subscription, as the provider has it.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) item: String,
    pub(super) status: &'static str,
    pub(super) seats: i64,
    /// Which of the prices.
    pub(super) price: usize,
    pub(super) period: (i64, i64),
    pub(super) trial: Option<(i64, i64)>,
    pub(super) cancel_at: Option<i64>,
    /// Whether a cancellation at the end of the period is said by the flag too, or by the time alone, as newer billing modes
    /// do.
    pub(super) says_by_flag: bool,
    pub(super) canceled_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
    pub(super) collection_paused: bool,
    pub(super) metadata: Value,
}

impl Subscription {
    pub(super) fn both(&self) -> Both {
        let (product, price, unit) = super::PRICES[self.price];
        let item = json!({
            "id": self.item, "object": "subscription_item", "quantity": self.seats, "subscription": self.id,
            "price": {
                "id": price, "object": "price", "currency": "usd", "unit_amount": unit, "type": "recurring",
                "product": format!("prod_{product}"), "recurring": {"interval": "month", "interval_count": 1},
            },
        });
        let whole = json!({
            "id": self.id, "object": "subscription", "customer": self.customer, "status": self.status,
            "currency": "usd", "collection_method": "charge_automatically", "livemode": false,
            "items": {"object": "list", "data": [item], "has_more": false, "total_count": 1},
            "cancel_at": self.cancel_at, "cancel_at_period_end": self.cancel_at.is_some() && self.says_by_flag,
            "canceled_at": self.canceled_at, "ended_at": self.ended_at,
            "trial_start": self.trial.map(|(start, _)| start), "trial_end": self.trial.map(|(_, end)| end),
            "pause_collection": self.collection_paused.then(|| json!({"behavior": "void", "resumes_at": null})),
            "latest_invoice": null, "pending_update": null, "metadata": self.metadata,
        });
        let (mut newest, mut pre_basil) = (whole.clone(), whole);
        let item = &mut newest["items"]["data"][0];
        item["current_period_start"] = json!(self.period.0);
        item["current_period_end"] = json!(self.period.1);
        pre_basil["current_period_start"] = json!(self.period.0);
        pre_basil["current_period_end"] = json!(self.period.1);
        Both { newest, pre_basil }
    }
}

/// An invoice of a subscription, and what it is paid by.
#[derive(Debug, Clone)]
pub(super) struct Invoice {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) charge: String,
    pub(super) customer: String,
    pub(super) subscription: String,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) attempts: u32,
    pub(super) next_attempt: Option<i64>,
}

impl Invoice {
    pub(super) fn page(&self) -> String {
        format!("https://invoice.example/{}", self.id)
    }

    pub(super) fn both(&self) -> Both {
        let paid = self.status == "paid";
        let whole = json!({
            "id": self.id, "object": "invoice", "status": self.status, "customer": self.customer, "currency": "usd",
            "amount_due": self.amount, "amount_paid": if paid { self.amount } else { 0 },
            "attempt_count": self.attempts, "next_payment_attempt": self.next_attempt, "livemode": false,
            "hosted_invoice_url": self.page(), "last_finalization_error": null,
        });
        let (mut newest, mut pre_basil) = (whole.clone(), whole);
        newest["parent"] = json!({
            "type": "subscription_details", "quote_details": null,
            "subscription_details": {"subscription": self.subscription, "metadata": {}},
        });
        pre_basil["subscription"] = json!(self.subscription);
        if self.amount > 0 {
            pre_basil["payment_intent"] = json!(self.intent);
            pre_basil["charge"] = json!(self.charge);
        }
        Both { newest, pre_basil }
    }

    /// Where the provider says of a payment intent which invoice it paid, and what it says.
    pub(super) fn payment(&self) -> (String, Value) {
        let entry = json!({
            "id": format!("inpay_{}", self.id), "object": "invoice_payment", "invoice": self.id,
            "amount_paid": self.amount, "status": "paid",
            "payment": {"type": "payment_intent", "payment_intent": self.intent},
        });
        (format!("/v1/invoice_payments/{}", self.intent), entry)
    }
}

/// A checkout session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) customer: Option<String>,
    pub(super) email: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) intent: Option<String>,
    pub(super) status: &'static str,
    pub(super) payment_status: &'static str,
    pub(super) total: i64,
    pub(super) metadata: Value,
    pub(super) correlated: bool,
}

impl Session {
    pub(super) fn both(&self) -> Both {
        let mode = if self.subscription.is_some() {
            "subscription"
        } else {
            "payment"
        };
        Both::alike(json!({
            "id": self.id, "object": "checkout.session", "mode": mode, "status": self.status,
            "payment_status": self.payment_status, "customer": self.customer,
            "customer_details": self.email.as_ref().map(|email| json!({"email": email})),
            "subscription": self.subscription, "invoice": null, "payment_intent": self.intent,
            "client_reference_id": self.correlated.then_some(super::CORRELATION), "amount_total": self.total,
            "currency": "usd", "livemode": false, "metadata": self.metadata, "url": null,
        }))
    }
}
