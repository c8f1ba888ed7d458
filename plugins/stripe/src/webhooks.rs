//! Webhooks (<https://docs.stripe.com/webhooks>).

use tillgate_plugin_sdk::types::{Call, ErrorKind, GatewayError};
use tillgate_plugin_sdk::webhooks::{
    Authentication, Event as Normalized, EventBody, Proof, Receipt, RejectionReason, WebhookRequest,
};
use tillgate_plugin_sdk::{Context, Json, Webhooks};

use crate::map::{self, Body, Event, InvoicePayment, List, Object};
use crate::signature::Signature;
use crate::{Stripe, api, changes};

/// How far a signed time may be from the host's clock, in milliseconds, as in Stripe's libraries; and in both
/// directions, as in the stricter of them.
const TOLERANCE: u64 = 300_000;

impl Webhooks for Stripe {
    fn authenticate(_: &Call, request: &WebhookRequest) -> Authentication {
        if request.method != "POST" {
            let message = "Stripe posts its webhooks";
            return Authentication::rejected(RejectionReason::NotAWebhook, message);
        }
        let mut headers = request.header_values("stripe-signature");
        let Some(header) = headers.next() else {
            let message = "there is no Stripe-Signature header";
            return Authentication::rejected(RejectionReason::SignatureMissing, message);
        };
        let read = match headers.next() {
            Some(_) => Err("there are several"),
            None => Signature::read(header),
        };
        match read {
            Ok(signature) => {
                let mut proof = Proof::hmac_sha256("webhook_secret")
                    .literal(format!("{}.", signature.time_text))
                    .body();
                for signature in signature.signatures {
                    proof = proof.signature(signature);
                }
                Authentication::Prove(proof.plan().signed_at(signature.at, TOLERANCE))
            }
            Err(why) => {
                let message = format!("the Stripe-Signature header can't be right: {why}");
                Authentication::rejected(RejectionReason::SignatureMalformed, message)
            }
        }
    }

    async fn parse(ctx: &Context, request: WebhookRequest) -> Result<Receipt, GatewayError> {
        let event = Event::read(&request.body).map_err(|why| malformed(&why))?;
        let events = match event.body().map_err(|why| malformed(&why))? {
            Body::None => vec![event.other()],
            Body::Here(body) => {
                let object = event.object(body).map_err(|why| malformed(&why))?;
                let object = with_all_items(ctx, event.account(), object).await?;
                event
                    .normalized(&object, event.occurred_at())
                    .map_err(|why| malformed(&why))?
            }
            Body::At(path) => match api::send(ctx, api::get_for(ctx, event.account(), path)).await {
                // What is gone has nothing more to tell.
                Err(error) if error.kind == ErrorKind::NotFound => vec![event.other()],
                Err(error) => return Err(error),
                Ok(response) => {
                    let unreadable = |why: String| api::unreadable(&response, &why);
                    let document = Json::read(response.body());
                    let document = document.map_err(|error| unreadable(error.to_string()))?;
                    let object = event.object(&document).map_err(unreadable)?;
                    let object = with_all_items(ctx, event.account(), object).await?;
                    event.normalized(&object, response.date()).map_err(unreadable)?
                }
            },
        };
        let events = with_invoices(ctx, event.account(), events).await?;
        Ok(Receipt { events, ack: None })
    }
}

/// Adds to what names a payment the invoice that it paid. A subscription's payment is known by its invoice, and since
/// 2025-03-31.basil neither charges nor refunds nor disputes name that, so that it has to be asked for
/// (<https://docs.stripe.com/api/invoice-payment/list>). They are rare.
async fn with_invoices(
    ctx: &Context,
    account: Option<&str>,
    mut events: Vec<Normalized>,
) -> Result<Vec<Normalized>, GatewayError> {
    for event in &mut events {
        let names = match &mut event.body {
            EventBody::Refund(facts) => &mut facts.payment_references,
            EventBody::Dispute(facts) => &mut facts.payment_references,
            _ => continue,
        };
        let intent = names.iter().find(|id| id.starts_with("pi_") && api::is_id(id)).cloned();
        let (Some(intent), false) = (intent, names.iter().any(|id| map::is_invoice(id))) else {
            continue;
        };
        let request = api::get_for(ctx, account, "/v1/invoice_payments")
            .query("payment[type]", "payment_intent")
            .query("payment[payment_intent]", intent);
        match api::send(ctx, request).await {
            Ok(response) => {
                let paid: List<InvoicePayment> = api::read(&response)?;
                names.extend(paid.data.iter().filter_map(InvoicePayment::invoice_id));
            }
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(events)
}

/// Completes a subscription whose items didn't fit.
async fn with_all_items(ctx: &Context, account: Option<&str>, object: Object) -> Result<Object, GatewayError> {
    Ok(match object {
        Object::Subscription(subscription) => {
            Object::Subscription(changes::complete(ctx, account, subscription).await?)
        }
        other => other,
    })
}

fn malformed(why: &str) -> GatewayError {
    let message = format!("the webhook can't be understood: {why}");
    GatewayError::new(ErrorKind::MalformedResponse, message)
}
