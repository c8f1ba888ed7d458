//! What the events of one webhook, or the things on one page of an import, change, put together in memory and committed
//! as one.
//!
//! Each aggregate is loaded once and changed as often as the events say; what was changed is saved at the end, in an
//! order that is the same for every webhook, so that two that touch the same rows can't wait for each other.

use std::collections::BTreeMap;

use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, Dispute, NewCustomer, Payment, PaymentId, Purchase,
    Refund, Subscription, Timestamp,
};

use crate::account::ConnectedAccount;
use crate::bounds::PAYMENT_AWAITED_ATTEMPTS;
use crate::confirm::{Confirm, Touched, touched};
use crate::ports::{ProviderSubscription, StoreError, UnitOfWork};
use crate::{Application, validate};

/// What the provider said when it was asked about subscriptions, by its ids of them.
pub(crate) type Answers = BTreeMap<String, Answer>;

/// What the provider said about a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// How it is; none where the provider knows no such.
    pub(crate) subscription: Option<ProviderSubscription>,
    /// Which version was stored when it was asked for, 0 for none. It includes all that was known then, and says nothing
    /// about what became known since.
    pub(crate) to_version: u64,
    /// How often it was asked for this webhook.
    pub(crate) times: usize,
}

/// One aggregate.
struct Entry<T> {
    value: T,
    changed: bool,
    /// What it was when it was loaded, or last told of: for imports, which tell what they change.
    was: Option<T>,
    /// Whether it was told of.
    told: bool,
}

/// Aggregates of one kind, by the provider's id.
struct Loaded<T> {
    entries: BTreeMap<String, Entry<T>>,
    /// Whether it is remembered what they were.
    remembers: bool,
    /// Those that may have changed since they were last told of.
    untold: Vec<String>,
}

impl<T: Confirm> Loaded<T> {
    const fn new(remembers: bool) -> Self {
        Self {
            entries: BTreeMap::new(),
            remembers,
            untold: Vec::new(),
        }
    }

    fn put(&mut self, key: &str, value: T, changed: bool) {
        let was = (self.remembers && !changed).then(|| value.clone());
        if self.remembers && changed {
            self.untold.push(key.to_owned());
        }
        let told = false;
        self.entries.insert(
            key.to_owned(),
            Entry {
                value,
                changed,
                was,
                told,
            },
        );
    }

    fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn get(&self, key: &str) -> Option<&T> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// For changing; whether it was is what `change` answers.
    fn change(&mut self, key: &str, change: impl FnOnce(&mut T) -> bool) {
        if let Some(entry) = self.entries.get_mut(key) {
            let changed = change(&mut entry.value);
            entry.changed |= changed;
            if self.remembers && changed {
                self.untold.push(key.to_owned());
            }
        }
    }

    /// Tells what was created or changed since the last time. What only confirms what was stored isn't to be saved,
    /// unless it orders what comes later.
    fn tell(&mut self, told: &mut Vec<Touched>) {
        for key in std::mem::take(&mut self.untold) {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            match &entry.was {
                Some(was) if entry.value.confirms(was) => entry.changed = entry.told || entry.value.is_newer(was),
                was => {
                    told.push(touched(&key, &entry.value, was.as_ref()));
                    entry.was = Some(entry.value.clone());
                    entry.told = true;
                }
            }
        }
    }

    fn into_changed(self) -> impl Iterator<Item = T> {
        self.entries
            .into_values()
            .filter(|entry| entry.changed)
            .map(|entry| entry.value)
    }
}

/// Whose effects they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Something happened at the provider.
    Webhook,
    /// The same, and nothing is to be written: what it changes is told.
    DryRun,
    /// It was there already.
    Import {
        /// Whether that is published all the same.
        announce: bool,
    },
}

/// The effects of one webhook, or of one page of an import.
pub(crate) struct Effects<'a> {
    pub(crate) app: &'a Application,
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) now: Timestamp,
    cause: Cause,
    pub(crate) answers: &'a Answers,
    /// Whether what is applied just now was applied before, in other words: a replay. See [`Self::only_fills`].
    pub(crate) again: bool,
    customers: Loaded<Customer>,
    checkout_sessions: Loaded<CheckoutSession>,
    subscriptions: Loaded<Subscription>,
    purchases: Loaded<Purchase>,
    payments: Loaded<Payment>,
    refunds: Loaded<Refund>,
    disputes: Loaded<Dispute>,
    /// By how much more than is stored each payment has given back, in minor units.
    refunded: BTreeMap<PaymentId, i64>,
    awaits_payments: bool,
}

