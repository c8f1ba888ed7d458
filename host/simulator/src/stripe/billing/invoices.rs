//! The life of an invoice: draft, open, paid; or failed and tried again.

use super::due::Due;
use super::payments::{NewIntent, Outcome};
use crate::stripe::AfterLastAttempt;
use crate::stripe::clock::DAY;
use crate::stripe::model::invoice::{Invoice, InvoiceLine};
use crate::stripe::model::payment::Method;
use crate::stripe::model::subscription::{Subscription, SubscriptionStatus};
use crate::stripe::params::Metadata;
use crate::stripe::state::State;

/// Pauses before the payment of an invoice is tried again. Stripe's retries
/// are either "smart" or a fixed schedule such as this
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries>).
const RETRY_AFTER: [i64; 3] = [3 * DAY, 5 * DAY, 7 * DAY];

/// What a new invoice is for.
#[derive(Debug)]
pub(crate) struct NewInvoice {
    pub(crate) customer: String,
    pub(crate) subscription: Option<String>,
    pub(crate) reason: &'static str,
    pub(crate) currency: String,
    pub(crate) period: (i64, i64),
    pub(crate) lines: Vec<InvoiceLine>,
}

impl State {
    /// Makes a draft without reporting it, so that the subscription can name
    /// it in its own event first.
    pub(crate) fn draft_invoice(&mut self, new: NewInvoice) -> String {
        let id = self.random.id("in_");
        let customer = self.customers.get(&new.customer);
        let metadata = new.subscription.as_ref().and_then(|id| self.subscriptions.get(id));
        let mut invoice = Invoice {
            id: id.clone(),
            created: self.now,
            customer_email: customer.and_then(|customer| customer.email.clone()),
            customer: new.customer,
            subscription_metadata: metadata.map(|found| found.metadata.clone()).unwrap_or_default(),
            subscription: new.subscription,
            billing_reason: new.reason,
            currency: new.currency,
            status: "draft",
            lines: new.lines,
            starting_balance: customer.map_or(0, |customer| customer.balance),
            amount_due: 0,
            amount_paid: 0,
            attempt_count: 0,
            next_payment_attempt: None,
            number: None,
            hosted_url: None,
            period: new.period,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            uncollectible_at: None,
            payment_id: self.random.id("inpay_"),
            payment_intent: None,
            charge: None,
            metadata: Metadata::new(),
        };
        invoice.amount_due = (invoice.total() + invoice.starting_balance.min(0)).max(0);
        self.invoices.insert(&id, invoice);
        id
    }

    /// Closes a draft: it gets its number, uses the customer's credit and, if
    /// something is due, a payment intent.
    pub(crate) fn finalize_invoice(&mut self, invoice_id: &str) {
        let now = self.now;
        let base_url = self.base_url.clone();
        let Some(invoice) = self.invoices.get_mut(invoice_id) else {
            return;
        };
        invoice.status = "open";
        invoice.finalized_at = Some(now);
        invoice.hosted_url = Some(format!("{base_url}/i/{invoice_id}"));
        let credit = invoice.starting_balance.min(0);
        invoice.amount_due = (invoice.total() + credit).max(0);
        let used = invoice.total() - invoice.amount_due;
        let description = match invoice.billing_reason {
            "subscription_create" => "Subscription creation",
            "subscription_cycle" => "Subscription update",
            _ => "Payment for Invoice",
        };
        let intent = NewIntent {
            amount: invoice.amount_due,
            currency: invoice.currency.clone(),
            customer: Some(invoice.customer.clone()),
            invoice: Some(invoice_id.to_owned()),
            description: Some(description.to_owned()),
            metadata: Metadata::new(),
        };
        let customer_id = invoice.customer.clone();
        if let Some(customer) = self.customers.get_mut(&customer_id) {
            let number = format!("{}-{:04}", customer.invoice_prefix, customer.next_invoice);
            customer.next_invoice += 1;
            customer.balance = (customer.balance + used).min(0);
            invoice.number = Some(number);
        }
        let needs_payment = intent.amount > 0 && invoice.payment_intent.is_none();
        self.emit("invoice.finalized", invoice_id);
        if needs_payment {
            let intent_id = self.open_intent(intent);
            if let Some(invoice) = self.invoices.get_mut(invoice_id) {
                invoice.payment_intent = Some(intent_id);
            }
        }
    }

    /// Tries to collect an open invoice; one without an amount is just paid.
    pub(crate) fn collect_invoice(&mut self, invoice_id: &str, method: Method, outcome: Outcome) -> Outcome {
        let Some(invoice) = self.invoices.get_mut(invoice_id) else {
            return Outcome::Declined;
        };
        let Some(intent_id) = invoice.payment_intent.clone() else {
            self.invoice_is_paid(invoice_id);
            return Outcome::Succeeded;
        };
        invoice.attempt_count += 1;
        invoice.next_payment_attempt = None;
        self.charge_intent(&intent_id, method, outcome);
        match outcome {
            Outcome::Succeeded => self.invoice_is_paid(invoice_id),
            Outcome::Declined => self.invoice_failed(invoice_id),
            Outcome::Processing => {}
        }
        outcome
    }

