//! What tenants see of their event endpoints, and what all use cases about them share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tillgate_domain::{EventEndpointId, EventKind, TenantId, Timestamp};
use utoipa::ToSchema;

use crate::bounds::{EVENT_TYPES_MAX, NAME_MAX, URL_MAX};
use crate::event_endpoint::{Delivery, ENDPOINT_DISABLED, EventEndpoint, SigningSecret, names};
use crate::ports::{SealError, Secret, SecretBinding};
use crate::sign_event::{SECRET_BYTES, secret_of};
use crate::views::rfc3339;
use crate::{Application, ApplicationError};

/// An endpoint to which events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EventEndpoint)]
pub struct EventEndpointView {
    /// Its id.
    #[schema(example = "eep_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    pub id: String,
    /// Where events are posted.
    #[schema(example = "https://app.example/billing-events")]
    pub url: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// The events it wants: names, or beginnings followed by `.*`. Empty for all.
    #[schema(example = json!(["subscription.*", "payment.failed"]))]
    pub event_types: Vec<String>,
    /// `enabled` or `disabled`.
    pub status: String,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Since when nothing arrived there any more.
    pub failing_since: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&EventEndpoint> for EventEndpointView {
    fn from(endpoint: &EventEndpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            event_types: endpoint.event_types.clone(),
            status: endpoint.status.as_str().to_owned(),
            disabled_reason: endpoint.disabled_reason.clone(),
            failing_since: endpoint.failing_since.map(rfc3339),
            created_at: rfc3339(endpoint.created_at),
            updated_at: rfc3339(endpoint.updated_at),
        }
    }
}

/// An endpoint with its secret. This is the only time the secret is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventEndpointWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EventEndpointView,
    /// What its events are signed with, in the form of Standard Webhooks. Keep it: it can't be shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
}

impl std::fmt::Debug for EventEndpointWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventEndpointWithSecret")
            .field("id", &self.endpoint.id)
            .finish_non_exhaustive()
    }
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DeliveryAttempt)]
pub struct DeliveryAttemptView {
    /// When it began.
    pub at: String,
    /// The HTTP status that came back, if one did.
    pub status: Option<u16>,
    /// Why no answer came.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// Its id.
    #[schema(example = "dlv_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    pub id: String,
    /// Which event: what the endpoint gets as `webhook-id`.
    pub event_id: String,
    /// Its name.
    pub event_type: String,
    /// `pending`, `delivered` or `failed`.
    pub status: String,
    /// How often it was tried since it was last asked for.
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    pub next_attempt_at: Option<String>,
    /// When it arrived.
    pub delivered_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// The newest tries, oldest first.
    pub log: Vec<DeliveryAttemptView>,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        let pending = delivery.status == crate::event_endpoint::DeliveryStatus::Pending;
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type.clone(),
            status: delivery.status.as_str().to_owned(),
            attempts: delivery.attempts,
            next_attempt_at: pending.then(|| rfc3339(delivery.next_attempt_at)),
            delivered_at: delivery.delivered_at.map(rfc3339),
            created_at: rfc3339(delivery.created_at),
            log: delivery
                .log
                .iter()
                .map(|attempt| DeliveryAttemptView {
                    at: rfc3339(Timestamp::from_millis(attempt.at)),
                    status: attempt.status,
                    error: attempt.error.clone(),
                    duration_ms: attempt.duration_ms,
                })
                .collect(),
        }
    }
}

/// A tenant's endpoint.
pub(crate) async fn find_endpoint(
    app: &Application,
    tenant_id: TenantId,
    id: EventEndpointId,
) -> Result<EventEndpoint, ApplicationError> {
    app.store()
        .event_endpoint(tenant_id, id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("event endpoint", id))
}

/// A new secret, and how it is kept.
pub(crate) fn new_secret(app: &Application, tenant_id: TenantId, id: EventEndpointId) -> (Secret, SigningSecret) {
    let mut bytes = zeroize::Zeroizing::new([0_u8; SECRET_BYTES]);
    app.ports.ids.fill_secret(bytes.as_mut_slice());
    let secret = secret_of(bytes.as_slice());
    let name = id.to_string();
    let sealed = app.ports.sealer.seal(binding(tenant_id, &name), &secret);
    let kept = SigningSecret {
        sealed: STANDARD.encode(sealed),
        expires_at: None,
    };
    (secret, kept)
}

/// The secrets that sign at a time, the newest first.
pub(crate) fn open_secrets(
    app: &Application,
    endpoint: &EventEndpoint,
    now: Timestamp,
) -> Result<Vec<Secret>, SealError> {
    let name = endpoint.id.to_string();
    let active = |kept: &&SigningSecret| kept.expires_at.is_none_or(|end| end > now.as_millis());
    endpoint
        .secrets
        .iter()
        .filter(active)
        .map(|kept| {
            let sealed = STANDARD.decode(&kept.sealed).map_err(|_| SealError::Broken)?;
            app.ports.sealer.open(binding(endpoint.tenant_id, &name), &sealed)
        })
        .collect()
}

fn binding(tenant_id: TenantId, name: &str) -> SecretBinding<'_> {
    SecretBinding {
        tenant_id,
        account_id: None,
        name,
    }
}

/// A URL that events may be sent to.
pub(crate) fn check_url(app: &Application, url: &str) -> Result<(), ApplicationError> {
    if url.len() > URL_MAX {
        let message = format!("must be an absolute https URL of at most {URL_MAX} bytes");
        return Err(ApplicationError::invalid("url", message));
    }
    app.ports
        .events
        .check(url)
        .map_err(|reason| ApplicationError::invalid("url", reason))
}

/// Text for people.
pub(crate) fn check_description(text: Option<&str>) -> Result<(), ApplicationError> {
    match text {
        Some(text) => crate::validate::name("description", text),
        None => Ok(()),
    }
}

const _: () = assert!(NAME_MAX == 200, "the documented maximum of a description");

/// Checks names of events, each of which has to name one at least.
///
/// # Errors
/// One that names none, or too many of them, name the field.
pub fn check_event_types(field: &str, patterns: &[String]) -> Result<(), ApplicationError> {
    if patterns.len() > EVENT_TYPES_MAX {
        return Err(ApplicationError::invalid(
            field,
            format!("must have at most {EVENT_TYPES_MAX} entries"),
        ));
    }
    for pattern in patterns {
        let mut all = EventKind::NAMES.iter().chain([&ENDPOINT_DISABLED]);
        if !all.any(|name| names(pattern, name)) {
            let shown: String = pattern.chars().take(64).collect();
            return Err(ApplicationError::invalid(
                field,
                format!("{shown:?} names no event: give a name such as subscription.canceled, or subscription.*"),
            ));
        }
    }
    Ok(())
}
