//! Products and prices (<https://docs.stripe.com/api/products>, `/prices`).

use serde_json::{Value, json};

use crate::stripe::clock::Interval;
use crate::stripe::params::Metadata;

#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) active: bool,
    pub(crate) default_price: Option<String>,
    pub(crate) unit_label: Option<String>,
    pub(crate) metadata: Metadata,
}

impl Product {
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "product", "active": self.active, "created": self.created,
            "default_price": self.default_price, "description": self.description, "images": [],
            "livemode": false, "marketing_features": [], "metadata": self.metadata,
            "name": self.name, "package_dimensions": null, "shippable": null,
            "statement_descriptor": null, "tax_code": null, "type": "service",
            "unit_label": self.unit_label, "updated": self.updated, "url": null,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recurring {
    pub(crate) interval: Interval,
    pub(crate) count: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Price {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) product: String,
    pub(crate) currency: String,
    /// In the currency's smallest unit.
    pub(crate) unit_amount: i64,
    pub(crate) recurring: Option<Recurring>,
    pub(crate) nickname: Option<String>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) active: bool,
    pub(crate) metadata: Metadata,
}

impl Price {
    pub(crate) fn render(&self) -> Value {
        let recurring = self.recurring.map(|recurring| {
            json!({
                "interval": recurring.interval.name(), "interval_count": recurring.count,
                "meter": null, "trial_period_days": null, "usage_type": "licensed",
            })
        });
        json!({
            "id": self.id, "object": "price", "active": self.active, "billing_scheme": "per_unit",
            "created": self.created, "currency": self.currency, "custom_unit_amount": null,
            "livemode": false, "lookup_key": self.lookup_key, "metadata": self.metadata,
            "nickname": self.nickname, "product": self.product, "recurring": recurring,
            "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
            "type": if self.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": self.unit_amount, "unit_amount_decimal": self.unit_amount.to_string(),
        })
    }

    /// The same as a `plan`, which subscription items still carry.
    pub(crate) fn render_plan(&self) -> Value {
        let Some(recurring) = self.recurring else {
            return Value::Null;
        };
        json!({
            "id": self.id, "object": "plan", "active": self.active, "amount": self.unit_amount,
            "amount_decimal": self.unit_amount.to_string(), "billing_scheme": "per_unit",
            "created": self.created, "currency": self.currency,
            "interval": recurring.interval.name(), "interval_count": recurring.count,
            "livemode": false, "metadata": self.metadata, "meter": null,
            "nickname": self.nickname, "product": self.product, "tiers_mode": null,
            "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
        })
    }
}
