//! `/v1/webhook_endpoints` and `/v1/events`.

use serde_json::json;

use super::pagination::Page;
use super::routes::{Call, Handled, Reply, deleted};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::endpoint::WebhookEndpoint;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// The most endpoints of an account (<https://docs.stripe.com/webhooks>).
const MAX_ENDPOINTS: usize = 16;

/// `event_payload=thin` is the simulator's own: Stripe makes such endpoints
/// through `/v2/core/event_destinations`.
pub(super) fn create(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "url",
        "enabled_events",
        "api_version",
        "description",
        "metadata",
        "connect",
        "event_payload",
    ])?;
    params.required("url")?;
    let url = params.url("url")?.unwrap_or_default().to_owned();
    let enabled_events = enabled_events(params)?.ok_or_else(|| ApiError::missing("enabled_events"))?;
    let api_version = params.filled("api_version")?;
    if let Some(version) = api_version
        && !is_version(version)
    {
        return Err(ApiError::invalid(
            "api_version",
            format!("Invalid API version: {version}"),
        ));
    }
    let thin = params.one_of("event_payload", &["snapshot", "thin"])? == Some("thin");
    if state.endpoints.len() >= MAX_ENDPOINTS {
        return Err(ApiError::new(
            400,
            "invalid_request_error",
            format!("You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints."),
        ));
    }
    let id = state.random.id("we_");
    let secret = state.random.id("whsec_");
    let endpoint = WebhookEndpoint {
        id: id.clone(),
        created: state.now,
        url,
        secrets: vec![secret.clone()],
        enabled_events,
        api_version: api_version.map(str::to_owned),
        description: params.filled("description")?.map(str::to_owned),
        disabled: false,
        thin,
        metadata: params.metadata("metadata")?,
    };
    let mut shown = endpoint.render();
    shown["secret"] = json!(secret);
    state.endpoints.insert(&id, endpoint);
    Ok(Reply::Json(shown))
}

fn is_version(version: &str) -> bool {
    let date = version.split('.').next().unwrap_or_default();
    date.len() == 10 && date.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-')
}

fn enabled_events(params: &Params<'_>) -> ApiResult<Option<Vec<String>>> {
    let events = params.texts("enabled_events")?;
    Ok((!events.is_empty()).then(|| events.into_iter().map(str::to_owned).collect()))
}

pub(super) fn update(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let params = &call.params;
    params.only(&["url", "enabled_events", "description", "metadata", "disabled"])?;
    let Some(mut endpoint) = state.endpoints.get(id).cloned() else {
        return Err(ApiError::no_such("webhook endpoint", id));
    };
    if let Some(url) = params.url("url")? {
        url.clone_into(&mut endpoint.url);
    }
    if let Some(events) = enabled_events(params)? {
        endpoint.enabled_events = events;
    }
    if params.has("description") {
        endpoint.description = params.filled("description")?.map(str::to_owned);
    }
    endpoint.disabled = params.boolean("disabled")?.unwrap_or(endpoint.disabled);
    params.merge_metadata("metadata", &mut endpoint.metadata)?;
    state.endpoints.insert(id, endpoint);
    Ok(Reply::Object(id.to_owned()))
}

pub(super) fn delete(state: &mut State, id: &str) -> Handled {
    state
        .endpoints
        .remove(id)
        .ok_or_else(|| ApiError::no_such("webhook endpoint", id))?;
    Ok(deleted(id, "webhook_endpoint"))
}

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &[])?;
    let all = state.endpoints.newest_first().map(|(_, endpoint)| endpoint.render());
    Ok(Reply::Json(page.cut(all, "/v1/webhook_endpoints")))
}

pub(super) fn list_events(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["type", "types", "delivery_success"])?;
    let mut kinds = call.params.texts("types")?;
    kinds.extend(call.params.filled("type")?);
    let matches = |kind: &str| {
        kinds.is_empty()
            || kinds.iter().any(|wanted| {
                wanted
                    .strip_suffix('*')
                    .map_or(*wanted == kind, |prefix| kind.starts_with(prefix))
            })
    };
    let all = state
        .events
        .newest_first()
        .filter(|(_, event)| matches(event.kind))
        .map(|(id, event)| event.render(call.version, state.pending_webhooks(id)));
    Ok(Reply::Json(page.cut(all, "/v1/events")))
}

pub(super) fn retrieve_event(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params.only(&[])?;
    let pending = state.pending_webhooks(id);
    let event = state.events.get(id).ok_or_else(|| ApiError::no_such("event", id))?;
    Ok(Reply::Json(event.render(call.version, pending)))
}
