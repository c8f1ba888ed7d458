//! Checkout: Stripe's hosted page (<https://docs.stripe.com/api/checkout/sessions/create>).

use tillgate_plugin_sdk::checkout::{CheckoutRequest, CheckoutSession, CheckoutTarget, CheckoutType};
use tillgate_plugin_sdk::types::{ErrorKind, Field, GatewayError};
use tillgate_plugin_sdk::{Checkout, Context, Form};

use crate::{Stripe, api, map};

impl Checkout for Stripe {
    async fn create_session(ctx: &Context, request: CheckoutRequest) -> Result<CheckoutSession, GatewayError> {
        let form = form(&request)?;
        let response = api::send(ctx, api::post(ctx, "/v1/checkout/sessions", &form)).await?;
        let session: map::Session = api::read(&response)?;
        let Some(url) = session.url.clone().filter(|url| !url.is_empty()) else {
            let message = format!("Stripe gave the checkout session {} no page", session.id);
            let error = GatewayError::new(ErrorKind::MalformedResponse, message);
            let request_id = response.header("request-id").map(str::to_owned);
            return Err(error.with_http_status(response.status()).with_request_id(request_id));
        };
        Ok(CheckoutSession {
            reference: session.id.clone(),
            target: CheckoutTarget::Redirect(url),
            payment_status: session.checkout_payment_status(),
            customer_reference: map::reference(session.customer.as_ref()),
            expires_at: map::time(session.expires_at),
            metadata: map::metadata(session.metadata.as_ref()),
            extra: Vec::new(),
        })
    }
}

fn form(request: &CheckoutRequest) -> Result<Form, GatewayError> {
    let is_subscription = request.checkout_type == CheckoutType::Subscription;
    if request.seats == 0 {
        return Err(refused("seats", "a checkout is for at least one seat"));
    }
    let trial_days = request.trial_period_days.filter(|days| *days > 0);
    if trial_days.is_some() && !is_subscription {
        return Err(refused("trial-period-days", "one payment has no trial"));
    }
    let metadata = metadata(request)?;
    let customer = filled(request.customer_reference.as_deref());
    let email = filled(request.customer_email.as_deref()).filter(|_| customer.is_none());
    let form = Form::new()
        .field("mode", if is_subscription { "subscription" } else { "payment" })
        .nested(&["line_items", "0", "price"], &request.price_reference)
        .nested(&["line_items", "0", "quantity"], request.seats.to_string())
        .field("success_url", &request.success_url)
        .field("cancel_url", &request.cancel_url)
        .optional("customer", customer)
        .optional("customer_email", email)
        .field("client_reference_id", &request.correlation_id)
        .map(&["metadata"], &metadata);
    // Nothing of the session is copied to what comes of it: each gets its own metadata.
    Ok(if is_subscription {
        let form = form.map(&["subscription_data", "metadata"], &metadata);
        match trial_days {
            Some(days) => form.nested(&["subscription_data", "trial_period_days"], days.to_string()),
            None => form,
        }
    } else {
        let form = form.map(&["payment_intent_data", "metadata"], &metadata);
        // Later payments and the portal need a customer; a subscription gets one by itself.
        form.optional("customer_creation", customer.is_none().then_some("always"))
    })
}

/// What Stripe keeps for us. The correlation id goes in too, because `client_reference_id` stays on the session.
fn metadata(request: &CheckoutRequest) -> Result<Vec<Field>, GatewayError> {
    let mut kept = Vec::with_capacity(request.metadata.len() + 1);
    for (name, value) in &request.metadata {
        // https://docs.stripe.com/metadata: keys have no brackets; an empty value would remove the key.
        if name.is_empty() || name.contains(['[', ']']) {
            return Err(refused("metadata", "a metadata key is not empty and has no brackets"));
        }
        if !value.is_empty() && name != map::CORRELATION_KEY {
            kept.push((name.clone(), value.clone()));
        }
    }
    kept.push((map::CORRELATION_KEY.to_owned(), request.correlation_id.clone()));
    Ok(kept)
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn refused(parameter: &str, message: &str) -> GatewayError {
    GatewayError::new(ErrorKind::InvalidRequest, message).with_parameter(Some(parameter.to_owned()))
}
