//! The life of a subscription: start, renew, change, end.

use super::due::Due;
use super::invoices::NewInvoice;
use super::payments::Outcome;
use crate::stripe::clock::{DAY, next_boundary};
use crate::stripe::model::catalog::Recurring;
use crate::stripe::model::invoice::InvoiceLine;
use crate::stripe::model::payment::Method;
use crate::stripe::model::subscription::{Subscription, SubscriptionItem, SubscriptionStatus};
use crate::stripe::params::Metadata;
use crate::stripe::state::State;

/// How long before its end a trial is announced
/// (<https://docs.stripe.com/billing/subscriptions/trials>).
const TRIAL_NOTICE: i64 = 3 * DAY;
/// How long an unpaid first invoice is waited for
/// (<https://docs.stripe.com/billing/subscriptions/overview>).
const INCOMPLETE_SECONDS: i64 = 23 * 3_600;

/// How the first invoice is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstPayment {
    Attempt(Method, Outcome),
    /// Left open, as with `payment_behavior=default_incomplete`.
    Later,
}

/// What a new subscription consists of.
#[derive(Debug)]
pub(crate) struct NewSubscription {
    pub(crate) customer: String,
    /// Price, quantity and metadata of each item; never empty.
    pub(crate) items: Vec<(String, i64, Metadata)>,
    pub(crate) trial_end: Option<i64>,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) default_payment_method: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) first_payment: FirstPayment,
    /// Bought along with it; billed on the first invoice.
    pub(crate) one_time: Vec<InvoiceLine>,
}

