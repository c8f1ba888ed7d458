//! The HTTP surface: tenant API, operator API, webhooks, and their documentation.
//!
//! **Invariant:** nothing is decided here. A handler turns a request into a command, calls one use case, and gives its
//! answer; what goes wrong becomes a problem with a stable code from one table ([`ERROR_CODES`]). Every route is
//! registered together with its OpenAPI description, so that none can be undocumented.

#![deny(missing_docs)]

mod auth;
mod body;
pub mod bounds;
mod capabilities;
mod checkout_sessions;
mod codes;
mod customers;
mod docs;
mod event_endpoints;
mod events;
mod extract;
mod json;
mod legacy;
mod list;
mod observe;
mod openapi;
mod operations;
mod organizations;
mod payments;
mod plugins;
mod portal_sessions;
mod problem;
mod products;
mod provider_accounts;
mod purchases;
mod refunds;
mod router;
mod serve;
mod state;
mod subscriptions;
mod tenant_api_keys;
mod tenants;
mod users;
mod webhooks;

pub use codes::{ERROR_CODES, ErrorCode};
pub use openapi::openapi;
pub use operations::{MetricsText, Readiness, operations_router};
pub use router::router;
pub use serve::serve;
pub use state::ApiOptions;
