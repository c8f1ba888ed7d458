//! What money came by.

use super::reference;
use super::shape::InvoicePayment;

/// What can be refunded (<https://docs.stripe.com/api/refunds/create>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payment {
    /// A payment intent.
    Intent(String),
    /// A charge: what invoices were paid by before there were payment intents, and what some payment methods still make.
    Charge(String),
}

impl Payment {
    /// What this id names, if it names one.
    pub(crate) fn named(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            "pi" => Some(Self::Intent(id.to_owned())),
            "ch" | "py" => Some(Self::Charge(id.to_owned())),
            _ => None,
        }
    }
}

/// Whether this id is an invoice's.
pub(crate) fn is_invoice(id: &str) -> bool {
    id.starts_with("in_")
}

impl InvoicePayment {
    /// The invoice it is of.
    pub(crate) fn invoice_id(&self) -> Option<String> {
        reference(self.invoice.as_ref())
    }

    /// What this part of an invoice was paid by. What was paid outside of Stripe can't be refunded there.
    pub(crate) fn paid_by(&self) -> Option<Payment> {
        let payment = self.payment.as_ref()?;
        let intent = reference(payment.payment_intent.as_ref()).map(Payment::Intent);
        intent.or_else(|| reference(payment.charge.as_ref()).map(Payment::Charge))
    }
}
