//! What Stripe's objects say about checkouts, payments, refunds and disputes.

use tillgate_plugin_sdk::checkout::PaymentStatus;
use tillgate_plugin_sdk::types::Money;
use tillgate_plugin_sdk::webhooks::{
    CheckoutFacts, CheckoutState, DisputeFacts, PaymentFacts, PaymentState, RefundFacts, RefundState,
};

use super::shape::{Charge, Dispute, Invoice, Reference, Refund, Session};
use super::{correlation, metadata, money, reference, time};

/// Words of `payment_status` (<https://docs.stripe.com/api/checkout/sessions/object>).
const PAID: &str = "paid";
const NOTHING_TO_PAY: &str = "no_payment_required";

impl Session {
    /// Whether it is paid, right after it was created.
    pub(crate) fn checkout_payment_status(&self) -> PaymentStatus {
        match self.payment_status.as_deref() {
            Some(PAID) => PaymentStatus::Paid,
            Some(NOTHING_TO_PAY) => PaymentStatus::NoPaymentRequired,
            _ => PaymentStatus::Unpaid,
        }
    }

    /// How its payment stands. A session completed with a delayed method stays `unpaid` until a later event.
    fn payment(&self, state: CheckoutState) -> PaymentState {
        match (self.payment_status.as_deref(), state) {
            (Some(PAID), _) => PaymentState::Succeeded,
            (Some(NOTHING_TO_PAY), _) => PaymentState::NotRequired,
            (_, CheckoutState::PaymentSucceeded) => PaymentState::Succeeded,
            (_, CheckoutState::PaymentFailed | CheckoutState::Expired) => PaymentState::Failed,
            (_, CheckoutState::Completed) => PaymentState::Pending,
        }
    }

    /// Whether it is for saving a means of payment alone.
    pub(super) fn is_setup(&self) -> bool {
        self.mode.as_deref() == Some("setup")
    }

    /// What it says about the checkout.
    pub(super) fn facts(&self, state: CheckoutState) -> CheckoutFacts {
        let details = self.customer_details.as_ref();
        let email = details.and_then(|details| details.email.as_ref());
        CheckoutFacts {
            reference: self.id.clone(),
            state,
            payment: self.payment(state),
            is_subscription: self.mode.as_deref() == Some("subscription"),
            correlation_id: correlation(self.metadata.as_ref())
                .or_else(|| self.client_reference_id.clone().filter(|id| !id.is_empty())),
            customer_reference: reference(self.customer.as_ref()),
            customer_email: email.or(self.customer_email.as_ref()).cloned(),
            subscription_reference: reference(self.subscription.as_ref()),
            payment_reference: self.payment_ids().into_iter().next(),
            total: self.total(),
            metadata: metadata(self.metadata.as_ref()),
        }
    }

    /// The payment that came of it, where it is for one payment. What a subscription pays, its invoices tell.
    pub(super) fn payment_facts(&self, state: CheckoutState) -> Option<PaymentFacts> {
        let payment = self.payment(state);
        let told = matches!(payment, PaymentState::Succeeded | PaymentState::Failed);
        if self.mode.as_deref() != Some("payment") || !told {
            return None;
        }
        let mut ids = self.payment_ids().into_iter();
        Some(PaymentFacts {
            reference: ids.next()?,
            state: payment,
            amount: self.total()?,
            customer_reference: reference(self.customer.as_ref()),
            subscription_reference: None,
            aliases: ids.collect(),
            failure_reason: None,
            attempt: None,
            next_attempt_at: None,
            invoice_url: None,
            receipt_url: None,
        })
    }

    /// The ids of its payment. The invoice comes first: where there is one, its own events tell of the same payment.
    fn payment_ids(&self) -> Vec<String> {
        ids([self.invoice.as_ref(), self.payment_intent.as_ref()])
    }

    fn total(&self) -> Option<Money> {
        money(self.amount_total?, self.currency.as_deref()?)
    }
}

