//! The customer portal (<https://docs.stripe.com/api/customer_portal/sessions/create>).

use tillgate_plugin_sdk::portal::{PortalRequest, PortalSession};
use tillgate_plugin_sdk::types::GatewayError;
use tillgate_plugin_sdk::{Context, Form, Portal};

use crate::{Stripe, api, map};

impl Portal for Stripe {
    async fn create_session(ctx: &Context, request: PortalRequest) -> Result<PortalSession, GatewayError> {
        let form = Form::new()
            .field("customer", &request.customer_reference)
            .field("return_url", &request.return_url);
        let response = api::send(ctx, api::post(ctx, "/v1/billing_portal/sessions", &form)).await?;
        let session: map::PortalSession = api::read(&response)?;
        Ok(PortalSession {
            reference: Some(session.id),
            url: session.url,
            // Stripe doesn't tell; the page is for using at once.
            expires_at: None,
            extra: Vec::new(),
        })
    }
}