impl State {
    /// Changes a subscription and reports it, if it did change.
    pub(crate) fn change_subscription(&mut self, id: &str, change: impl FnOnce(&mut Subscription)) {
        let before = self.before(id);
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            change(subscription);
        }
        self.emit_changed("customer.subscription.updated", id, &before);
    }

    fn cycle_of(&self, price: &str) -> Recurring {
        const MONTHLY: Recurring = Recurring {
            interval: crate::stripe::clock::Interval::Month,
            count: 1,
        };
        self.prices
            .get(price)
            .and_then(|price| price.recurring)
            .unwrap_or(MONTHLY)
    }

    fn period_after(&self, subscription: &Subscription, after: i64) -> i64 {
        let first = subscription.items.first().map_or("", |item| &item.price);
        let cycle = self.cycle_of(first);
        next_boundary(subscription.anchor, cycle.interval, cycle.count, after)
    }

    pub(crate) fn start_subscription(&mut self, mut new: NewSubscription) -> String {
        let first_payment = new.first_payment;
        let one_time = std::mem::take(&mut new.one_time);
        let mut subscription = self.assemble(new);
        let id = subscription.id.clone();
        let is_trial = subscription.trial.is_some();
        if !is_trial {
            subscription.period.1 = self.period_after(&subscription, self.now);
        }
        if subscription.cancel_at_period_end {
            subscription.cancel_at = Some(subscription.period.1);
            subscription.canceled_at = Some(self.now);
        }
        if let Some(at) = subscription.cancel_at {
            self.timers.set(at, Due::CancelAt(id.clone()));
        }
        self.timers.set(subscription.period.1, Due::EndPeriod(id.clone()));
        if let Some((_, end)) = subscription.trial {
            self.timers
                .set((end - TRIAL_NOTICE).max(self.now), Due::AnnounceTrialEnd(id.clone()));
        }
        let mut lines = self.period_lines(&subscription, subscription.period, is_trial);
        lines.extend(one_time);
        self.subscriptions.insert(&id, subscription.clone());
        let invoice = self.draft_invoice(NewInvoice {
            customer: subscription.customer.clone(),
            subscription: Some(id.clone()),
            reason: "subscription_create",
            currency: subscription.currency.clone(),
            period: (self.now, self.now),
            lines,
        });
        if let Some(found) = self.subscriptions.get_mut(&id) {
            found.latest_invoice = Some(invoice.clone());
        }
        self.emit("customer.subscription.created", &id);
        self.emit("invoice.created", &invoice);
        self.finalize_invoice(&invoice);
        self.pay_first(&id, &invoice, first_payment);
        id
    }

    fn pay_first(&mut self, id: &str, invoice: &str, first_payment: FirstPayment) {
        let is_free = self
            .invoices
            .get(invoice)
            .is_some_and(|invoice| invoice.payment_intent.is_none());
        let (method, outcome) = match first_payment {
            _ if is_free => (Method::Card, Outcome::Succeeded),
            FirstPayment::Attempt(method, outcome) => (method, outcome),
            FirstPayment::Later => {
                let at = self.now + INCOMPLETE_SECONDS;
                self.timers.set(at, Due::ExpireIncomplete(id.to_owned()));
                return;
            }
        };
        match self.collect_invoice(invoice, method, outcome) {
            Outcome::Succeeded => {}
            // A debit under way counts as paid until it is returned.
            Outcome::Processing => self.change_subscription(id, |subscription| {
                subscription.status = SubscriptionStatus::Active;
            }),
            Outcome::Declined => {
                let at = self.now + INCOMPLETE_SECONDS;
                self.timers.set(at, Due::ExpireIncomplete(id.to_owned()));
            }
        }
    }

    fn assemble(&mut self, new: NewSubscription) -> Subscription {
        let now = self.now;
        let id = self.random.id("sub_");
        let currency = new
            .items
            .first()
            .and_then(|(price, ..)| self.prices.get(price))
            .map_or_else(|| "usd".to_owned(), |price| price.currency.clone());
        let items = new
            .items
            .into_iter()
            .map(|(price, quantity, metadata)| SubscriptionItem {
                id: self.random.id("si_"),
                created: now,
                price,
                quantity,
                metadata,
            })
            .collect();
        if let Some(customer) = self.customers.get_mut(&new.customer) {
            customer.currency.get_or_insert_with(|| currency.clone());
        }
        let trial_end = new.trial_end;
        Subscription {
            id,
            created: now,
            customer: new.customer,
            currency,
            status: if trial_end.is_some() {
                SubscriptionStatus::Trialing
            } else {
                SubscriptionStatus::Incomplete
            },
            items,
            anchor: trial_end.unwrap_or(now),
            period: (now, trial_end.unwrap_or(now)),
            trial: trial_end.map(|end| (now, end)),
            cancel_at_period_end: new.cancel_at_period_end,
            cancel_at: new.cancel_at,
            canceled_at: None,
            ended_at: None,
            cancellation_reason: None,
            cancellation_feedback: None,
            cancellation_comment: None,
            pause_collection: None,
            paused_at: None,
            latest_invoice: None,
            default_payment_method: new.default_payment_method,
            description: new.description,
            pending_lines: Vec::new(),
            metadata: new.metadata,
        }
    }

    /// A period is over: the subscription ends, or the next one is billed.
    pub(crate) fn end_period(&mut self, id: &str, at: i64) {
        let Some(subscription) = self.subscriptions.get(id).cloned() else {
            return;
        };
        let stands_still = subscription.status.is_over()
            || matches!(
                subscription.status,
                SubscriptionStatus::Incomplete | SubscriptionStatus::Paused
            );
        if subscription.period.1 != at || stands_still {
            return;
        }
        if subscription.cancel_at.is_some_and(|cancel_at| cancel_at <= at) {
            self.cancel_subscription(id, "cancellation_requested");
            return;
        }
        self.renew(&subscription, at);
    }

    fn renew(&mut self, old: &Subscription, at: i64) {
        let id = old.id.as_str();
        let next = (at, self.period_after(old, at));
        self.timers.set(next.1, Due::EndPeriod(id.to_owned()));
        let mut lines = old.pending_lines.clone();
        lines.extend(self.period_lines(old, next, false));
        let invoice = self.draft_invoice(NewInvoice {
            customer: old.customer.clone(),
            subscription: Some(id.to_owned()),
            reason: "subscription_cycle",
            currency: old.currency.clone(),
            period: old.period,
            lines,
        });
        let latest = invoice.clone();
        self.change_subscription(id, |subscription| {
            subscription.period = next;
            subscription.latest_invoice = Some(latest);
            subscription.pending_lines.clear();
            if subscription.status == SubscriptionStatus::Trialing {
                subscription.status = SubscriptionStatus::Active;
            }
        });
        self.emit("invoice.created", &invoice);
        let pause = old.pause_collection.as_ref().map(|pause| pause.behavior.as_str());
        let held = old.status == SubscriptionStatus::Unpaid || self.hold_invoice(&invoice, pause);
        if held {
            return;
        }
        self.finalize_invoice(&invoice);
        let due = self.invoices.get(&invoice).map_or(0, |invoice| invoice.amount_due);
        let outcome = if due > 0 {
            self.next_card_outcome(&old.customer)
        } else {
            Outcome::Succeeded
        };
        self.collect_invoice(&invoice, Method::Card, outcome);
    }

    /// Ends a subscription at this instant.
    pub(crate) fn cancel_subscription(&mut self, id: &str, reason: &'static str) {
        let now = self.now;
        let Some(subscription) = self.subscriptions.get_mut(id) else {
            return;
        };
        subscription.status = SubscriptionStatus::Canceled;
        subscription.ended_at = Some(now);
        subscription.canceled_at.get_or_insert(now);
        subscription.cancellation_reason.get_or_insert(reason);
        let latest = subscription.latest_invoice.clone();
        // An invoice still open stays open, but is not tried again.
        if let Some(invoice) = latest.and_then(|id| self.invoices.get_mut(&id)) {
            invoice.next_payment_attempt = None;
        }
        self.emit("customer.subscription.deleted", id);
    }

    /// Plans or takes back the end at the end of the period.
    pub(crate) fn set_cancel_at_period_end(&mut self, id: &str, wanted: bool) {
        let now = self.now;
        let Some(end) = self.subscriptions.get(id).map(|found| found.period.1) else {
            return;
        };
        if wanted {
            self.timers.set(end, Due::CancelAt(id.to_owned()));
        }
        self.change_subscription(id, |subscription| {
            subscription.cancel_at_period_end = wanted;
            subscription.cancel_at = wanted.then_some(end);
            subscription.canceled_at = wanted.then_some(now);
            subscription.cancellation_reason = wanted.then_some("cancellation_requested");
        });
    }

    pub(crate) fn expire_incomplete(&mut self, id: &str) {
        let now = self.now;
        let waits = self
            .subscriptions
            .get(id)
            .filter(|found| found.status == SubscriptionStatus::Incomplete)
            .map(|found| found.latest_invoice.clone().unwrap_or_default());
        let Some(invoice_id) = waits else {
            return;
        };
        if let Some(invoice) = self.invoices.get_mut(&invoice_id) {
            invoice.status = "void";
            invoice.voided_at = Some(now);
        }
        self.emit("invoice.voided", &invoice_id);
        self.change_subscription(id, |subscription| {
            subscription.status = SubscriptionStatus::IncompleteExpired;
            subscription.ended_at = Some(now);
        });
    }

    /// The credit for what an item cost and the price of what it costs now,
    /// both for the rest of the period.
    pub(crate) fn proration(
        &mut self,
        subscription: &Subscription,
        item: &SubscriptionItem,
        sign: i64,
    ) -> Option<InvoiceLine> {
        if subscription.status == SubscriptionStatus::Trialing {
            return None;
        }
        let price = self.prices.get(&item.price)?.clone();
        let (start, end) = subscription.period;
        let left = i128::from((end - self.now).max(0));
        let full = i128::from(price.unit_amount.saturating_mul(item.quantity));
        let amount = (full * left + i128::from(end - start) / 2) / i128::from((end - start).max(1));
        let name = self
            .products
            .get(&price.product)
            .map_or("Plan", |product| &product.name);
        let description = if sign < 0 {
            format!("Unused time on {} × {name}", item.quantity)
        } else {
            format!("Remaining time on {} × {name}", item.quantity)
        };
        Some(InvoiceLine {
            id: self.random.id("il_"),
            description,
            amount: sign * i64::try_from(amount).unwrap_or(i64::MAX),
            quantity: item.quantity,
            price: price.id,
            product: price.product,
            unit_amount: price.unit_amount,
            subscription_item: Some(item.id.clone()),
            proration: true,
            period: (self.now, end),
        })
    }

    /// Bills the pending prorations at once (`proration_behavior=always_invoice`).
    pub(crate) fn invoice_prorations(&mut self, id: &str) {
        let Some(subscription) = self.subscriptions.get_mut(id) else {
            return;
        };
        let lines = std::mem::take(&mut subscription.pending_lines);
        if lines.is_empty() {
            return;
        }
        let subscription = subscription.clone();
        let invoice = self.draft_invoice(NewInvoice {
            customer: subscription.customer.clone(),
            subscription: Some(id.to_owned()),
            reason: "subscription_update",
            currency: subscription.currency,
            period: (self.now, self.now),
            lines,
        });
        let latest = invoice.clone();
        self.change_subscription(id, |found| found.latest_invoice = Some(latest));
        self.emit("invoice.created", &invoice);
        self.finalize_invoice(&invoice);
        let due = self.invoices.get(&invoice).map_or(0, |invoice| invoice.amount_due);
        let outcome = if due > 0 {
            self.next_card_outcome(&subscription.customer)
        } else {
            Outcome::Succeeded
        };
        self.collect_invoice(&invoice, Method::Card, outcome);
    }
}