    pub(crate) fn invoice_is_paid(&mut self, invoice_id: &str) {
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(invoice_id) else {
            return;
        };
        invoice.status = "paid";
        invoice.amount_paid = invoice.amount_due;
        invoice.paid_at = Some(now);
        invoice.next_payment_attempt = None;
        let subscription = invoice.subscription.clone();
        let customer = invoice.customer.clone();
        self.emit("invoice.paid", invoice_id);
        self.emit("invoice.payment_succeeded", invoice_id);
        if let Some(customer) = self.customers.get_mut(&customer) {
            customer.delinquent = false;
        }
        let Some(subscription) = subscription else {
            return;
        };
        let recovers = self.subscriptions.get(&subscription).is_some_and(|found| {
            matches!(
                found.status,
                SubscriptionStatus::Incomplete | SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid
            )
        });
        if recovers {
            self.change_subscription(&subscription, |found| {
                found.status = SubscriptionStatus::Active;
            });
        }
    }

    pub(crate) fn invoice_failed(&mut self, invoice_id: &str) {
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(invoice_id) else {
            return;
        };
        // The first invoice is not tried again: its subscription is incomplete.
        let attempt = usize::try_from(invoice.attempt_count).unwrap_or(usize::MAX);
        let subscription_id = invoice.subscription.clone();
        let status = subscription_id
            .as_ref()
            .and_then(|id| self.subscriptions.get(id))
            .map(|subscription| subscription.status);
        let retry = match status {
            Some(SubscriptionStatus::Incomplete) | None => None,
            Some(_) => RETRY_AFTER.get(attempt.saturating_sub(1)).map(|pause| now + pause),
        };
        invoice.next_payment_attempt = retry;
        let customer_id = invoice.customer.clone();
        if let Some(at) = retry {
            self.timers.set(at, Due::RetryInvoice(invoice_id.to_owned()));
        }
        self.emit("invoice.payment_failed", invoice_id);
        if let Some(customer) = self.customers.get_mut(&customer_id) {
            customer.delinquent = true;
        }
        let (Some(subscription), Some(status)) = (subscription_id, status) else {
            return;
        };
        if status == SubscriptionStatus::Incomplete {
            return;
        }
        if retry.is_some() {
            self.change_subscription(&subscription, |found| {
                found.status = SubscriptionStatus::PastDue;
            });
        } else {
            self.give_up_on(&subscription);
        }
    }

    /// What follows the last failed attempt.
    fn give_up_on(&mut self, subscription_id: &str) {
        match self.options.after_last_attempt {
            AfterLastAttempt::Cancel => {
                self.cancel_subscription(subscription_id, "payment_failed");
            }
            AfterLastAttempt::MarkUnpaid => {
                self.change_subscription(subscription_id, |found| {
                    found.status = SubscriptionStatus::Unpaid;
                });
            }
            AfterLastAttempt::LeavePastDue => {
                self.change_subscription(subscription_id, |found| {
                    found.status = SubscriptionStatus::PastDue;
                });
            }
        }
    }

    pub(crate) fn retry_invoice(&mut self, invoice_id: &str, due: i64) {
        let waits = self
            .invoices
            .get(invoice_id)
            .is_some_and(|invoice| invoice.status == "open" && invoice.next_payment_attempt == Some(due));
        if waits {
            let customer = self.invoices.get(invoice_id).map(|invoice| invoice.customer.clone());
            let outcome = self.next_card_outcome(&customer.unwrap_or_default());
            self.collect_invoice(invoice_id, Method::Card, outcome);
        }
    }

    /// Carries out what `pause_collection` says about a new invoice.
    /// `false` if the invoice is to be collected.
    pub(crate) fn hold_invoice(&mut self, invoice_id: &str, behavior: Option<&str>) -> bool {
        let now = self.now;
        let event = match behavior {
            Some("void") => {
                self.finalize_invoice(invoice_id);
                if let Some(invoice) = self.invoices.get_mut(invoice_id) {
                    invoice.status = "void";
                    invoice.voided_at = Some(now);
                }
                "invoice.voided"
            }
            Some("mark_uncollectible") => {
                self.finalize_invoice(invoice_id);
                if let Some(invoice) = self.invoices.get_mut(invoice_id) {
                    invoice.status = "uncollectible";
                    invoice.uncollectible_at = Some(now);
                }
                "invoice.marked_uncollectible"
            }
            Some(_) => return true,
            None => return false,
        };
        self.emit(event, invoice_id);
        true
    }

    /// One line an item for a whole period.
    pub(crate) fn period_lines(
        &mut self,
        subscription: &Subscription,
        period: (i64, i64),
        is_trial: bool,
    ) -> Vec<InvoiceLine> {
        let mut lines = Vec::new();
        for item in &subscription.items {
            let Some(price) = self.prices.get(&item.price).cloned() else {
                continue;
            };
            let name = self
                .products
                .get(&price.product)
                .map_or("Plan", |product| &product.name);
            let description = if is_trial {
                format!("Trial period for {name}")
            } else {
                format!("{} × {name}", item.quantity)
            };
            let unit_amount = if is_trial { 0 } else { price.unit_amount };
            lines.push(InvoiceLine {
                id: self.random.id("il_"),
                description,
                amount: unit_amount.saturating_mul(item.quantity),
                quantity: item.quantity,
                price: price.id,
                product: price.product,
                unit_amount,
                subscription_item: Some(item.id.clone()),
                proration: false,
                period,
            });
        }
        lines
    }
}
