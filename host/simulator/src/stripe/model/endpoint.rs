//! Webhook endpoints (<https://docs.stripe.com/api/webhook_endpoints>).

use serde_json::{Value, json};

use crate::stripe::params::Metadata;

#[derive(Debug, Clone)]
pub(crate) struct WebhookEndpoint {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) url: String,
    /// The newest first; the older one of a roll signs as well.
    pub(crate) secrets: Vec<String>,
    pub(crate) enabled_events: Vec<String>,
    pub(crate) api_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) disabled: bool,
    /// Sends thin events instead of snapshots.
    pub(crate) thin: bool,
    pub(crate) metadata: Metadata,
}

impl WebhookEndpoint {
    /// Without the secret, which Stripe shows once.
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": self.api_version,
            "application": null, "created": self.created, "description": self.description,
            "enabled_events": self.enabled_events, "livemode": false, "metadata": self.metadata,
            "status": if self.disabled { "disabled" } else { "enabled" }, "url": self.url,
        })
    }

    pub(crate) fn wants(&self, event_type: &str) -> bool {
        !self.disabled
            && self
                .enabled_events
                .iter()
                .any(|wanted| wanted == "*" || wanted.strip_prefix("v1.").unwrap_or(wanted) == event_type)
    }
}
