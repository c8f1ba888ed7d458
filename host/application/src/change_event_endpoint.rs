//! Changes an event endpoint, gives it a new secret, and takes it away.

use tillgate_domain::{EventEndpointId, TenantId};

use crate::bounds::{CONFLICT_RETRIES_MAX, ENDPOINT_SECRETS_MAX, SECRET_OVERLAP_MS};
use crate::event_endpoint::{EndpointStatus, EventEndpoint};
use crate::event_endpoints::{
    EventEndpointView, EventEndpointWithSecret, check_description, check_event_types, check_url, find_endpoint,
    new_secret,
};
use crate::ports::{CommitError, UnitOfWork, Write};
use crate::{Application, ApplicationError, Caller};

/// What is to be changed; none leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct EventEndpointChanges {
    /// Where events are posted.
    pub url: Option<String>,
    /// What it is, for people; none inside takes it away.
    pub description: Option<Option<String>>,
    /// Which events it wants.
    pub event_types: Option<Vec<String>>,
    /// Whether events are sent to it.
    pub enabled: Option<bool>,
}

/// Changes it. Enabled again, it counts as one that never failed; what was given up meanwhile can be asked for again.
///
/// # Errors
/// An unknown endpoint is [`ApplicationError::NotFound`]; otherwise as for a new one.
pub async fn change_event_endpoint(
    app: &Application,
    tenant_id: TenantId,
    id: EventEndpointId,
    changes: EventEndpointChanges,
) -> Result<EventEndpointView, ApplicationError> {
    if let Some(url) = &changes.url {
        check_url(app, url)?;
    }
    check_description(changes.description.as_ref().and_then(Option::as_deref))?;
    check_event_types("event_types", changes.event_types.as_deref().unwrap_or_default())?;
    let endpoint = change(app, tenant_id, id, |endpoint| {
        if let Some(url) = &changes.url {
            endpoint.url.clone_from(url);
        }
        if let Some(description) = &changes.description {
            endpoint.description.clone_from(description);
        }
        if let Some(event_types) = &changes.event_types {
            endpoint.event_types.clone_from(event_types);
        }
        match changes.enabled {
            Some(true) => {
                endpoint.status = EndpointStatus::Enabled;
                endpoint.disabled_reason = None;
                endpoint.failing_since = None;
            }
            Some(false) if endpoint.status == EndpointStatus::Enabled => {
                endpoint.status = EndpointStatus::Disabled;
                endpoint.disabled_reason = Some("the tenant disabled it".to_owned());
            }
            Some(false) | None => {}
        }
    })
    .await?;
    Ok(EventEndpointView::from(&endpoint))
}

/// Takes it away. Nothing more is sent to it.
///
/// # Errors
/// An unknown endpoint is [`ApplicationError::NotFound`].
pub async fn delete_event_endpoint(
    app: &Application,
    tenant_id: TenantId,
    id: EventEndpointId,
) -> Result<(), ApplicationError> {
    change(app, tenant_id, id, |endpoint| {
        endpoint.status = EndpointStatus::Deleted;
        endpoint.secrets.clear();
    })
    .await
    .map(drop)
}

/// Gives it a new secret. The one before signs as well for `overlap_ms`; a day where nothing is said.
///
/// # Errors
/// An unknown endpoint is [`ApplicationError::NotFound`]; an overlap out of bounds names the field.
pub async fn rotate_event_endpoint_secret(
    app: &Application,
    caller: &Caller,
    tenant_id: TenantId,
    id: EventEndpointId,
    overlap_ms: Option<i64>,
) -> Result<EventEndpointWithSecret, ApplicationError> {
    let overlap = overlap_ms.unwrap_or(SECRET_OVERLAP_MS);
    if !(0..=30 * SECRET_OVERLAP_MS).contains(&overlap) {
        return Err(ApplicationError::invalid(
            "overlap_seconds",
            "must be between 0 and 30 days",
        ));
    }
    let mut endpoint = find_endpoint(app, tenant_id, id).await?;
    let now = app.now();
    let (secret, kept) = new_secret(app, tenant_id, id);
    let end = now.plus_millis(overlap).as_millis();
    for former in &mut endpoint.secrets {
        former.expires_at = Some(former.expires_at.map_or(end, |known| known.min(end)));
    }
    endpoint.secrets.insert(0, kept);
    endpoint
        .secrets
        .retain(|kept| kept.expires_at.is_none_or(|end| end > now.as_millis()));
    endpoint.secrets.truncate(ENDPOINT_SECRETS_MAX);
    endpoint.updated_at = now;
    let answer = EventEndpointWithSecret {
        endpoint: EventEndpointView::from(&endpoint),
        secret: secret.expose().to_owned(),
    };
    let mut work = UnitOfWork::new();
    work.push(Write::EventEndpoint(endpoint));
    app.commit_once(caller, work, answer).await
}

/// Reads, changes and saves, again where others did so meanwhile.
async fn change(
    app: &Application,
    tenant_id: TenantId,
    id: EventEndpointId,
    changes: impl Fn(&mut EventEndpoint),
) -> Result<EventEndpoint, ApplicationError> {
    for _ in 0..CONFLICT_RETRIES_MAX {
        let mut endpoint = find_endpoint(app, tenant_id, id).await?;
        changes(&mut endpoint);
        endpoint.updated_at = app.now();
        let mut work = UnitOfWork::new();
        work.push(Write::EventEndpoint(endpoint.clone()));
        match app.commit(work).await {
            Ok(()) => return Ok(endpoint),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("event endpoint"))
}
