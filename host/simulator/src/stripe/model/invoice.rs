//! Invoices (<https://docs.stripe.com/api/invoices>).

use serde_json::{Value, json};

use super::{Dialect, list};
use crate::stripe::model::checkout::merge;
use crate::stripe::params::Metadata;

#[derive(Debug, Clone)]
pub(crate) struct InvoiceLine {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) amount: i64,
    pub(crate) quantity: i64,
    pub(crate) price: String,
    pub(crate) product: String,
    pub(crate) unit_amount: i64,
    pub(crate) subscription_item: Option<String>,
    pub(crate) proration: bool,
    pub(crate) period: (i64, i64),
}

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) customer_email: Option<String>,
    pub(crate) subscription: Option<String>,
    /// Frozen when the invoice was finalized.
    pub(crate) subscription_metadata: Metadata,
    pub(crate) billing_reason: &'static str,
    pub(crate) currency: String,
    pub(crate) status: &'static str,
    pub(crate) lines: Vec<InvoiceLine>,
    /// The customer's balance before; negative is credit that was used.
    pub(crate) starting_balance: i64,
    pub(crate) amount_due: i64,
    pub(crate) amount_paid: i64,
    pub(crate) attempt_count: u32,
    pub(crate) next_payment_attempt: Option<i64>,
    pub(crate) number: Option<String>,
    pub(crate) hosted_url: Option<String>,
    pub(crate) period: (i64, i64),
    pub(crate) finalized_at: Option<i64>,
    pub(crate) paid_at: Option<i64>,
    pub(crate) voided_at: Option<i64>,
    pub(crate) uncollectible_at: Option<i64>,
    pub(crate) payment_id: String,
    pub(crate) payment_intent: Option<String>,
    pub(crate) charge: Option<String>,
    pub(crate) metadata: Metadata,
}

