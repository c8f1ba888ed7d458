//! What an operator sees of a received webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tillgate_domain::InboxId;
use utoipa::ToSchema;

use crate::inbox::{InboxEntry, InboxStatus, InboxSummary, PluginBuild};
use crate::ports::{Exchange, ExchangeMethod, ExchangeOutcome};
use crate::views::rfc3339;
use crate::{Application, ApplicationError};

/// Headers that prove nothing and name nobody. The values of all others are withheld: which of them is a signature, a
/// token or a key, the plugin alone knows.
const HARMLESS_HEADERS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// One build of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PluginBuild)]
pub struct PluginBuildView {
    /// Its name.
    #[schema(example = "acme")]
    pub name: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
}

impl From<&PluginBuild> for PluginBuildView {
    fn from(build: &PluginBuild) -> Self {
        Self {
            name: build.name.clone(),
            version: build.version.clone(),
            digest: build.digest.clone(),
        }
    }
}

/// A received webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its id.
    #[schema(example = "whk_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    pub id: String,
    /// Whose.
    pub tenant_id: String,
    /// For which account.
    pub provider_account_id: String,
    /// `pending`, `processed`, `dead` (given up after many tries) or `conflicting` (its events came before, under the same
    /// ids and with other contents).
    pub status: String,
    /// The provider's words for the events in it; empty as long as it isn't understood.
    #[schema(example = json!(["invoice.paid"]))]
    pub provider_types: Vec<String>,
    /// How often it was tried, since it was last put back.
    pub attempts: u32,
    /// When it is tried next; null where it isn't.
    pub next_attempt_at: Option<String>,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// The plugin it failed with the last time.
    pub failed_with: Option<PluginBuildView>,
    /// The version of the plugin it is tried with; null for the one the account is pinned to.
    pub plugin_version: Option<String>,
    /// How often an operator put it back.
    pub replays: u32,
    /// When it was received.
    pub received_at: String,
    /// When its effect was committed.
    pub processed_at: Option<String>,
}

impl From<&InboxSummary> for WebhookView {
    fn from(webhook: &InboxSummary) -> Self {
        let types = webhook.provider_types.split(',').filter(|name| !name.is_empty());
        Self {
            id: webhook.id.to_string(),
            tenant_id: webhook.tenant_id.to_string(),
            provider_account_id: webhook.account_id.to_string(),
            status: webhook.status.as_str().to_owned(),
            provider_types: types.map(str::to_owned).collect(),
            attempts: webhook.attempts,
            next_attempt_at: (webhook.status == InboxStatus::Pending).then(|| rfc3339(webhook.next_attempt_at)),
            error: webhook.error.clone(),
            failed_with: webhook.failed_with.as_ref().map(Into::into),
            plugin_version: webhook.plugin_version.clone(),
            replays: webhook.replays,
            received_at: rfc3339(webhook.received_at),
            processed_at: webhook.processed_at.map(rfc3339),
        }
    }
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookField)]
pub struct FieldView {
    /// The name.
    pub name: String,
    /// The value; null where it is withheld.
    pub value: Option<String>,
    /// Its size in bytes.
    pub size_bytes: usize,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookBody)]
pub struct BodyView {
    /// Its size in bytes.
    pub size_bytes: usize,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// `utf-8`, or `base64` for a body that is no text.
    pub encoding: String,
    /// The body itself; null where it is withheld.
    pub content: Option<String>,
}

impl BodyView {
    fn of(body: &[u8], reveal: bool) -> Self {
        let text = std::str::from_utf8(body).ok();
        let content = || text.map_or_else(|| STANDARD.encode(body), str::to_owned);
        Self {
            size_bytes: body.len(),
            sha256: hex::encode(Sha256::digest(body)),
            encoding: if text.is_some() { "utf-8" } else { "base64" }.to_owned(),
            content: reveal.then(content),
        }
    }
}

/// The request as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookRequest)]
pub struct RequestView {
    /// The method.
    pub method: String,
    /// The URL as registered with the provider.
    pub url: String,
    /// Query parameters.
    pub query: Vec<FieldView>,
    /// Headers, in order.
    pub headers: Vec<FieldView>,
    /// The body.
    pub body: BodyView,
    /// The sender's address.
    pub remote_ip: Option<String>,
}

