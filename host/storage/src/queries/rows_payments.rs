//! Rows of payments, refunds and disputes.

use tillgate_domain::{Dispute, DisputeFacts, Payment, PaymentFacts, PaymentState, Refund, RefundFacts, RefundState};

use super::super::Row;
use super::columns::{
    Stored, Unreadable, from_json, get, money, parsed, parsed_optional, time, time_optional, unsigned,
    unsigned_optional, word,
};
use super::tables::{self, Table};

const PAYMENT_STATES: [(&str, PaymentState); 3] = [
    (PaymentState::Pending.as_str(), PaymentState::Pending),
    (PaymentState::Succeeded.as_str(), PaymentState::Succeeded),
    (PaymentState::Failed.as_str(), PaymentState::Failed),
];

impl Stored for Payment {
    fn table() -> &'static Table {
        &tables::PAYMENTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Payment {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            facts: PaymentFacts {
                provider_reference: get(row, "provider_reference")?,
                state: word(row, "state", &PAYMENT_STATES)?,
                amount: money(row)?,
                customer_id: parsed_optional(row, "customer_id")?,
                subscription_id: parsed_optional(row, "subscription_id")?,
                aliases: from_json(row, "aliases")?,
                failure_reason: get(row, "failure_reason")?,
                attempt: unsigned_optional(row, "attempt")?,
                next_attempt_at: time_optional(row, "next_attempt_at")?,
                invoice_url: get(row, "invoice_url")?,
                receipt_url: get(row, "receipt_url")?,
                as_of: time_optional(row, "as_of")?,
            },
            refunded_amount: get(row, "refunded_amount")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
            events: Vec::new(),
        })
    }
}

const REFUND_STATES: [(&str, RefundState); 5] = [
    (RefundState::Pending.as_str(), RefundState::Pending),
    (RefundState::RequiresAction.as_str(), RefundState::RequiresAction),
    (RefundState::Succeeded.as_str(), RefundState::Succeeded),
    (RefundState::Failed.as_str(), RefundState::Failed),
    (RefundState::Canceled.as_str(), RefundState::Canceled),
];

impl Stored for Refund {
    fn table() -> &'static Table {
        &tables::REFUNDS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Refund {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            payment_id: parsed_optional(row, "payment_id")?,
            facts: RefundFacts {
                provider_reference: get(row, "provider_reference")?,
                state: word(row, "state", &REFUND_STATES)?,
                amount: money(row)?,
                payment_references: from_json(row, "payment_references")?,
                reason: get(row, "reason")?,
                failure_reason: get(row, "failure_reason")?,
                as_of: time_optional(row, "as_of")?,
            },
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
            events: Vec::new(),
        })
    }
}

impl Stored for Dispute {
    fn table() -> &'static Table {
        &tables::DISPUTES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Dispute {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            payment_id: parsed_optional(row, "payment_id")?,
            facts: DisputeFacts {
                provider_reference: get(row, "provider_reference")?,
                amount: money(row)?,
                payment_references: from_json(row, "payment_references")?,
                reason: get(row, "reason")?,
                provider_status: get(row, "provider_status")?,
                evidence_due_at: time_optional(row, "evidence_due_at")?,
                as_of: time_optional(row, "as_of")?,
            },
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
            events: Vec::new(),
        })
    }
}
