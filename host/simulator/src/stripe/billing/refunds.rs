//! Refunds and disputes.

use super::due::Due;
use crate::stripe::clock::DAY;
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::payment::{Dispute, Method, Refund};
use crate::stripe::params::Metadata;
use crate::stripe::state::State;

/// How long the refund of a bank debit is pending.
const BANK_REFUND_SECONDS: i64 = 5 * DAY;

impl State {
    /// Refunds a charge in full (`amount` `None`) or in part.
    pub(crate) fn refund_charge(
        &mut self,
        charge_id: &str,
        amount: Option<i64>,
        reason: Option<String>,
        metadata: Metadata,
    ) -> ApiResult<String> {
        let Some(charge) = self.charges.get_mut(charge_id) else {
            return Err(ApiError::no_such_param("charge", charge_id, "charge"));
        };
        let left = charge.amount - charge.amount_refunded;
        if charge.status != "succeeded" {
            return Err(ApiError::invalid(
                "charge",
                format!("This charge has not succeeded, so it cannot be refunded: {charge_id}."),
            ));
        }
        if left <= 0 {
            return Err(ApiError::new(
                400,
                "invalid_request_error",
                format!("Charge {charge_id} has already been refunded."),
            )
            .code("charge_already_refunded"));
        }
        if charge.disputed {
            return Err(ApiError::new(
                400,
                "invalid_request_error",
                format!("Charge {charge_id} has been charged back; cannot issue a refund."),
            )
            .code("charge_disputed"));
        }
        let amount = amount.unwrap_or(left);
        if amount < 1 {
            return Err(ApiError::invalid("amount", "Invalid positive integer").code("parameter_invalid_integer"));
        }
        if amount > left {
            return Err(ApiError::invalid(
                "amount",
                format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"),
            ));
        }
        charge.amount_refunded += amount;
        let is_pending = charge.method == Method::BankDebit;
        let refund = Refund {
            id: self.random.id("re_"),
            created: self.now,
            amount,
            currency: charge.currency.clone(),
            charge: charge_id.to_owned(),
            payment_intent: charge.payment_intent.clone(),
            reason,
            status: if is_pending { "pending" } else { "succeeded" },
            metadata,
        };
        let id = refund.id.clone();
        self.refunds.insert(&id, refund);
        if is_pending {
            self.timers
                .set(self.now + BANK_REFUND_SECONDS, Due::SettleRefund(id.clone()));
        }
        self.emit("charge.refunded", charge_id);
        self.emit("refund.created", &id);
        Ok(id)
    }

    pub(crate) fn settle_refund(&mut self, refund_id: &str) {
        let before = self.before(refund_id);
        if let Some(refund) = self.refunds.get_mut(refund_id) {
            refund.status = "succeeded";
        }
        self.emit_changed("refund.updated", refund_id, &before);
    }

    /// The cardholder's bank takes a payment back.
    pub(crate) fn dispute_charge(&mut self, charge_id: &str, reason: &str) -> ApiResult<String> {
        let Some(charge) = self.charges.get_mut(charge_id) else {
            return Err(ApiError::no_such_param("charge", charge_id, "charge"));
        };
        if charge.disputed || charge.status != "succeeded" {
            return Err(ApiError::invalid("charge", "This charge cannot be disputed."));
        }
        charge.disputed = true;
        let dispute = Dispute {
            id: self.random.id("dp_"),
            created: self.now,
            amount: charge.amount - charge.amount_refunded,
            currency: charge.currency.clone(),
            charge: charge_id.to_owned(),
            payment_intent: charge.payment_intent.clone(),
            reason: reason.to_owned(),
            status: "needs_response".to_owned(),
        };
        let id = dispute.id.clone();
        self.disputes.insert(&id, dispute);
        self.emit("charge.dispute.created", &id);
        self.emit("charge.dispute.funds_withdrawn", &id);
        Ok(id)
    }
}
