//! Payment intents and the charges they make.

use crate::stripe::model::payment::{Charge, Method, PaymentIntent};
use crate::stripe::params::Metadata;
use crate::stripe::state::State;

/// How an attempt to pay ends for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Declined,
    /// A bank debit under way; it settles later.
    Processing,
}

/// What a new payment intent is for.
#[derive(Debug)]
pub(crate) struct NewIntent {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) invoice: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
}

impl State {
    pub(crate) fn open_intent(&mut self, new: NewIntent) -> String {
        let id = self.random.id("pi_");
        let client_secret = format!("{id}_{}", self.random.id("secret_"));
        let intent = PaymentIntent {
            id: id.clone(),
            created: self.now,
            amount: new.amount,
            currency: new.currency,
            customer: new.customer,
            status: "requires_payment_method",
            latest_charge: None,
            invoice: new.invoice,
            method: Method::Card,
            payment_method: None,
            client_secret,
            description: new.description,
            failed: false,
            metadata: new.metadata,
        };
        self.intents.insert(&id, intent);
        self.emit("payment_intent.created", &id);
        id
    }

    /// Charges an intent and reports how that went.
    pub(crate) fn charge_intent(&mut self, intent_id: &str, method: Method, outcome: Outcome) {
        let charge_id = self.random.id("ch_");
        let payment_method = self.random.id("pm_");
        let now = self.now;
        let Some(intent) = self.intents.get_mut(intent_id) else {
            return;
        };
        let (charge_status, intent_status) = match outcome {
            Outcome::Succeeded => ("succeeded", "succeeded"),
            Outcome::Declined => ("failed", "requires_payment_method"),
            Outcome::Processing => ("pending", "processing"),
        };
        intent.status = intent_status;
        intent.failed = outcome == Outcome::Declined;
        intent.latest_charge = Some(charge_id.clone());
        intent.method = method;
        intent.payment_method = (outcome != Outcome::Declined).then(|| payment_method.clone());
        let customer = intent.customer.clone();
        let mut charge = Charge {
            id: charge_id.clone(),
            created: now,
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            customer: customer.clone(),
            email: None,
            payment_intent: intent_id.to_owned(),
            invoice: intent.invoice.clone(),
            method,
            payment_method: Some(payment_method),
            status: charge_status,
            disputed: false,
            description: intent.description.clone(),
            metadata: intent.metadata.clone(),
        };
        charge.email = customer
            .and_then(|customer| self.customers.get(&customer))
            .and_then(|customer| customer.email.clone());
        if let Some(invoice) = charge.invoice.as_ref().and_then(|id| self.invoices.get_mut(id)) {
            invoice.charge = Some(charge_id.clone());
        }
        self.charges.insert(&charge_id, charge);
        let (charge_event, intent_event) = match outcome {
            Outcome::Succeeded => ("charge.succeeded", "payment_intent.succeeded"),
            Outcome::Declined => ("charge.failed", "payment_intent.payment_failed"),
            Outcome::Processing => ("charge.pending", "payment_intent.processing"),
        };
        self.emit(charge_event, &charge_id);
        self.emit(intent_event, intent_id);
    }

    /// Ends a bank debit under way. `false` if there is none.
    pub(crate) fn settle_intent(&mut self, intent_id: &str, succeeded: bool) -> bool {
        let Some(intent) = self.intents.get_mut(intent_id) else {
            return false;
        };
        if intent.status != "processing" {
            return false;
        }
        intent.status = if succeeded {
            "succeeded"
        } else {
            "requires_payment_method"
        };
        intent.failed = !succeeded;
        let charge_id = intent.latest_charge.clone().unwrap_or_default();
        if let Some(charge) = self.charges.get_mut(&charge_id) {
            charge.status = if succeeded { "succeeded" } else { "failed" };
        }
        let (charge_event, intent_event) = if succeeded {
            ("charge.succeeded", "payment_intent.succeeded")
        } else {
            ("charge.failed", "payment_intent.payment_failed")
        };
        self.emit(charge_event, &charge_id);
        self.emit(intent_event, intent_id);
        true
    }

    /// What the customer's card shall do next: as told by the control API,
    /// otherwise it works.
    pub(crate) fn next_card_outcome(&mut self, customer: &str) -> Outcome {
        let told = self
            .customers
            .get_mut(customer)
            .and_then(|customer| customer.next_payments.pop_front());
        match told {
            Some(false) => Outcome::Declined,
            Some(true) | None => Outcome::Succeeded,
        }
    }
}
