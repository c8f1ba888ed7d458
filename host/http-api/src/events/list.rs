//! The feed of events.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tillgate_application::ApplicationError;
use tillgate_application::ports::EventFilter;
use tillgate_application::views::EventView;
use tillgate_domain::EventId;

use super::get::view;
use crate::auth::TenantCaller;
use crate::extract::Query;
use crate::list::{List, page};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// Which events are wanted. All given conditions hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// Only those after this id: the last event you have seen.
    after: Option<String>,
    /// Names, or beginnings followed by `.*`, separated by commas.
    #[param(example = "subscription.*,payment.failed")]
    types: Option<String>,
    /// About the thing with this id.
    #[param(example = "sub_01JDB2Z7N3V9Q4T6W8X0Y1A2B3")]
    object_id: Option<String>,
}

problems!(Problems: READ, EventNotFound);

/// List events.
///
/// What happened, in an order that never changes: an event that comes later comes after those you have seen, whenever it
/// began. So a reader keeps the id of the last event it has seen, gives it as `after`, and misses none. Those of one
/// subscription are in the order in which they happened.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "Events",
    security(("tenantKey" = [])),
    params(EventQuery),
    responses((status = 200, description = "One page of them, in order", body = List<EventView>), Problems),
)]
pub(super) async fn list_events(
    State(api): State<Api>,
    tenant: TenantCaller,
    Query(query): Query<EventQuery>,
) -> Result<Json<List<EventView>>, Problem> {
    let page = page(query.limit.as_deref(), query.after, |after| {
        after.parse::<EventId>().is_ok()
    })?;
    let store = &api.app.ports().store;
    let after = match page.after.as_deref().and_then(|after| after.parse::<EventId>().ok()) {
        None => 0,
        Some(id) => store
            .event(tenant.id, id)
            .await?
            .and_then(|event| event.position)
            .ok_or_else(|| ApplicationError::not_found("event", id))?,
    };
    let types = query.types.as_deref().unwrap_or_default().split(',');
    let filter = EventFilter {
        event_types: types.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        aggregate_id: query.object_id,
    };
    tillgate_application::check_event_types("types", &filter.event_types)?;
    // One more than wanted says whether there are more.
    let found = store.event_feed(tenant.id, &filter, after, page.limit + 1).await?;
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = found.len() > wanted;
    let shown = found.iter().take(wanted);
    let data = shown.map(|event| view(&event.payload)).collect::<Result<Vec<_>, _>>()?;
    let next = data.last().filter(|_| has_more).map(|event| event.id.clone());
    Ok(Json(List { data, has_more, next }))
}
