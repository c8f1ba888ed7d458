//! What follows from a checkout page: paying, declining, settling, expiring.

use super::due::Due;
use super::invoices::NewInvoice;
use super::payments::{NewIntent, Outcome};
use super::subscriptions::{FirstPayment, NewSubscription};
use crate::stripe::clock::DAY;
use crate::stripe::model::checkout::{CheckoutSession, Mode, SessionStatus};
use crate::stripe::model::customer::Customer;
use crate::stripe::model::invoice::InvoiceLine;
use crate::stripe::model::payment::Method;
use crate::stripe::params::Metadata;
use crate::stripe::state::State;

/// How long a bank debit takes to settle.
const SETTLEMENT_SECONDS: i64 = 4 * DAY;
/// Characters of the prefix of a customer's invoice numbers.
const INVOICE_PREFIX_LENGTH: usize = 8;

/// What a person did on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payment {
    Card,
    DeclinedCard,
    BankDebit,
}

impl State {
    pub(crate) fn add_customer(&mut self, mut customer: Customer) -> String {
        customer.id = self.random.id("cus_");
        customer.created = self.now;
        customer.next_invoice = 1;
        customer.invoice_prefix = customer
            .id
            .bytes()
            .skip("cus_".len())
            .take(INVOICE_PREFIX_LENGTH)
            .map(|letter| char::from(letter.to_ascii_uppercase()))
            .collect();
        let id = customer.id.clone();
        self.customers.insert(&id, customer);
        self.emit("customer.created", &id);
        id
    }

    /// Carries out a payment on an open session. `false`: the card was declined.
    pub(crate) fn pay_session(&mut self, id: &str, email: &str, payment: Payment) -> bool {
        let Some(session) = self.sessions.get(id).cloned() else {
            return false;
        };
        let told = session
            .customer
            .clone()
            .filter(|_| payment == Payment::Card && session.due_now() > 0)
            .map(|customer| self.next_card_outcome(&customer));
        if payment == Payment::DeclinedCard || told == Some(Outcome::Declined) {
            self.decline_session(&session);
            return false;
        }
        let (method, outcome) = match payment {
            Payment::BankDebit => (Method::BankDebit, Outcome::Processing),
            _ => (Method::Card, Outcome::Succeeded),
        };
        let customer = self.session_customer(&session, email);
        let mut done = session;
        done.paid_by_email = Some(email.to_owned()).filter(|email| !email.is_empty());
        done.customer = customer.clone();
        done.status = SessionStatus::Complete;
        done.payment_status = match outcome {
            _ if done.due_now() == 0 => "no_payment_required",
            Outcome::Processing => "unpaid",
            _ => "paid",
        };
        match done.mode {
            Mode::Subscription => {
                self.subscribe_from(&mut done, customer.unwrap_or_default(), method, outcome);
            }
            Mode::Payment => self.charge_for(&mut done, method, outcome),
            Mode::Setup => {}
        }
        if done.payment_status == "unpaid" {
            self.timers
                .set(self.now + SETTLEMENT_SECONDS, Due::SettleSession(id.to_owned()));
        }
        self.sessions.insert(id, done);
        self.emit("checkout.session.completed", id);
        true
    }

    fn session_customer(&mut self, session: &CheckoutSession, email: &str) -> Option<String> {
        if let Some(id) = &session.customer {
            let before = self.before(id);
            if let Some(customer) = self.customers.get_mut(id)
                && customer.email.is_none()
                && !email.is_empty()
            {
                customer.email = Some(email.to_owned());
            }
            self.emit_changed("customer.updated", id, &before);
            return Some(id.clone());
        }
        let wanted = session.mode == Mode::Subscription || session.customer_creation.as_deref() == Some("always");
        let email = Some(email.to_owned()).filter(|email| !email.is_empty());
        wanted.then(|| {
            self.add_customer(Customer {
                email,
                ..Customer::default()
            })
        })
    }

    fn subscribe_from(&mut self, session: &mut CheckoutSession, customer: String, method: Method, outcome: Outcome) {
        let one_time = self.one_time_lines(session);
        let items = session
            .lines
            .iter()
            .filter(|line| line.recurring)
            .map(|line| (line.price.clone(), line.quantity, Metadata::new()))
            .collect();
        let id = self.start_subscription(NewSubscription {
            customer,
            items,
            trial_end: session.trial_days.map(|days| self.now + days * DAY),
            cancel_at_period_end: false,
            cancel_at: None,
            description: None,
            default_payment_method: None,
            metadata: session.subscription_metadata.clone(),
            first_payment: FirstPayment::Attempt(method, outcome),
            one_time,
        });
        session.invoice = self
            .subscriptions
            .get(&id)
            .and_then(|found| found.latest_invoice.clone());
        session.subscription = Some(id);
    }

