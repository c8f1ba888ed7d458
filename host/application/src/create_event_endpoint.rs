//! Creates an event endpoint.

use tillgate_domain::{EventEndpointId, TenantId};

use crate::bounds::EVENT_ENDPOINTS_MAX;
use crate::event_endpoint::{EndpointStatus, EventEndpoint};
use crate::event_endpoints::{
    EventEndpointView, EventEndpointWithSecret, check_description, check_event_types, check_url, new_secret,
};
use crate::ports::{PageRequest, UnitOfWork, Write};
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateEventEndpoint {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Where events are to be posted.
    pub url: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Which events it wants; none for all.
    pub event_types: Vec<String>,
}

/// Creates it. Events that get their place after this are sent to it.
///
/// # Errors
/// A URL nothing may be sent to and an event that doesn't exist name the field, and so does one endpoint too many.
pub async fn create_event_endpoint(
    app: &Application,
    caller: &Caller,
    command: CreateEventEndpoint,
) -> Result<EventEndpointWithSecret, ApplicationError> {
    check_url(app, &command.url)?;
    check_description(command.description.as_deref())?;
    check_event_types("event_types", &command.event_types)?;
    let page = PageRequest {
        limit: EVENT_ENDPOINTS_MAX,
        after: None,
    };
    let known = app.store().event_endpoints(command.tenant_id, &page).await?.items;
    if known.len() >= usize::try_from(EVENT_ENDPOINTS_MAX).unwrap_or(usize::MAX) {
        return Err(ApplicationError::invalid(
            "url",
            format!("there are {EVENT_ENDPOINTS_MAX} endpoints already, which is the most: delete one"),
        ));
    }
    let (id, now) = (EventEndpointId::from_bits(app.next_id()), app.now());
    let (secret, kept) = new_secret(app, command.tenant_id, id);
    let endpoint = EventEndpoint {
        id,
        tenant_id: command.tenant_id,
        url: command.url,
        description: command.description,
        event_types: command.event_types,
        status: EndpointStatus::Enabled,
        disabled_reason: None,
        failing_since: None,
        secrets: vec![kept],
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let created = EventEndpointWithSecret {
        endpoint: EventEndpointView::from(&endpoint),
        secret: secret.expose().to_owned(),
    };
    let mut work = UnitOfWork::new();
    work.push(Write::EventEndpoint(endpoint));
    app.commit_once(caller, work, created).await
}
