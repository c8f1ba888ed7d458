//! Webhook receipts, from the contract's types to the application's.

use tillgate_application::ports as app;
use tillgate_domain::{PaymentState, PaymentStatus, SubscriptionChange};

use super::authentication::ack;
use super::incoming::{refund_state, subscription};
use super::values::{Malformed, money, optional_page_url, optional_reference, reference, references, text, time};
use super::{types as t, webhook_types as w};
use crate::limits::EVENTS_MAX;

pub(super) fn receipt(given: w::Receipt) -> Result<app::Receipt, Malformed> {
    if given.events.len() > EVENTS_MAX {
        return Err(format!(
            "{} events in one webhook; at most {EVENTS_MAX}",
            given.events.len()
        ));
    }
    Ok(app::Receipt {
        events: given.events.into_iter().map(event).collect::<Result<_, _>>()?,
        ack: given.ack.map(ack).transpose()?,
    })
}

fn event(given: w::Event) -> Result<app::ProviderEvent, Malformed> {
    Ok(app::ProviderEvent {
        dedupe_key: reference("dedupe_key", given.dedupe_key)?,
        provider_type: reference("provider_type", given.provider_type)?,
        occurred_at: time("occurred_at", given.occurred_at)?,
        live: given.mode.map(|mode| mode == t::Mode::Live),
        account_reference: optional_reference("account_reference", given.account_reference)?,
        body: match given.body {
            w::EventBody::Checkout(facts) => app::EventBody::Checkout(Box::new(checkout(facts)?)),
            w::EventBody::Subscription(facts) => app::EventBody::Subscription {
                change: match facts.change {
                    w::SubscriptionChange::Created => SubscriptionChange::Created,
                    w::SubscriptionChange::Updated => SubscriptionChange::Updated,
                    w::SubscriptionChange::Ended => SubscriptionChange::Ended,
                },
                subscription: Box::new(subscription(facts.snapshot)?),
            },
            w::EventBody::Payment(facts) => app::EventBody::Payment(Box::new(payment(facts)?)),
            w::EventBody::Refund(facts) => app::EventBody::Refund(Box::new(refund(facts)?)),
            w::EventBody::Dispute(facts) => app::EventBody::Dispute(Box::new(dispute(facts)?)),
            w::EventBody::Other => app::EventBody::Other,
        },
    })
}

pub(super) fn checkout(given: t::CheckoutFacts) -> Result<app::CheckoutEvent, Malformed> {
    Ok(app::CheckoutEvent {
        reference: reference("checkout.reference", given.reference)?,
        change: match given.state {
            t::CheckoutState::Completed => app::CheckoutChange::Completed,
            t::CheckoutState::PaymentSucceeded => app::CheckoutChange::PaymentSucceeded,
            t::CheckoutState::PaymentFailed => app::CheckoutChange::PaymentFailed,
            t::CheckoutState::Expired => app::CheckoutChange::Expired,
        },
        payment_status: match given.payment {
            t::PaymentState::Succeeded => PaymentStatus::Paid,
            t::PaymentState::NotRequired => PaymentStatus::NoPaymentRequired,
            t::PaymentState::Pending | t::PaymentState::Failed => PaymentStatus::Unpaid,
        },
        is_subscription: given.is_subscription,
        correlation_id: optional_reference("checkout.correlation_id", given.correlation_id)?,
        customer_reference: optional_reference("checkout.customer_reference", given.customer_reference)?,
        customer_email: text(given.customer_email),
        subscription_reference: optional_reference("checkout.subscription_reference", given.subscription_reference)?,
        payment_reference: optional_reference("checkout.payment_reference", given.payment_reference)?,
        total: given
            .total
            .as_ref()
            .map(|total| money("checkout.total", total))
            .transpose()?,
        metadata: given.metadata,
    })
}

pub(super) fn payment(given: t::PaymentFacts) -> Result<app::PaymentEvent, Malformed> {
    Ok(app::PaymentEvent {
        reference: reference("payment.reference", given.reference)?,
        state: match given.state {
            t::PaymentState::Pending => PaymentState::Pending,
            t::PaymentState::Succeeded | t::PaymentState::NotRequired => PaymentState::Succeeded,
            t::PaymentState::Failed => PaymentState::Failed,
        },
        amount: money("payment.amount", &given.amount)?,
        customer_reference: optional_reference("payment.customer_reference", given.customer_reference)?,
        subscription_reference: optional_reference("payment.subscription_reference", given.subscription_reference)?,
        aliases: references("payment.aliases", given.aliases)?,
        failure_reason: text(given.failure_reason),
        attempt: given.attempt,
        next_attempt_at: time("payment.next_attempt_at", given.next_attempt_at)?,
        invoice_url: optional_page_url(given.invoice_url),
        receipt_url: optional_page_url(given.receipt_url),
    })
}

fn refund(given: w::RefundFacts) -> Result<app::RefundEvent, Malformed> {
    Ok(app::RefundEvent {
        reference: optional_reference("refund.reference", given.reference)?,
        state: refund_state(given.state),
        amount: money("refund.amount", &given.amount)?,
        payment_references: references("refund.payment_references", given.payment_references)?,
        reason: text(given.reason),
        failure_reason: text(given.failure_reason),
    })
}

fn dispute(given: w::DisputeFacts) -> Result<app::DisputeEvent, Malformed> {
    Ok(app::DisputeEvent {
        reference: reference("dispute.reference", given.reference)?,
        amount: money("dispute.amount", &given.amount)?,
        payment_references: references("dispute.payment_references", given.payment_references)?,
        reason: text(given.reason),
        provider_status: reference("dispute.provider_status", given.provider_status)?,
        evidence_due_at: time("dispute.evidence_due_at", given.evidence_due_at)?,
    })
}