    fn charge_for(&mut self, session: &mut CheckoutSession, method: Method, outcome: Outcome) {
        let amount = session.total();
        if amount == 0 {
            return;
        }
        let currency = session.currency.clone().unwrap_or_default();
        let intent = self.open_intent(NewIntent {
            amount,
            currency: currency.clone(),
            customer: session.customer.clone(),
            invoice: None,
            description: None,
            metadata: session.payment_intent_metadata.clone(),
        });
        self.charge_intent(&intent, method, outcome);
        session.payment_intent = Some(intent.clone());
        let (true, Some(customer)) = (session.invoice_creation, session.customer.clone()) else {
            return;
        };
        let lines = self.one_time_lines(session);
        let invoice = self.draft_invoice(NewInvoice {
            customer,
            subscription: None,
            reason: "manual",
            currency,
            period: (self.now, self.now),
            lines,
        });
        if let Some(found) = self.invoices.get_mut(&invoice) {
            found.payment_intent = Some(intent);
        }
        session.invoice = Some(invoice.clone());
        self.emit("invoice.created", &invoice);
        self.finalize_invoice(&invoice);
        if outcome == Outcome::Succeeded {
            self.invoice_is_paid(&invoice);
        }
    }

    fn one_time_lines(&mut self, session: &CheckoutSession) -> Vec<InvoiceLine> {
        let now = self.now;
        let mut lines = Vec::new();
        for line in session.lines.iter().filter(|line| !line.recurring) {
            let product = self.prices.get(&line.price).map(|price| price.product.clone());
            lines.push(InvoiceLine {
                id: self.random.id("il_"),
                description: line.description.clone(),
                amount: line.amount(),
                quantity: line.quantity,
                price: line.price.clone(),
                product: product.unwrap_or_default(),
                unit_amount: line.unit_amount,
                subscription_item: None,
                proration: false,
                period: (now, now),
            });
        }
        lines
    }

    /// A refused card leaves the session open; one-time payments report it.
    fn decline_session(&mut self, session: &CheckoutSession) {
        if session.mode != Mode::Payment {
            return;
        }
        let intent = self.open_intent(NewIntent {
            amount: session.total(),
            currency: session.currency.clone().unwrap_or_default(),
            customer: session.customer.clone(),
            invoice: None,
            description: None,
            metadata: session.payment_intent_metadata.clone(),
        });
        self.charge_intent(&intent, Method::Card, Outcome::Declined);
    }

    pub(crate) fn expire_session(&mut self, id: &str) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = SessionStatus::Expired;
        }
        self.emit("checkout.session.expired", id);
    }

    /// Ends the bank debit of a completed session. Without an outcome it
    /// succeeds, unless the customer's next payment shall fail. `false` if
    /// nothing is under way.
    pub(crate) fn settle_session(&mut self, id: &str, outcome: Option<bool>) -> bool {
        let Some(session) = self.sessions.get(id).cloned() else {
            return false;
        };
        let invoice = session.invoice.clone();
        let intent = session.payment_intent.clone().or_else(|| {
            invoice
                .as_ref()
                .and_then(|id| self.invoices.get(id))
                .and_then(|invoice| invoice.payment_intent.clone())
        });
        let is_processing = intent
            .as_ref()
            .and_then(|id| self.intents.get(id))
            .is_some_and(|intent| intent.status == "processing");
        let (true, Some(intent)) = (is_processing, intent) else {
            return false;
        };
        let succeeded = outcome.unwrap_or_else(|| {
            let customer = session.customer.clone().unwrap_or_default();
            self.next_card_outcome(&customer) == Outcome::Succeeded
        });
        self.settle_intent(&intent, succeeded);
        if let Some(invoice) = &invoice {
            if succeeded {
                self.invoice_is_paid(invoice);
            } else {
                self.invoice_failed(invoice);
            }
        }
        if succeeded && let Some(found) = self.sessions.get_mut(id) {
            found.payment_status = "paid";
        }
        self.emit(
            if succeeded {
                "checkout.session.async_payment_succeeded"
            } else {
                "checkout.session.async_payment_failed"
            },
            id,
        );
        true
    }
}