/// A request to the provider, and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookExchange)]
pub struct ExchangeView {
    /// The method.
    #[schema(example = "GET")]
    pub method: String,
    /// Name of the plugin's endpoint.
    pub endpoint: String,
    /// The path below it.
    pub path: String,
    /// The status that was answered.
    pub status: Option<u16>,
    /// What failed where there is no answer.
    pub failure: Option<String>,
    /// The body that was sent.
    pub request_body: Option<BodyView>,
    /// The body that was answered.
    pub response_body: Option<BodyView>,
}

impl ExchangeView {
    fn of(exchange: &Exchange, reveal: bool) -> Self {
        let request = &exchange.request;
        let method = match request.method {
            ExchangeMethod::Get => "GET",
            ExchangeMethod::Post => "POST",
            ExchangeMethod::Put => "PUT",
            ExchangeMethod::Patch => "PATCH",
            ExchangeMethod::Delete => "DELETE",
        };
        let (status, failure, answered) = match &exchange.outcome {
            Some(ExchangeOutcome::Response { status, body, .. }) => (Some(*status), None, Some(body)),
            Some(ExchangeOutcome::Failed { kind, message, .. }) => (None, Some(format!("{kind}: {message}")), None),
            None => (None, None, None),
        };
        Self {
            method: method.to_owned(),
            endpoint: request.endpoint.clone(),
            path: request.path.clone(),
            status,
            failure,
            request_body: request.body.as_deref().map(|body| BodyView::of(body, reveal)),
            response_body: answered.map(|body| BodyView::of(body, reveal)),
        }
    }
}

/// A received webhook in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookDetails)]
pub struct WebhookDetails {
    #[serde(flatten)]
    #[expect(missing_docs, reason = "described at its type")]
    pub webhook: WebhookView,
    /// The request as it was received.
    pub request: RequestView,
    /// What the plugin had asked the provider when it failed the last time.
    pub journal: Vec<ExchangeView>,
}

impl WebhookDetails {
    fn of(entry: &InboxEntry, reveal: bool) -> Self {
        let request = &entry.request;
        let query = request.query.iter().map(|(name, value)| FieldView {
            name: name.clone(),
            value: reveal.then(|| value.clone()),
            size_bytes: value.len(),
        });
        let headers = request.headers.iter().map(|(name, value)| FieldView {
            name: name.clone(),
            value: (reveal || HARMLESS_HEADERS.contains(&name.as_str()))
                .then(|| String::from_utf8_lossy(value).into_owned()),
            size_bytes: value.len(),
        });
        Self {
            webhook: WebhookView::from(&InboxSummary::from(entry)),
            request: RequestView {
                method: request.method.clone(),
                url: request.url.clone(),
                query: query.collect(),
                headers: headers.collect(),
                body: BodyView::of(&request.body, reveal),
                remote_ip: request.remote_ip.map(|ip| ip.to_string()),
            },
            journal: entry
                .journal
                .iter()
                .map(|exchange| ExchangeView::of(exchange, reveal))
                .collect(),
        }
    }
}

/// Gives a received webhook. What may be a credential or name a person is withheld unless it is to be revealed.
///
/// # Errors
/// There is none such: [`ApplicationError::NotFound`]. The store failed.
pub async fn retrieve_webhook(
    app: &Application,
    id: InboxId,
    reveal: bool,
) -> Result<WebhookDetails, ApplicationError> {
    let found = app.store().inbox_entry(id).await?;
    let entry = found.ok_or_else(|| ApplicationError::not_found("webhook", id))?;
    if reveal {
        tracing::info!(webhook.id = %id, tenant.id = %entry.tenant_id, "a webhook's contents were shown to the operator");
    }
    Ok(WebhookDetails::of(&entry, reveal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_no_text_is_shown_in_base64() {
        let view = BodyView::of(&[0xff, 0x00], true);
        assert_eq!(
            (view.encoding.as_str(), view.content.as_deref()),
            ("base64", Some("/wA="))
        );
        let view = BodyView::of("é".as_bytes(), false);
        assert_eq!(
            (view.encoding.as_str(), view.size_bytes, view.content),
            ("utf-8", 2, None)
        );
        assert_eq!(view.sha256.len(), 64);
    }
}