macro_rules! loading {
    ($($field:ident: $kind:ty, $load:ident, $change:ident, $add:ident, $find:ident;)*) => {$(
        /// Loads it, if it is known and wasn't loaded yet.
        pub(crate) async fn $load(&mut self, reference: &str) -> Result<Option<&$kind>, StoreError> {
            if !self.$field.has(reference)
                && let Some(found) = self.app.store().$find(self.account.account.id, reference).await?
            {
                self.$field.put(reference, found, false);
            }
            Ok(self.$field.get(reference))
        }

        /// Changes what was loaded or added; `change` answers whether it did.
        pub(crate) fn $change(&mut self, reference: &str, change: impl FnOnce(&mut $kind) -> bool) {
            self.$field.change(reference, change);
        }

        /// Adds a new one.
        pub(crate) fn $add(&mut self, reference: &str, new: $kind) {
            self.$field.put(reference, new, true);
        }
    )*};
}

impl<'a> Effects<'a> {
    pub(crate) fn new(app: &'a Application, account: &'a ConnectedAccount, answers: &'a Answers) -> Self {
        Self::caused(Cause::Webhook, app, account, answers)
    }

    /// Those a webhook would have: they are told, and saved to see what would be published.
    pub(crate) fn of_dry_run(app: &'a Application, account: &'a ConnectedAccount, answers: &'a Answers) -> Self {
        Self::caused(Cause::DryRun, app, account, answers)
    }

    /// Those of an import. Where it isn't to be announced, no domain events are published.
    pub(crate) fn of_import(
        app: &'a Application,
        account: &'a ConnectedAccount,
        answers: &'a Answers,
        announce: bool,
    ) -> Self {
        Self::caused(Cause::Import { announce }, app, account, answers)
    }

    fn caused(cause: Cause, app: &'a Application, account: &'a ConnectedAccount, answers: &'a Answers) -> Self {
        let remembers = cause != Cause::Webhook;
        Self {
            app,
            account,
            now: app.now(),
            cause,
            answers,
            again: false,
            customers: Loaded::new(remembers),
            checkout_sessions: Loaded::new(remembers),
            subscriptions: Loaded::new(remembers),
            purchases: Loaded::new(remembers),
            payments: Loaded::new(remembers),
            refunds: Loaded::new(remembers),
            disputes: Loaded::new(remembers),
            refunded: BTreeMap::new(),
            awaits_payments: false,
        }
    }

    /// The same, of a webhook that was tried so often: for a while, payments that aren't known yet are waited for.
    pub(crate) fn of_attempt(self, attempts: u32) -> Self {
        Self {
            awaits_payments: attempts < PAYMENT_AWAITED_ATTEMPTS,
            ..self
        }
    }

    /// Whether a payment that isn't known yet is waited for.
    pub(crate) const fn awaits_payments(&self) -> bool {
        self.awaits_payments
    }

    /// How much a payment has given back in all once it is `more` than before, in minor units.
    pub(crate) async fn refunded_total(&mut self, payment_id: PaymentId, more: i64) -> Result<i64, StoreError> {
        let tenant_id = self.account.account.tenant_id;
        let stored = self.app.store().refunded_total(tenant_id, payment_id).await?;
        let since = self.refunded.entry(payment_id).or_default();
        *since = since.saturating_add(more);
        Ok(stored.saturating_add(*since))
    }

    /// Whether they are those of an import.
    pub(crate) fn imports(&self) -> bool {
        matches!(self.cause, Cause::Import { .. })
    }

    /// Whether what is told is no news: it fills in what isn't known, and moves nothing that is. So of an import, and of an
    /// event that was taken in before, since which others may have come.
    pub(crate) fn only_fills(&self) -> bool {
        self.imports() || self.again
    }

    /// What an import or a dry run created or changed since the last time it was asked. What is only confirmed isn't
    /// saved.
    pub(crate) fn tell(&mut self) -> Vec<Touched> {
        let mut told = Vec::new();
        self.customers.tell(&mut told);
        self.checkout_sessions.tell(&mut told);
        self.subscriptions.tell(&mut told);
        self.purchases.tell(&mut told);
        self.payments.tell(&mut told);
        self.refunds.tell(&mut told);
        self.disputes.tell(&mut told);
        told
    }

    loading! {
        customers: Customer, load_customer, change_customer, add_customer, customer_by_provider_reference;
        subscriptions: Subscription, load_subscription, change_subscription, add_subscription, subscription_by_provider_reference;
        purchases: Purchase, load_purchase, change_purchase, add_purchase, purchase_by_provider_reference;
        payments: Payment, load_payment, change_payment, add_payment, payment_by_provider_reference;
        refunds: Refund, load_refund, change_refund, add_refund, refund_by_provider_reference;
        disputes: Dispute, load_dispute, change_dispute, add_dispute, dispute_by_provider_reference;
    }

