//! `/v1/invoices`.

use super::pagination::Page;
use super::routes::{Call, Handled, Reply};
use crate::stripe::billing::payments::Outcome;
use crate::stripe::error::ApiError;
use crate::stripe::model::invoice::Invoice;
use crate::stripe::model::payment::Method;
use crate::stripe::state::State;

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    let page = Page::of(params, &["customer", "subscription", "status", "collection_method"])?;
    let customer = params.filled("customer")?;
    let subscription = params.filled("subscription")?;
    let status = params.one_of("status", &["draft", "open", "paid", "uncollectible", "void"])?;
    let all = state
        .invoices
        .newest_first()
        .map(|(_, invoice)| invoice)
        .filter(|invoice| customer.is_none_or(|id| invoice.customer == id))
        .filter(|invoice| subscription.is_none_or(|id| invoice.subscription.as_deref() == Some(id)))
        .filter(|invoice| status.is_none_or(|status| invoice.status == status))
        .map(|invoice| invoice.render(call.dialect));
    Ok(Reply::Json(page.cut(all, "/v1/invoices")))
}

/// What invoices were paid by, which since `2025-03-31.basil` is told here and no longer on the invoice
/// (<https://docs.stripe.com/api/invoice-payment/list>).
pub(super) fn list_payments(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    let page = Page::of(params, &["invoice", "payment", "status"])?;
    let invoice = params.filled("invoice")?;
    if let Some(id) = invoice.filter(|id| !state.invoices.contains(id)) {
        return Err(ApiError::no_such_param("invoice", id, "invoice"));
    }
    let status = params.one_of("status", &["canceled", "open", "paid"])?;
    let (mut kind, mut intent) = (None, None);
    if let Some(payment) = params.hash("payment")? {
        payment.only(&["type", "payment_intent", "payment_record"])?;
        kind = payment.one_of("type", &["payment_intent", "payment_record"])?;
        intent = payment.filled("payment_intent")?;
    }
    let all = state
        .invoices
        .newest_first()
        .map(|(_, found)| found)
        .filter(|found| invoice.is_none_or(|id| found.id == id))
        .filter_map(Invoice::render_payment)
        .filter(|payment| status.is_none_or(|status| payment["status"] == status))
        .filter(|payment| kind.is_none_or(|kind| payment["payment"]["type"] == kind))
        .filter(|payment| intent.is_none_or(|id| payment["payment"]["payment_intent"] == id));
    Ok(Reply::Json(page.cut(all, "/v1/invoice_payments")))
}

/// Collects an open invoice now.
pub(super) fn pay(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params
        .only(&["payment_method", "off_session", "paid_out_of_band", "source", "forgive"])?;
    let Some(invoice) = state.invoices.get(id) else {
        return Err(ApiError::no_such("invoice", id));
    };
    if invoice.status != "open" {
        let message = if invoice.status == "paid" {
            "Invoice is already paid"
        } else {
            "This invoice can no longer be paid"
        };
        return Err(ApiError::new(400, "invalid_request_error", message));
    }
    let customer = invoice.customer.clone();
    let outcome = state.next_card_outcome(&customer);
    if state.collect_invoice(id, Method::Card, outcome) == Outcome::Declined {
        let error = ApiError::new(402, "card_error", "Your card was declined.").code("card_declined");
        return Err(ApiError {
            decline_code: Some("generic_decline"),
            ..error
        });
    }
    Ok(Reply::Object(id.to_owned()))
}
