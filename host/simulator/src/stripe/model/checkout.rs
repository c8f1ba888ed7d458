//! Checkout sessions and billing portal sessions
//! (<https://docs.stripe.com/api/checkout/sessions>, `/customer_portal/sessions`).

use serde_json::{Value, json};

use super::{list, no_address};
use crate::stripe::params::Metadata;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Payment,
    Subscription,
    Setup,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Subscription => "subscription",
            Self::Setup => "setup",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SessionLine {
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) description: String,
    pub(crate) unit_amount: i64,
    pub(crate) quantity: i64,
    pub(crate) recurring: bool,
}

impl SessionLine {
    pub(crate) fn amount(&self) -> i64 {
        self.unit_amount.saturating_mul(self.quantity)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CheckoutSession {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) mode: Mode,
    pub(crate) status: SessionStatus,
    pub(crate) payment_status: &'static str,
    pub(crate) url: String,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) customer: Option<String>,
    pub(crate) customer_email: Option<String>,
    /// What was typed on the page; set on completion.
    pub(crate) paid_by_email: Option<String>,
    pub(crate) customer_creation: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) lines: Vec<SessionLine>,
    pub(crate) metadata: Metadata,
    pub(crate) subscription_metadata: Metadata,
    pub(crate) payment_intent_metadata: Metadata,
    pub(crate) trial_days: Option<i64>,
    pub(crate) allow_promotion_codes: Option<bool>,
    pub(crate) invoice_creation: bool,
    pub(crate) payment_method_collection: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) invoice: Option<String>,
    pub(crate) payment_intent: Option<String>,
}

impl CheckoutSession {
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(SessionLine::amount).fold(0, i64::saturating_add)
    }

    /// What is paid on the page: in a trial only what is bought once.
    pub(crate) fn due_now(&self) -> i64 {
        let is_due = |line: &&SessionLine| self.trial_days.is_none() || !line.recurring;
        self.lines
            .iter()
            .filter(is_due)
            .map(SessionLine::amount)
            .fold(0, i64::saturating_add)
    }

    /// `prices` gives the price objects of the lines, for `line_items`.
    pub(crate) fn render_lines(&self, price: impl Fn(&str) -> Value) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "id": line.id, "object": "item", "amount_discount": 0,
                "amount_subtotal": line.amount(), "amount_tax": 0, "amount_total": line.amount(),
                "currency": self.currency, "description": line.description, "metadata": {},
                "price": price(&line.price), "quantity": line.quantity,
            })
        });
        list(
            lines.collect(),
            &format!("/v1/checkout/sessions/{}/line_items", self.id),
        )
    }

    pub(crate) fn render(&self) -> Value {
        let email = self.paid_by_email.as_ref().or(self.customer_email.as_ref());
        let details = email.map(|email| {
            json!({
                "address": no_address(), "business_name": null, "email": email,
                "individual_name": null, "name": null, "phone": null, "tax_exempt": "none",
                "tax_ids": [],
            })
        });
        let due = self.due_now();
        let mut session = json!({
            "id": self.id, "object": "checkout.session", "adaptive_pricing": {"enabled": false},
            "after_expiration": null, "allow_promotion_codes": self.allow_promotion_codes,
            "amount_subtotal": due, "amount_total": due,
            "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
            "billing_address_collection": null, "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id, "client_secret": null,
            "collected_information": null, "consent": null, "consent_collection": null,
            "created": self.created, "currency": self.currency, "currency_conversion": null,
            "custom_fields": [], "customer": self.customer, "customer_account": null,
            "customer_creation": self.customer_creation, "customer_details": details,
            "customer_email": self.customer_email, "discounts": [], "expires_at": self.expires_at,
            "invoice": self.invoice, "livemode": false, "locale": self.locale,
            "metadata": self.metadata, "mode": self.mode.name(), "origin_context": null,
            "payment_intent": self.payment_intent, "payment_link": null,
            "payment_method_collection": self.payment_method_collection,
            "payment_method_options": {}, "payment_method_types": ["card", "us_bank_account"],
            "payment_status": self.payment_status, "permissions": null,
        });
        merge(&mut session, self.render_rest());
        session
    }

    fn render_rest(&self) -> Value {
        let open = self.status == SessionStatus::Open;
        json!({
            "phone_number_collection": {"enabled": false}, "recovered_from": null,
            "saved_payment_method_options": null, "setup_intent": null,
            "shipping_address_collection": null, "shipping_cost": null, "shipping_options": [],
            "status": self.status.name(), "submit_type": null, "subscription": self.subscription,
            "success_url": self.success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page", "url": open.then_some(&self.url), "wallet_options": null,
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null,
                "terms_of_service_acceptance": null,
            },
            "invoice_creation": (self.mode == Mode::Payment).then(|| json!({
                "enabled": self.invoice_creation,
                "invoice_data": {
                    "account_tax_ids": null, "custom_fields": null, "description": null,
                    "footer": null, "issuer": null, "metadata": {}, "rendering_options": null,
                },
            })),
        })
    }
}

/// Adds the members of one object to another.
pub(crate) fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PortalSession {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) return_url: Option<String>,
    pub(crate) configuration: String,
    pub(crate) flow: Option<(String, Option<String>)>,
    pub(crate) locale: Option<String>,
    pub(crate) url: String,
}

impl PortalSession {
    pub(crate) fn render(&self) -> Value {
        let flow = self.flow.as_ref().map(|(kind, subscription)| {
            let of = |name: &str| (kind == name).then(|| json!({"retention": null, "subscription": subscription}));
            json!({
                "after_completion": {"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"},
                "subscription_cancel": of("subscription_cancel"),
                "subscription_update": (kind == "subscription_update").then(|| json!({"subscription": subscription})),
                "subscription_update_confirm": null, "type": kind,
            })
        });
        json!({
            "id": self.id, "object": "billing_portal.session", "configuration": self.configuration,
            "created": self.created, "customer": self.customer, "customer_account": null,
            "flow": flow, "livemode": false, "locale": self.locale, "on_behalf_of": null,
            "return_url": self.return_url, "url": self.url,
        })
    }
}