    /// A payment of the same webhook that any of these ids names: its key and its id.
    pub(crate) fn payment_named(&self, references: &[String]) -> Option<(String, PaymentId)> {
        let names = |payment: &Payment| {
            let facts = &payment.facts;
            let mut own = facts.aliases.iter().chain([&facts.provider_reference]);
            own.any(|name| references.contains(name))
        };
        let mut loaded = self.payments.entries.iter();
        let (key, entry) = loaded.find(|(_, entry)| names(&entry.value))?;
        Some((key.clone(), entry.value.id))
    }

    /// Loads a checkout session by our id, which the provider carries along, or else by the provider's.
    /// Answers the key it is kept under.
    pub(crate) async fn load_checkout_session(
        &mut self,
        correlation_id: Option<&str>,
        reference: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        if let Some(id) = correlation_id.and_then(|id| id.parse::<CheckoutSessionId>().ok()) {
            let key = id.to_string();
            if !self.checkout_sessions.has(&key)
                && let Some(found) = self
                    .app
                    .store()
                    .checkout_session(self.account.account.tenant_id, id)
                    .await?
                && found.account_id == self.account.account.id
                // Our id may come from the customer, as Stripe's payment links let them: a session that is known to be
                // another of the provider's isn't this one.
                && found.provider_reference.as_deref().is_none_or(|known| reference.is_none_or(|given| given == known))
            {
                self.checkout_sessions.put(&key, found, false);
            }
            if self.checkout_sessions.has(&key) {
                return Ok(Some(key));
            }
        }
        let Some(reference) = reference else { return Ok(None) };
        let account_id = self.account.account.id;
        let found = self
            .app
            .store()
            .checkout_session_by_provider_reference(account_id, reference)
            .await?;
        Ok(found.map(|session| {
            let key = session.id.to_string();
            if !self.checkout_sessions.has(&key) {
                self.checkout_sessions.put(&key, session, false);
            }
            key
        }))
    }

    pub(crate) fn checkout_session(&self, key: &str) -> Option<&CheckoutSession> {
        self.checkout_sessions.get(key)
    }

    pub(crate) fn change_checkout_session(&mut self, key: &str, change: impl FnOnce(&mut CheckoutSession) -> bool) {
        self.checkout_sessions.change(key, change);
    }

    /// The customer the provider names; made known if it isn't.
    pub(crate) async fn ensure_customer(
        &mut self,
        reference: &str,
        email: Option<&str>,
    ) -> Result<CustomerId, StoreError> {
        let now = self.now;
        let email = email.filter(|email| validate::email("email", email).is_ok());
        if let Some(known) = self.load_customer(reference).await? {
            let id = known.id;
            self.change_customer(reference, |customer| customer.learn_email(email, now));
            return Ok(id);
        }
        let new = NewCustomer {
            id: CustomerId::from_bits(self.app.next_id()),
            tenant_id: self.account.account.tenant_id,
            account_id: self.account.account.id,
            provider_reference: reference.to_owned(),
            email: email.map(str::to_owned),
        };
        let id = new.id;
        self.add_customer(reference, Customer::create(new, now));
        Ok(id)
    }

    /// Adds all that was changed to a unit of work.
    pub(crate) fn save_into(self, work: &mut UnitOfWork) {
        let (app, cause) = (self.app, self.cause);
        save_all(app, cause, work, self.customers);
        save_all(app, cause, work, self.checkout_sessions);
        save_all(app, cause, work, self.subscriptions);
        save_all(app, cause, work, self.purchases);
        save_all(app, cause, work, self.payments);
        save_all(app, cause, work, self.refunds);
        save_all(app, cause, work, self.disputes);
    }
}

fn save_all<T: Confirm>(app: &Application, cause: Cause, work: &mut UnitOfWork, loaded: Loaded<T>) {
    for aggregate in loaded.into_changed() {
        match cause {
            Cause::Webhook | Cause::DryRun => app.save(work, aggregate),
            Cause::Import { announce: true } => app.save_imported(work, aggregate),
            // What was known here changes now, and nobody was told; only what is new to us is no news.
            Cause::Import { announce: false } if aggregate.is_news() => app.save_imported(work, aggregate),
            Cause::Import { announce: false } => work.push(aggregate.write()),
        }
    }
}
