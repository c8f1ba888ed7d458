//! Subscriptions and their items (<https://docs.stripe.com/api/subscriptions>).

use serde_json::{Value, json};

use super::catalog::Price;
use super::checkout::merge;
use super::invoice::InvoiceLine;
use super::{Dialect, Table, list};
use crate::stripe::params::Metadata;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubscriptionStatus {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

impl SubscriptionStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing can happen to it any more.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SubscriptionItem {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) price: String,
    pub(crate) quantity: i64,
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PauseCollection {
    pub(crate) behavior: String,
    pub(crate) resumes_at: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) currency: String,
    pub(crate) status: SubscriptionStatus,
    pub(crate) items: Vec<SubscriptionItem>,
    pub(crate) anchor: i64,
    /// The current period of all items: they share one cycle here.
    pub(crate) period: (i64, i64),
    pub(crate) trial: Option<(i64, i64)>,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) cancellation_reason: Option<&'static str>,
    pub(crate) cancellation_feedback: Option<String>,
    pub(crate) cancellation_comment: Option<String>,
    pub(crate) pause_collection: Option<PauseCollection>,
    pub(crate) paused_at: Option<i64>,
    pub(crate) latest_invoice: Option<String>,
    pub(crate) default_payment_method: Option<String>,
    pub(crate) description: Option<String>,
    /// Prorations waiting for the next invoice.
    pub(crate) pending_lines: Vec<InvoiceLine>,
    pub(crate) metadata: Metadata,
}

impl Subscription {
    pub(crate) fn render(&self, prices: &Table<Price>, dialect: Dialect) -> Value {
        let items = self.items.iter().map(|item| self.render_item(item, prices, dialect));
        let items = list(
            items.collect(),
            &format!("/v1/subscription_items?subscription={}", self.id),
        );
        let mut shown = json!({
            "id": self.id, "object": "subscription", "application": null,
            "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": self.anchor, "billing_cycle_anchor_config": null,
            "billing_mode": {"type": "classic"}, "billing_thresholds": null,
            "cancel_at": self.cancel_at, "cancel_at_period_end": self.cancel_at_period_end,
            "canceled_at": self.canceled_at,
            "cancellation_details": {
                "comment": self.cancellation_comment, "feedback": self.cancellation_feedback,
                "reason": self.cancellation_reason,
            },
            "collection_method": "charge_automatically", "created": self.created,
            "currency": self.currency, "customer": self.customer, "customer_account": null,
            "days_until_due": null, "default_payment_method": self.default_payment_method,
            "default_source": null, "default_tax_rates": [], "description": self.description,
            "discounts": [], "ended_at": self.ended_at,
            "invoice_settings": {"account_tax_ids": null, "issuer": {"type": "self"}},
            "items": items, "latest_invoice": self.latest_invoice, "livemode": false,
            "metadata": self.metadata, "next_pending_invoice_item_invoice": null,
            "on_behalf_of": null,
            "pause_collection": self.pause_collection.as_ref().map(|pause| json!({
                "behavior": pause.behavior, "resumes_at": pause.resumes_at,
            })),
        });
        merge(&mut shown, self.render_rest());
        if dialect == Dialect::Legacy {
            shown["current_period_start"] = json!(self.period.0);
            shown["current_period_end"] = json!(self.period.1);
            if let [only] = self.items.as_slice() {
                shown["plan"] = prices.get(&only.price).map_or(Value::Null, Price::render_plan);
                shown["quantity"] = json!(only.quantity);
            }
        }
        shown
    }

    fn render_rest(&self) -> Value {
        json!({
            "payment_settings": {
                "payment_method_options": null, "payment_method_types": null,
                "save_default_payment_method": "off",
            },
            "pending_invoice_item_interval": null, "pending_setup_intent": null,
            "pending_update": null, "schedule": null, "start_date": self.created,
            "status": self.status.name(),
            "status_details": {"paused": self.paused_at.map(|at| json!({"paused_at": at}))},
            "test_clock": null, "transfer_data": null,
            "trial_end": self.trial.map(|(_, end)| end),
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "trial_start": self.trial.map(|(start, _)| start),
        })
    }

    fn render_item(&self, item: &SubscriptionItem, prices: &Table<Price>, dialect: Dialect) -> Value {
        let price = prices.get(&item.price);
        let mut shown = json!({
            "id": item.id, "object": "subscription_item", "billing_thresholds": null,
            "created": item.created, "discounts": [], "metadata": item.metadata,
            "plan": price.map(Price::render_plan), "price": price.map(Price::render),
            "quantity": item.quantity, "subscription": self.id, "tax_rates": [],
        });
        if dialect == Dialect::Current {
            shown["current_period_start"] = json!(self.period.0);
            shown["current_period_end"] = json!(self.period.1);
            shown["current_trial"] = Value::Null;
        }
        shown
    }
}
