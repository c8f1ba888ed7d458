//! All routes of the public port.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use tillgate_application::Application;
use utoipa_axum::router::OpenApiRouter;

use crate::codes::Code;
use crate::problem::Problem;
use crate::state::{Api, ApiOptions};
use crate::{
    capabilities, checkout_sessions, customers, docs, event_endpoints, events, legacy, observe, openapi, operations,
    organizations, payments, plugins, portal_sessions, products, provider_accounts, purchases, refunds, subscriptions,
    tenant_api_keys, tenants, users, webhooks,
};

/// Tenant API, operator API, webhooks, their documentation, and whether the host is alive.
pub fn router(app: Arc<Application>, options: ApiOptions) -> Router {
    let api = Api {
        app,
        options: Arc::new(options),
    };
    let (routes, description) = routes().split_for_parts();
    finish(routes.merge(docs::routes(&openapi::to_json(description))), api)
}

/// Every documented route.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::description())
        .merge(organizations::routes())
        .merge(users::routes())
        .merge(products::routes())
        .merge(checkout_sessions::routes())
        .merge(portal_sessions::routes())
        .merge(customers::routes())
        .merge(subscriptions::routes())
        .merge(purchases::routes())
        .merge(payments::routes())
        .merge(refunds::routes())
        .merge(events::routes())
        .merge(event_endpoints::routes())
        .merge(capabilities::routes())
        .merge(webhooks::routes())
        .merge(legacy::routes())
        .merge(tenants::routes())
        .merge(tenant_api_keys::routes())
        .merge(provider_accounts::routes())
        .merge(plugins::routes())
        .merge(operations::public_routes())
}

/// Gives a router its answers to what it doesn't know, and what every request has around it.
pub(crate) fn finish(routes: Router<Api>, api: Api) -> Router {
    routes
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

async fn route_not_found(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(Code::RouteNotFound, format!("{method} {path} is no route of this API"))
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("this route does not take {method}"))
}
