//! Customers (<https://docs.stripe.com/api/customers>).

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::stripe::params::Metadata;

#[derive(Debug, Clone, Default)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) currency: Option<String>,
    /// Negative is credit towards the next invoice.
    pub(crate) balance: i64,
    pub(crate) delinquent: bool,
    pub(crate) invoice_prefix: String,
    pub(crate) next_invoice: u32,
    pub(crate) metadata: Metadata,
    /// What the next payments shall do: `true` succeeds. Empty: succeed.
    pub(crate) next_payments: VecDeque<bool>,
}

impl Customer {
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "customer", "address": null, "balance": self.balance,
            "created": self.created, "currency": self.currency, "default_source": null,
            "delinquent": self.delinquent, "description": self.description, "discount": null,
            "email": self.email, "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": null, "footer": null,
                "rendering_options": null,
            },
            "livemode": false, "metadata": self.metadata, "name": self.name,
            "next_invoice_sequence": self.next_invoice, "phone": self.phone,
            "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
        })
    }
}