impl Invoice {
    /// What it says about its payment; nothing where it has no amount.
    pub(super) fn facts(&self, state: PaymentState) -> Option<PaymentFacts> {
        let currency = self.currency.as_deref()?;
        // An object fetched later may be further than the event that led to it.
        let is_paid = state == PaymentState::Succeeded || self.status.as_deref() == Some("paid");
        let (due, paid) = (self.amount_due?, self.amount_paid.unwrap_or(0));
        let state = match (is_paid, due, paid) {
            (true, 0, 0) => PaymentState::NotRequired,
            (true, ..) => PaymentState::Succeeded,
            (false, ..) => state,
        };
        let failed = state == PaymentState::Failed;
        let failure = self.last_finalization_error.as_ref().filter(|_| failed);
        Some(PaymentFacts {
            reference: self.id.clone(),
            state,
            amount: money(if is_paid { paid } else { due }, currency)?,
            customer_reference: reference(self.customer.as_ref()),
            subscription_reference: self.subscription_reference(),
            aliases: self.aliases(),
            failure_reason: failure.and_then(|failure| failure.message.clone()),
            attempt: self.attempt_count,
            next_attempt_at: time(self.next_payment_attempt.filter(|_| !is_paid)),
            invoice_url: self.hosted_invoice_url.clone(),
            receipt_url: None,
        })
    }

    fn subscription_reference(&self) -> Option<String> {
        let details = self
            .parent
            .as_ref()
            .and_then(|parent| parent.subscription_details.as_ref());
        let of_parent = details.and_then(|details| details.subscription.as_ref());
        reference(of_parent.or(self.subscription.as_ref()))
    }

    fn aliases(&self) -> Vec<String> {
        let payments = self.payments.iter().flat_map(|list| &list.data);
        let of_payments = payments.filter_map(|payment| payment.payment.as_ref());
        let of_payments = of_payments.flat_map(|payment| [payment.payment_intent.as_ref(), payment.charge.as_ref()]);
        ids(of_payments.chain([self.payment_intent.as_ref(), self.charge.as_ref()]))
    }
}

impl Charge {
    /// What it says about its refunds: their total.
    pub(super) fn facts(&self) -> Option<RefundFacts> {
        let mut names = ids([self.payment_intent.as_ref()]);
        names.push(self.id.clone());
        names.extend(reference(self.invoice.as_ref()));
        Some(RefundFacts {
            reference: None,
            state: RefundState::Succeeded,
            amount: money(self.amount_refunded, &self.currency)?,
            payment_references: names,
            reason: None,
            failure_reason: None,
        })
    }
}

impl Refund {
    /// What it says about itself.
    pub(crate) fn facts(&self) -> Option<RefundFacts> {
        Some(RefundFacts {
            reference: Some(self.id.clone()),
            state: match self.status.as_deref() {
                Some("succeeded") => RefundState::Succeeded,
                Some("failed") => RefundState::Failed,
                Some("canceled") => RefundState::Canceled,
                Some("requires_action") => RefundState::RequiresAction,
                // No status at all is what some old payment methods have while the refund is on its way.
                _ => RefundState::Pending,
            },
            amount: money(self.amount, &self.currency)?,
            payment_references: ids([self.payment_intent.as_ref(), self.charge.as_ref()]),
            reason: self.reason.clone(),
            failure_reason: self.failure_reason.clone(),
        })
    }
}

impl Dispute {
    /// What it says about itself.
    pub(super) fn facts(&self) -> Option<DisputeFacts> {
        let evidence = self.evidence_details.as_ref();
        Some(DisputeFacts {
            reference: self.id.clone(),
            amount: money(self.amount, &self.currency)?,
            payment_references: ids([self.payment_intent.as_ref(), self.charge.as_ref()]),
            reason: self.reason.clone(),
            provider_status: self.status.clone(),
            evidence_due_at: time(evidence.and_then(|evidence| evidence.due_by)),
        })
    }
}

fn ids<'a>(references: impl IntoIterator<Item = Option<&'a Reference>>) -> Vec<String> {
    references.into_iter().filter_map(reference).collect()
}
