//! What every handler is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use tillgate_application::Application;
use tillgate_application::ports::Secret;

use crate::bounds;

/// What is configured for the HTTP surface.
#[derive(Clone)]
pub struct ApiOptions {
    /// The operator API's bearer token; without one the operator API is off.
    pub admin_token: Option<Secret>,
    /// The largest JSON body, in bytes.
    pub body_max_bytes: usize,
    /// The largest webhook, in bytes.
    pub webhook_body_max_bytes: usize,
    /// How long a whole request may take.
    pub request_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whether the caller's address is the last one of `X-Forwarded-For`: only behind a proxy that sets it.
    pub trust_forwarded_for: bool,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            admin_token: None,
            body_max_bytes: bounds::JSON_BODY_MAX_BYTES,
            webhook_body_max_bytes: bounds::WEBHOOK_BODY_MAX_BYTES,
            request_timeout: bounds::REQUEST_TIMEOUT,
            body_timeout: bounds::BODY_TIMEOUT,
            trust_forwarded_for: false,
        }
    }
}

impl fmt::Debug for ApiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiOptions")
            .field("operator_api", &self.admin_token.is_some())
            .field("body_max_bytes", &self.body_max_bytes)
            .field("webhook_body_max_bytes", &self.webhook_body_max_bytes)
            .field("request_timeout", &self.request_timeout)
            .field("body_timeout", &self.body_timeout)
            .field("trust_forwarded_for", &self.trust_forwarded_for)
            .finish()
    }
}

/// The use cases and the options.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) app: Arc<Application>,
    pub(crate) options: Arc<ApiOptions>,
}

impl FromRef<Api> for Arc<Application> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_never_printed() {
        let options = ApiOptions {
            admin_token: Some(Secret::new("very-secret".to_owned())),
            ..ApiOptions::default()
        };
        let printed = format!("{options:?}");
        assert!(printed.contains("operator_api: true") && !printed.contains("very-secret"));
    }
}
