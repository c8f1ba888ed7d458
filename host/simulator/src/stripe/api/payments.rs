//! `/v1/payment_intents`, `/v1/charges`, `/v1/refunds`, `/v1/disputes`.

use super::pagination::Page;
use super::routes::{Call, Handled, Reply};
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::payment::{Dispute, Refund};
use crate::stripe::params::Params;
use crate::stripe::state::State;

pub(super) fn list_intents(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["customer"])?;
    let customer = call.params.filled("customer")?;
    let all = state
        .intents
        .newest_first()
        .filter(|(_, intent)| customer.is_none() || intent.customer.as_deref() == customer)
        .map(|(_, intent)| intent.render(call.dialect));
    Ok(Reply::Json(page.cut(all, "/v1/payment_intents")))
}

pub(super) fn list_charges(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["customer", "payment_intent"])?;
    let customer = call.params.filled("customer")?;
    let intent = call.params.filled("payment_intent")?;
    let all = state
        .charges
        .newest_first()
        .map(|(_, charge)| charge)
        .filter(|charge| customer.is_none() || charge.customer.as_deref() == customer)
        .filter(|charge| intent.is_none_or(|id| charge.payment_intent == id))
        .map(|charge| charge.render(call.dialect));
    Ok(Reply::Json(page.cut(all, "/v1/charges")))
}

pub(super) fn create_refund(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "charge",
        "payment_intent",
        "amount",
        "reason",
        "metadata",
        "refund_application_fee",
        "reverse_transfer",
        "instructions_email",
    ])?;
    let charge = charge_to_refund(state, params)?;
    let amount = params.count("amount")?;
    let reason = params
        .one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?
        .map(str::to_owned);
    let metadata = params.metadata("metadata")?;
    state
        .refund_charge(&charge, amount, reason, metadata)
        .map(Reply::Object)
}

fn charge_to_refund(state: &State, params: &Params<'_>) -> ApiResult<String> {
    match (params.filled("charge")?, params.filled("payment_intent")?) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "charge",
            "You may only specify one of these parameters: charge, payment_intent.",
        )),
        (Some(id), None) if state.charges.contains(id) => Ok(id.to_owned()),
        (Some(id), None) => Err(ApiError::no_such_param("charge", id, "charge")),
        (None, Some(id)) => {
            let Some(intent) = state.intents.get(id) else {
                return Err(ApiError::no_such_param("payment_intent", id, "payment_intent"));
            };
            intent
                .latest_charge
                .clone()
                .filter(|_| intent.status == "succeeded")
                .ok_or_else(|| {
                    ApiError::invalid(
                        "payment_intent",
                        format!("This PaymentIntent ({id}) does not have a successful charge to refund."),
                    )
                    .code("payment_intent_unexpected_state")
                })
        }
        (None, None) => Err(ApiError::new(
            400,
            "invalid_request_error",
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
        .code("parameter_missing")),
    }
}

pub(super) fn list_refunds(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["charge", "payment_intent"])?;
    let charge = call.params.filled("charge")?;
    let intent = call.params.filled("payment_intent")?;
    let all = state
        .refunds
        .newest_first()
        .map(|(_, refund)| refund)
        .filter(|refund| charge.is_none_or(|id| refund.charge == id))
        .filter(|refund| intent.is_none_or(|id| refund.payment_intent == id))
        .map(Refund::render);
    Ok(Reply::Json(page.cut(all, "/v1/refunds")))
}

pub(super) fn list_disputes(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["charge", "payment_intent"])?;
    let charge = call.params.filled("charge")?;
    let intent = call.params.filled("payment_intent")?;
    let all = state
        .disputes
        .newest_first()
        .map(|(_, dispute)| dispute)
        .filter(|dispute| charge.is_none_or(|id| dispute.charge == id))
        .filter(|dispute| intent.is_none_or(|id| dispute.payment_intent == id))
        .map(Dispute::render);
    Ok(Reply::Json(page.cut(all, "/v1/disputes")))
}
