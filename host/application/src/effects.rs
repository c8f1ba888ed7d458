//! What the events of one webhook change, put together in memory and committed as one.
//!
//! Each aggregate is loaded once and changed as often as the events say; what was changed is saved at the end, in an
//! order that is the same for every webhook, so that two that touch the same rows can't wait for each other.

use std::collections::BTreeMap;

use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, Customer, CustomerId, Dispute, NewCustomer, Payment, Purchase, Refund,
    Subscription, Timestamp,
};

use crate::account::ConnectedAccount;
use crate::ports::{ProviderSubscription, StoreError, UnitOfWork};
use crate::{Application, validate};

/// What the provider said when it was asked about subscriptions, by its ids of them; none where it knows no such.
pub(crate) type Answers = BTreeMap<String, Option<ProviderSubscription>>;

/// Aggregates of one kind, by the provider's id.
struct Loaded<T>(BTreeMap<String, (T, bool)>);

impl<T> Default for Loaded<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Loaded<T> {
    fn put(&mut self, key: &str, value: T, changed: bool) {
        self.0.insert(key.to_owned(), (value, changed));
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn get(&self, key: &str) -> Option<&T> {
        self.0.get(key).map(|(value, _)| value)
    }

    /// For changing; whether it was is what `change` answers.
    fn change(&mut self, key: &str, change: impl FnOnce(&mut T) -> bool) {
        if let Some((value, changed)) = self.0.get_mut(key) {
            *changed |= change(value);
        }
    }

    fn into_changed(self) -> impl Iterator<Item = T> {
        self.0
            .into_values()
            .filter(|(_, changed)| *changed)
            .map(|(value, _)| value)
    }
}

/// The effects of one webhook.
pub(crate) struct Effects<'a> {
    pub(crate) app: &'a Application,
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) now: Timestamp,
    pub(crate) answers: &'a Answers,
    customers: Loaded<Customer>,
    checkout_sessions: Loaded<CheckoutSession>,
    subscriptions: Loaded<Subscription>,
    purchases: Loaded<Purchase>,
    payments: Loaded<Payment>,
    refunds: Loaded<Refund>,
    disputes: Loaded<Dispute>,
}

macro_rules! loading {
    ($($field:ident: $kind:ty, $load:ident, $get:ident, $change:ident, $add:ident, $find:ident;)*) => {$(
        /// Loads it, if it is known and wasn't loaded yet.
        pub(crate) async fn $load(&mut self, reference: &str) -> Result<Option<&$kind>, StoreError> {
            if !self.$field.has(reference)
                && let Some(found) = self.app.store().$find(self.account.account.id, reference).await?
            {
                self.$field.put(reference, found, false);
            }
            Ok(self.$field.get(reference))
        }

        /// What was loaded or added.
        #[expect(dead_code, reason = "one of a family; each kind needs some of them")]
        pub(crate) fn $get(&self, reference: &str) -> Option<&$kind> {
            self.$field.get(reference)
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
        Self {
            app,
            account,
            now: app.now(),
            answers,
            customers: Loaded::default(),
            checkout_sessions: Loaded::default(),
            subscriptions: Loaded::default(),
            purchases: Loaded::default(),
            payments: Loaded::default(),
            refunds: Loaded::default(),
            disputes: Loaded::default(),
        }
    }

    loading! {
        customers: Customer, load_customer, customer, change_customer, add_customer, customer_by_provider_reference;
        subscriptions: Subscription, load_subscription, subscription, change_subscription, add_subscription, subscription_by_provider_reference;
        purchases: Purchase, load_purchase, purchase, change_purchase, add_purchase, purchase_by_provider_reference;
        payments: Payment, load_payment, payment, change_payment, add_payment, payment_by_provider_reference;
        refunds: Refund, load_refund, refund, change_refund, add_refund, refund_by_provider_reference;
        disputes: Dispute, load_dispute, dispute, change_dispute, add_dispute, dispute_by_provider_reference;
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
        let app = self.app;
        self.customers
            .into_changed()
            .for_each(|customer| app.save(work, customer));
        self.checkout_sessions
            .into_changed()
            .for_each(|session| app.save(work, session));
        self.subscriptions
            .into_changed()
            .for_each(|subscription| app.save(work, subscription));
        self.purchases
            .into_changed()
            .for_each(|purchase| app.save(work, purchase));
        self.payments.into_changed().for_each(|payment| app.save(work, payment));
        self.refunds.into_changed().for_each(|refund| app.save(work, refund));
        self.disputes.into_changed().for_each(|dispute| app.save(work, dispute));
    }
}
