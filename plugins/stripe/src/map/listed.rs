//! What Stripe's objects say when they are listed, rather than told of by an event.

use tillgate_plugin_sdk::Json;
use tillgate_plugin_sdk::backfill::{CheckoutState, CustomerFacts, PaymentFacts, PaymentState, PurchaseFacts};

use super::metadata;
use super::read::{Readable, Wrong, optional};
use super::shape::{Customer, Invoice, Session};

/// A page of a list. Its objects are read one by one, so that one that can't be doesn't spoil the others.
pub(crate) struct Listing<'a> {
    pub(crate) objects: &'a [Json<'a>],
    pub(crate) has_more: bool,
}

impl<'a> Listing<'a> {
    /// Reads the page, and nothing of what is on it.
    pub(crate) fn of(document: &'a Json<'a>) -> Result<Self, Wrong> {
        let Json::List(objects) = document.get("data") else {
            return Err(Wrong("data"));
        };
        let has_more = optional::<bool>(document, "has_more")?.unwrap_or(false);
        Ok(Self { objects, has_more })
    }
}

/// Reads one object of a page, or says why it is left out.
pub(crate) fn listed<T: Readable>(object: &Json<'_>) -> Result<T, String> {
    T::read(object).map_err(|wrong| format!("can't be read: {wrong}"))
}

impl Customer {
    /// What it says about itself.
    pub(crate) fn facts(self) -> CustomerFacts {
        CustomerFacts {
            metadata: metadata(self.metadata.as_ref()),
            reference: self.id,
            email: self.email,
        }
    }
}

impl Invoice {
    /// What it says about its payment, as its events would by now
    /// (<https://docs.stripe.com/api/invoices/object#invoice_object-status>).
    pub(crate) fn listed(&self) -> Result<PaymentFacts, String> {
        let tried = self.attempt_count.unwrap_or(0) > 0;
        let state = match self.status.as_deref() {
            Some("paid") => PaymentState::Succeeded,
            Some("open") if !tried => PaymentState::Pending,
            Some("open" | "uncollectible") => PaymentState::Failed,
            Some("draft") => return Err("a draft".to_owned()),
            Some("void") => return Err("void".to_owned()),
            _ => return Err("of a status this plugin doesn't know".to_owned()),
        };
        let facts = self.facts(state);
        facts.ok_or_else(|| "without an amount that can be understood".to_owned())
    }
}

impl Session {
    /// What it says about the checkout, and about its payment where no invoice does.
    pub(crate) fn listed(&self) -> Result<PurchaseFacts, String> {
        if self.status.as_deref() != Some("complete") {
            return Err("not finished".to_owned());
        }
        if self.is_setup() {
            return Err("for saving a means of payment alone".to_owned());
        }
        let state = CheckoutState::Completed;
        let payment = match self.invoice {
            Some(_) => None,
            None => self.payment_facts(state),
        };
        Ok(PurchaseFacts {
            checkout: self.facts(state),
            payment,
        })
    }
}
