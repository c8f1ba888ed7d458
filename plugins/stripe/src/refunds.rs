//! Refunds (<https://docs.stripe.com/api/refunds/create>).

use tillgate_plugin_sdk::refunds::{Refund, RefundReason, RefundRequest};
use tillgate_plugin_sdk::types::GatewayError;
use tillgate_plugin_sdk::{Context, Form, Refunds};

use crate::changes::refused;
use crate::map::{InvoicePayment, List, Payment};
use crate::{Stripe, api, map};

impl Refunds for Stripe {
    async fn create_refund(ctx: &Context, request: RefundRequest) -> Result<Refund, GatewayError> {
        let amount = match &request.amount {
            Some(amount) => {
                let theirs = map::stripes_amount(amount).filter(|amount| *amount > 0);
                Some(theirs.ok_or_else(|| refused("amount", "an amount is above zero, and one Stripe can count"))?)
            }
            None => None,
        };
        let form = match paid_by(ctx, &request, amount).await? {
            Payment::Intent(id) => Form::new().field("payment_intent", id),
            Payment::Charge(id) => Form::new().field("charge", id),
        };
        let form = form
            .optional("amount", amount.map(|amount| amount.to_string()))
            .optional("reason", request.reason.map(reason));
        let response = api::send(ctx, api::post(ctx, "/v1/refunds", &form)).await?;
        let refund: map::Refund = api::read(&response)?;
        let facts = refund.facts();
        let facts =
            facts.ok_or_else(|| api::unreadable(&response, "the refund has no amount that can be understood"))?;
        Ok(Refund {
            reference: refund.id,
            state: facts.state,
            amount: facts.amount,
            payment_references: facts.payment_references,
            reason: facts.reason,
            failure_reason: facts.failure_reason,
            as_of: response.date(),
            extra: Vec::new(),
        })
    }
}

/// What Stripe calls a reason.
const fn reason(reason: RefundReason) -> &'static str {
    match reason {
        RefundReason::Duplicate => "duplicate",
        RefundReason::Fraudulent => "fraudulent",
        RefundReason::RequestedByCustomer => "requested_by_customer",
    }
}

/// What the money came by. Since 2025-03-31.basil an invoice no longer names it, so that it has to be asked for
/// (<https://docs.stripe.com/api/invoice-payment/list>); what is known already isn't.
async fn paid_by(ctx: &Context, request: &RefundRequest, amount: Option<i64>) -> Result<Payment, GatewayError> {
    let own = api::id(&request.payment_reference, "payment-reference")?;
    let known = || std::iter::once(own).chain(request.payment_aliases.iter().map(String::as_str));
    let mut known: Vec<Payment> = known().filter(|id| api::is_id(id)).filter_map(Payment::named).collect();
    // A charge is one try of a payment intent: where there is an intent, it is the one to name.
    if known.iter().any(|payment| matches!(payment, Payment::Intent(_))) {
        known.retain(|payment| matches!(payment, Payment::Intent(_)));
    }
    match (known.len(), map::is_invoice(own)) {
        (1, _) => known.pop(),
        (_, true) => return of_invoice(ctx, own, amount).await,
        (_, false) => None,
    }
    .ok_or_else(|| {
        refused(
            "payment-reference",
            "this payment names nothing at Stripe that can be refunded",
        )
    })
}

/// The payment of an invoice; of several the first that is large enough.
async fn of_invoice(ctx: &Context, invoice: &str, amount: Option<i64>) -> Result<Payment, GatewayError> {
    let request = api::get(ctx, "/v1/invoice_payments")
        .query("invoice", invoice)
        .query("status", "paid")
        .query("limit", "100");
    let paid: List<InvoicePayment> = api::read(&api::send(ctx, request).await?)?;
    let several = paid.data.len() > 1;
    if several && amount.is_none() {
        let message = format!("the invoice {invoice} was paid in several parts; name the amount to refund");
        return Err(refused("amount", &message));
    }
    let enough = |part: &InvoicePayment| !several || part.amount_paid >= amount;
    let mut found = paid
        .data
        .iter()
        .filter(|part| enough(part))
        .filter_map(InvoicePayment::paid_by);
    found.next().ok_or_else(|| {
        let message = if paid.data.is_empty() {
            format!("nothing was paid through Stripe for the invoice {invoice}")
        } else {
            format!("no payment of the invoice {invoice} can be refunded by that much")
        };
        refused("payment-reference", &message)
    })
}