impl Invoice {
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).fold(0, i64::saturating_add)
    }

    pub(crate) fn render(&self, dialect: Dialect) -> Value {
        let total = self.total();
        let open = self.status == "open";
        let mut invoice = json!({
            "id": self.id, "object": "invoice", "account_country": "US",
            "account_name": "Tillgate simulator", "account_tax_ids": null,
            "amount_due": self.amount_due, "amount_overpaid": 0, "amount_paid": self.amount_paid,
            "amount_remaining": self.amount_due - self.amount_paid, "amount_shipping": 0,
            "application": null, "attempt_count": self.attempt_count,
            "attempted": self.attempt_count > 0 || self.status == "paid",
            "auto_advance": open && self.next_payment_attempt.is_some(),
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null},
            "automatically_finalizes_at": null, "billing_reason": self.billing_reason,
            "collection_method": "charge_automatically", "created": self.created,
            "currency": self.currency, "custom_fields": null, "customer": self.customer,
            "customer_account": null, "customer_address": null,
            "customer_email": self.customer_email, "customer_name": null, "customer_phone": null,
            "customer_shipping": null, "customer_tax_exempt": "none", "customer_tax_ids": [],
            "default_payment_method": null, "default_source": null, "default_tax_rates": [],
            "description": null, "discounts": [], "due_date": null,
            "effective_at": self.finalized_at, "ending_balance": self.ending_balance(),
            "footer": null, "from_invoice": null, "hosted_invoice_url": self.hosted_url,
            "invoice_pdf": self.hosted_url.as_ref().map(|url| format!("{url}/pdf")),
            "issuer": {"type": "self"}, "last_finalization_error": null, "latest_revision": null,
            "lines": self.render_lines(dialect), "livemode": false, "metadata": self.metadata,
            "next_payment_attempt": self.next_payment_attempt, "number": self.number,
            "on_behalf_of": null,
        });
        merge(&mut invoice, self.render_rest(total));
        merge(
            &mut invoice,
            match dialect {
                Dialect::Current => self.render_parent(),
                Dialect::Legacy => self.render_legacy(total),
            },
        );
        invoice
    }

    fn render_rest(&self, total: i64) -> Value {
        json!({
            "payment_settings": {"default_mandate": null, "payment_method_options": null, "payment_method_types": null},
            "period_end": self.period.1, "period_start": self.period.0,
            "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
            "receipt_number": null, "rendering": null, "shipping_cost": null,
            "shipping_details": null, "starting_balance": self.starting_balance,
            "statement_descriptor": null, "status": self.status,
            "status_transitions": {
                "finalized_at": self.finalized_at, "marked_uncollectible_at": self.uncollectible_at,
                "paid_at": self.paid_at, "voided_at": self.voided_at,
            },
            "subtotal": total, "subtotal_excluding_tax": total, "test_clock": null,
            "total": total, "total_discount_amounts": [], "total_excluding_tax": total,
            "total_pretax_credit_amounts": [], "total_taxes": [], "webhooks_delivered_at": null,
        })
    }

    fn render_parent(&self) -> Value {
        let parent = self.subscription.as_ref().map(|subscription| {
            json!({
                "quote_details": null, "type": "subscription_details",
                "subscription_details": {
                    "metadata": self.subscription_metadata, "subscription": subscription,
                },
            })
        });
        json!({"parent": parent})
    }

    /// The members that `2025-03-31.basil` removed.
    fn render_legacy(&self, total: i64) -> Value {
        json!({
            "charge": self.charge, "paid": self.status == "paid", "paid_out_of_band": false,
            "payment_intent": self.payment_intent, "quote": null, "discount": null,
            "subscription": self.subscription,
            "subscription_details": self.subscription.as_ref().map(|_| json!({"metadata": self.subscription_metadata})),
            "tax": null, "total_tax_amounts": [], "amount_shipping": 0, "subtotal": total,
        })
    }

    fn ending_balance(&self) -> Option<i64> {
        self.finalized_at?;
        let used = self.total() - self.amount_due;
        Some((self.starting_balance + used).min(0))
    }

    fn render_lines(&self, dialect: Dialect) -> Value {
        let lines = self.lines.iter().map(|line| self.render_line(line, dialect));
        list(lines.collect(), &format!("/v1/invoices/{}/lines", self.id))
    }

    fn render_line(&self, line: &InvoiceLine, dialect: Dialect) -> Value {
        let mut shown = json!({
            "id": line.id, "object": "line_item", "amount": line.amount, "currency": self.currency,
            "description": line.description, "discount_amounts": [], "discountable": !line.proration,
            "discounts": [], "invoice": self.id, "livemode": false,
            "metadata": self.subscription_metadata,
            "period": {"end": line.period.1, "start": line.period.0},
            "pretax_credit_amounts": [], "quantity": line.quantity, "subtotal": line.amount,
        });
        let extra = match dialect {
            Dialect::Current => json!({
                "parent": line.subscription_item.as_ref().map(|item| json!({
                    "invoice_item_details": null, "type": "subscription_item_details",
                    "subscription_item_details": {
                        "invoice_item": null, "proration": line.proration,
                        "proration_details": {"credited_items": null},
                        "subscription": self.subscription, "subscription_item": item,
                    },
                })),
                "pricing": {
                    "price_details": {"price": line.price, "product": line.product},
                    "type": "price_details", "unit_amount_decimal": line.unit_amount.to_string(),
                },
                "taxes": [],
            }),
            Dialect::Legacy => json!({
                "proration": line.proration, "subscription": self.subscription,
                "subscription_item": line.subscription_item, "type": "subscription",
                "price": {"id": line.price, "object": "price", "product": line.product, "unit_amount": line.unit_amount, "currency": self.currency},
            }),
        };
        merge(&mut shown, extra);
        shown
    }

    /// The `payments` list, which Stripe includes only when it is expanded.
    pub(crate) fn render_payments(&self) -> Value {
        list(self.render_payment().into_iter().collect(), "/v1/invoice_payments")
    }

    /// What it is paid by: one payment here.
    pub(crate) fn render_payment(&self) -> Option<Value> {
        let intent = self.payment_intent.as_ref()?;
        let paid = self.status == "paid";
        Some(json!({
            "id": self.payment_id, "object": "invoice_payment",
            "amount_paid": paid.then_some(self.amount_paid), "amount_requested": self.amount_due,
            "created": self.created, "currency": self.currency, "invoice": self.id,
            "is_default": true, "livemode": false,
            "payment": {"payment_intent": intent, "type": "payment_intent"},
            "status": if paid { "paid" } else { "open" },
            "status_transitions": {"canceled_at": null, "paid_at": self.paid_at},
        }))
    }
}
