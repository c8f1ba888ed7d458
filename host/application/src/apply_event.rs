//! What one normalized event changes.

use tillgate_domain::{
    Applied, CheckoutType, Dispute, DisputeFacts, DisputeId, FactSource, Mode, NewPurchase, NewSubscription, Payment,
    PaymentFacts, PaymentId, PaymentStatus, Purchase, PurchaseId, Refund, RefundFacts, RefundId, Subscription,
    SubscriptionChange, SubscriptionId, Timestamp,
};

use crate::effects::Effects;
use crate::ports::{
    CheckoutChange, CheckoutEvent, DisputeEvent, EventBody, Field, PaymentEvent, ProviderEvent, ProviderSubscription,
    RefundEvent, StoreError,
};

/// Why an event wasn't taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotApplied {
    /// The provider has to be asked about this subscription first.
    AskAbout(Question),
    /// It lacks something it needs.
    Incomplete(String),
    /// The store failed.
    Store(StoreError),
}

/// What the provider is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its id of the subscription.
    pub(crate) subscription_reference: String,
    /// Which version is stored, 0 for none.
    pub(crate) stored_version: u64,
}

impl From<StoreError> for NotApplied {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Takes one event in. Answers whether it is about this account; otherwise it has no effect.
pub(crate) async fn apply_event(effects: &mut Effects<'_>, event: &ProviderEvent) -> Result<bool, NotApplied> {
    if !concerns(effects, event) {
        return Ok(false);
    }
    match &event.body {
        EventBody::Checkout(checkout) => apply_checkout(effects, checkout).await?,
        EventBody::Subscription { change, subscription } => {
            apply_subscription(effects, *change, subscription, event.occurred_at).await?;
        }
        EventBody::Payment(payment) => apply_payment(effects, payment, event.occurred_at).await?,
        EventBody::Refund(refund) => apply_refund(effects, refund, event.occurred_at).await?,
        EventBody::Dispute(dispute) => apply_dispute(effects, dispute, event.occurred_at).await?,
        EventBody::Other => {}
    }
    Ok(true)
}

/// Whether the event is about this account: of its mode, and of the account at the provider it acts for.
fn concerns(effects: &Effects<'_>, event: &ProviderEvent) -> bool {
    let account = effects.account;
    let same_mode = event.live.is_none_or(|live| live == (account.mode == Mode::Live));
    let same_account = event
        .account_reference
        .as_ref()
        .is_none_or(|reference| account.account.settings.iter().any(|(_, value)| value == reference));
    if !(same_mode && same_account) {
        tracing::warn!(
            account.id = %account.account.id,
            event.r#type = %event.provider_type,
            same_mode,
            same_account,
            "event of another mode or account: kept without effect"
        );
    }
    same_mode && same_account
}

/// The first of these keys that the metadata has. The second of a pair is what tenants' own integrations wrote.
fn named<'m>(metadata: &'m [Field], keys: [&str; 2]) -> Option<&'m str> {
    keys.iter()
        .find_map(|key| metadata.iter().find(|(name, _)| name == key))
        .map(|(_, value)| value.as_str())
        .filter(|value| tillgate_domain::valid_external_id(value))
}

/// Associates a customer with the organization and user of its checkout, or else of the provider's metadata. An import
/// does where nothing is known: what is known came from a checkout or from the tenant, and a list says nothing newer.
///
/// The same of a subscription that was only asked about, which may be years old, and of an event that is taken in again.
pub(crate) fn associate(
    effects: &mut Effects<'_>,
    customer: &str,
    session: Option<&str>,
    metadata: &[Field],
    is_news: bool,
) {
    let mut organization = named(metadata, ["organization_id", "organizationId"]);
    let mut user = named(metadata, ["user_id", "userId"]);
    let session = session.and_then(|key| effects.checkout_session(key)).cloned();
    if let Some(session) = &session {
        organization = session.organization_id.as_deref().or(organization);
        user = session.user_id.as_deref().or(user);
    }
    let (now, overwrites) = (effects.now, is_news && !effects.only_fills());
    effects.change_customer(customer, |customer| {
        let organization = organization.filter(|_| overwrites || customer.organization_id.is_none());
        let user = user.filter(|_| overwrites || customer.user_id.is_none());
        customer.associate(organization, user, now)
    });
}

pub(crate) async fn apply_checkout(effects: &mut Effects<'_>, event: &CheckoutEvent) -> Result<(), StoreError> {
    let now = effects.now;
    let session = effects
        .load_checkout_session(event.correlation_id.as_deref(), Some(&event.reference))
        .await?;
    if let Some(key) = &session {
        effects.change_checkout_session(key, |session| {
            let before = session.clone();
            session
                .provider_reference
                .get_or_insert_with(|| event.reference.clone());
            match event.change {
                CheckoutChange::Completed => session.complete(event.payment_status, now),
                CheckoutChange::PaymentSucceeded => session.settle(now),
                CheckoutChange::PaymentFailed => session.fail(now),
                CheckoutChange::Expired => session.expire(now),
            }
            *session != before
        });
    }
    let customer_id = match &event.customer_reference {
        None => None,
        Some(reference) => {
            let id = effects
                .ensure_customer(reference, event.customer_email.as_deref())
                .await?;
            // Days may lie between a checkout and its delayed payment: what the tenant said meanwhile stays.
            let is_news = event.change == CheckoutChange::Completed;
            associate(effects, reference, session.as_deref(), &event.metadata, is_news);
            Some(id)
        }
    };
    if event.is_subscription || event.change == CheckoutChange::Expired {
        // A subscription's purchase comes with the subscription itself.
        return Ok(());
    }
    if effects.load_purchase(&event.reference).await?.is_none() {
        let known = session
            .as_deref()
            .and_then(|key| effects.checkout_session(key))
            .cloned();
        let purchase = Purchase::create_one_time(
            NewPurchase {
                id: PurchaseId::from_bits(effects.app.next_id()),
                tenant_id: effects.account.account.tenant_id,
                account_id: effects.account.account.id,
                customer_id,
                product_id: known.as_ref().map(|session| session.product_id.clone()),
                checkout_session_id: known.as_ref().map(|session| session.id),
                provider_reference: event.reference.clone(),
                provider_transaction_id: event.payment_reference.clone(),
                amount: event.total,
            },
            now,
        );
        effects.add_purchase(&event.reference, purchase);
    }
    effects.change_purchase(&event.reference, |purchase| {
        let before = purchase.clone();
        purchase.provider_transaction_id = purchase
            .provider_transaction_id
            .take()
            .or(event.payment_reference.clone());
        purchase.customer_id = purchase.customer_id.or(customer_id);
        // A purchase of a subscription can't have this reference; were it so, it stays as it is.
        let paid = event.payment_status != PaymentStatus::Unpaid;
        let _moved = match event.change {
            CheckoutChange::PaymentSucceeded => purchase.complete(now),
            CheckoutChange::Completed if paid => purchase.complete(now),
            CheckoutChange::PaymentFailed => purchase.fail(now),
            CheckoutChange::Completed | CheckoutChange::Expired => Ok(()),
        };
        *purchase != before
    });
    Ok(())
}

pub(crate) async fn apply_subscription(
    effects: &mut Effects<'_>,
    change: SubscriptionChange,
    told: &ProviderSubscription,
    occurred_at: Option<Timestamp>,
) -> Result<(), NotApplied> {
    let asked = effects.answers.get(&told.reference);
    let (answer, source) = match asked.and_then(|answer| answer.subscription.as_ref()) {
        Some(answer) => (answer, FactSource::Answer),
        None => (told, FactSource::Event(change)),
    };
    let mut stamp = answer.stamp(source);
    if source != FactSource::Answer {
        stamp.as_of = stamp.as_of.or(occurred_at);
    }
    let reference = &answer.reference;
    let Some(customer_reference) = &answer.customer_reference else {
        return Err(NotApplied::Incomplete(format!(
            "subscription {reference} names no customer"
        )));
    };
    let session = effects
        .load_checkout_session(answer.correlation_id.as_deref(), None)
        .await?;
    let customer_id = effects.ensure_customer(customer_reference, None).await?;
    // Without an order of its own, an event that was taken in before may be older than what came since.
    let unordered = source != FactSource::Answer && stamp.as_of.is_none() && stamp.object_version.is_none();
    let ask_first = effects.again && unordered;
    if let Some(known) = effects.load_subscription(reference).await? {
        let question = Question {
            subscription_reference: reference.clone(),
            stored_version: known.version,
        };
        if source == FactSource::Answer && asked.is_some_and(|answer| answer.to_version != known.version) {
            return Err(NotApplied::AskAbout(question));
        }
        if ask_first && asked.is_some() {
            // The provider knows none such.
            return Ok(());
        }
        if ask_first {
            return Err(NotApplied::AskAbout(question));
        }
        let price = known.terms().price_reference.clone();
        let snapshot = answer.snapshot_for(price.as_deref());
        let mut applied = Applied::Unchanged;
        let now = effects.now;
        effects.change_subscription(reference, |subscription| {
            let before = subscription.stamp();
            applied = subscription.apply(&snapshot, stamp, now);
            // Newer and saying the same is kept too: what is older than this must not count later.
            applied == Applied::Changed || subscription.stamp() != before
        });
        if applied == Applied::Tie {
            return Err(NotApplied::AskAbout(question));
        }
        if applied == Applied::Changed {
            follow_plan(effects, reference, price.as_deref()).await?;
        }
        return Ok(());
    }
    // Once, when it is new: a late word about an old subscription doesn't move its customer.
    let is_news = change == SubscriptionChange::Created || source != FactSource::Answer;
    associate(
        effects,
        customer_reference,
        session.as_deref(),
        &answer.metadata,
        is_news,
    );
    create_subscription(effects, answer, stamp, customer_id, session.as_deref()).await?;
    Ok(())
}

/// A subscription whose price isn't what it `was` is for the product that has the new one, if any has.
async fn follow_plan(effects: &mut Effects<'_>, reference: &str, was: Option<&str>) -> Result<(), StoreError> {
    let app = effects.app;
    let Some(subscription) = effects.load_subscription(reference).await? else {
        return Ok(());
    };
    if let Some(product_id) = app.new_product_of(subscription, was).await? {
        effects.change_subscription(reference, |subscription| {
            let other = subscription.product_id != product_id;
            subscription.product_id = product_id;
            other
        });
    }
    Ok(())
}

async fn create_subscription(
    effects: &mut Effects<'_>,
    answer: &ProviderSubscription,
    stamp: tillgate_domain::FactStamp,
    customer_id: tillgate_domain::CustomerId,
    session: Option<&str>,
) -> Result<(), StoreError> {
    let account = &effects.account.account;
    let (tenant_id, account_id, now) = (account.tenant_id, account.id, effects.now);
    let session = session
        .and_then(|key| effects.checkout_session(key))
        .filter(|session| session.checkout_type == CheckoutType::Subscription)
        .cloned();
    let sold = effects
        .product_sold(answer, session.as_ref().map(|session| session.product_id.as_str()))
        .await?;
    let snapshot = answer.snapshot_for(sold.price.as_deref());
    let id = SubscriptionId::from_bits(effects.app.next_id());
    let new = NewSubscription {
        id,
        tenant_id,
        account_id,
        customer_id,
        product_id: sold.product_id,
        provider_reference: answer.reference.clone(),
        trial_period_days: None,
    };
    effects.add_subscription(
        &answer.reference,
        Subscription::from_snapshot(new, snapshot, stamp, now),
    );
    if effects.load_purchase(&answer.reference).await?.is_none() {
        let purchase = NewPurchase {
            id: PurchaseId::from_bits(effects.app.next_id()),
            tenant_id,
            account_id,
            customer_id: Some(customer_id),
            product_id: sold.first_product_id,
            checkout_session_id: session.map(|session| session.id),
            provider_reference: answer.reference.clone(),
            provider_transaction_id: None,
            amount: None,
        };
        effects.add_purchase(&answer.reference, Purchase::create_subscription(purchase, id, now));
    }
    Ok(())
}

/// Which of the tenant's products was sold, and which one the subscription is for now, with its price there.
struct Sold {
    first_product_id: Option<String>,
    product_id: Option<String>,
    price: Option<String>,
}

impl Effects<'_> {
    /// By the checkout it came from, or else by the first price that is one of the tenant's products'. What is heard first
    /// of a subscription can come from after a change of its plan: then it is for another product than was checked out.
    async fn product_sold(&self, answer: &ProviderSubscription, checked_out: Option<&str>) -> Result<Sold, StoreError> {
        let (store, account) = (self.app.store(), &self.account.account);
        let checked_out_price = match checked_out {
            Some(product_id) => store.product(account.tenant_id, product_id).await?,
            None => None,
        }
        .and_then(|product| product.prices.get(&account.id).cloned());
        let first_product_id = checked_out.map(str::to_owned);
        let has = |price: &String| answer.items.iter().any(|item| item.price_reference == *price);
        if !checked_out_price.as_ref().is_some_and(has) {
            for item in &answer.items {
                if let Some(product) = store.product_by_price(account.id, &item.price_reference).await? {
                    return Ok(Sold {
                        first_product_id: first_product_id.or_else(|| Some(product.id.clone())),
                        product_id: Some(product.id),
                        price: Some(item.price_reference.clone()),
                    });
                }
            }
        }
        Ok(Sold {
            product_id: first_product_id.clone(),
            first_product_id,
            price: checked_out_price,
        })
    }
}

/// The subscription a payment is for. One that isn't known yet, since its own event is still on its way, is asked for and
/// made known; one that the provider doesn't know either is none. An import asks for none: it has listed subscriptions
/// before, where it was to take them over.
async fn paid_subscription(effects: &mut Effects<'_>, reference: &str) -> Result<Option<SubscriptionId>, NotApplied> {
    if let Some(known) = effects.load_subscription(reference).await? {
        return Ok(Some(known.id));
    }
    if effects.imports() {
        return Ok(None);
    }
    let answers = effects.answers;
    match answers.get(reference).map(|answer| &answer.subscription) {
        None => Err(NotApplied::AskAbout(Question {
            subscription_reference: reference.to_owned(),
            stored_version: 0,
        })),
        Some(None) => Ok(None),
        Some(Some(answer)) => {
            if answer.customer_reference.is_none() {
                return Ok(None);
            }
            apply_subscription(effects, SubscriptionChange::Updated, answer, None).await?;
            let made = effects.load_subscription(reference).await?;
            Ok(made.map(|subscription| subscription.id))
        }
    }
}

pub(crate) async fn apply_payment(
    effects: &mut Effects<'_>,
    event: &PaymentEvent,
    occurred_at: Option<Timestamp>,
) -> Result<(), NotApplied> {
    let customer_id = match &event.customer_reference {
        Some(reference) => Some(effects.ensure_customer(reference, None).await?),
        None => None,
    };
    let subscription_id = match &event.subscription_reference {
        Some(reference) => paid_subscription(effects, reference).await?,
        None => None,
    };
    let facts = PaymentFacts {
        provider_reference: event.reference.clone(),
        state: event.state,
        amount: event.amount,
        customer_id,
        subscription_id,
        aliases: event.aliases.clone(),
        failure_reason: event.failure_reason.clone(),
        attempt: event.attempt,
        next_attempt_at: event.next_attempt_at,
        invoice_url: event.invoice_url.clone(),
        receipt_url: event.receipt_url.clone(),
        as_of: occurred_at,
    };
    let (now, again) = (effects.now, effects.again);
    if let Some(known) = effects.load_payment(&event.reference).await? {
        let earlier = matches!((facts.attempt, known.facts.attempt), (Some(new), Some(old)) if new < old);
        if again && (earlier || occurred_at.is_none()) {
            return Ok(());
        }
        effects.change_payment(&event.reference, |payment| payment.apply(facts, now));
    } else {
        let account = &effects.account.account;
        let id = PaymentId::from_bits(effects.app.next_id());
        let payment = Payment::create(id, account.tenant_id, account.id, facts, now);
        effects.add_payment(&event.reference, payment);
    }
    Ok(())
}

/// The payment that any of these ids names: its key and its id.
async fn named_payment(
    effects: &mut Effects<'_>,
    references: &[String],
) -> Result<Option<(String, PaymentId)>, StoreError> {
    if let Some(found) = effects.payment_named(references) {
        return Ok(Some(found));
    }
    for reference in references {
        if let Some(payment) = effects.load_payment(reference).await? {
            return Ok(Some((reference.clone(), payment.id)));
        }
    }
    let account_id = effects.account.account.id;
    let Some(found) = effects
        .app
        .store()
        .payment_by_any_reference(account_id, references)
        .await?
    else {
        return Ok(None);
    };
    let key = found.facts.provider_reference.clone();
    // Loaded by its own id, so that another event of the same webhook finds the same one.
    Ok(effects
        .load_payment(&key)
        .await?
        .map(|payment| (key.clone(), payment.id)))
}

/// The payment that is given back or disputed. While it isn't known, its own event may be on its way: that is waited for.
async fn awaited_payment(
    effects: &mut Effects<'_>,
    references: &[String],
) -> Result<Option<(String, PaymentId)>, NotApplied> {
    let found = named_payment(effects, references).await?;
    if found.is_none() && effects.awaits_payments() {
        let names = references.join(" or ");
        return Err(NotApplied::Incomplete(format!("the payment {names} isn't known yet")));
    }
    Ok(found)
}

async fn apply_refund(
    effects: &mut Effects<'_>,
    event: &RefundEvent,
    occurred_at: Option<Timestamp>,
) -> Result<(), NotApplied> {
    let now = effects.now;
    let payment = awaited_payment(effects, &event.payment_references).await?;
    let Some(reference) = &event.reference else {
        if let Some((key, _)) = payment {
            let total = event.amount.amount;
            effects.change_payment(&key, |payment| payment.refund_total(total, now));
        }
        return Ok(());
    };
    let facts = RefundFacts {
        provider_reference: reference.clone(),
        state: event.state,
        amount: event.amount,
        payment_references: event.payment_references.clone(),
        reason: event.reason.clone(),
        failure_reason: event.failure_reason.clone(),
        as_of: occurred_at,
    };
    let payment_id = payment.as_ref().map(|(_, id)| *id);
    let undated_again = effects.again && occurred_at.is_none();
    let before = match effects.load_refund(reference).await? {
        Some(_) if undated_again => return Ok(()),
        Some(known) => {
            let given = given_back(known);
            effects.change_refund(reference, |refund| {
                let learned = payment_id.is_some_and(|id| refund.learn_payment(id, now));
                refund.apply(facts, now) || learned
            });
            given
        }
        None => {
            let account = &effects.account.account;
            let id = RefundId::from_bits(effects.app.next_id());
            effects.add_refund(
                reference,
                Refund::create(id, account.tenant_id, account.id, payment_id, facts, now),
            );
            0
        }
    };
    let after = effects.load_refund(reference).await?.map_or(0, given_back);
    if let Some((key, id)) = payment {
        let total = effects.refunded_total(id, after - before).await?;
        effects.change_payment(&key, |payment| payment.refund_total(total, now));
    }
    Ok(())
}

/// What a refund adds to what its payment has given back, in minor units.
fn given_back(refund: &Refund) -> i64 {
    if refund.payment_id.is_some() && refund.facts.state.gives_back() {
        refund.facts.amount.amount
    } else {
        0
    }
}

async fn apply_dispute(
    effects: &mut Effects<'_>,
    event: &DisputeEvent,
    occurred_at: Option<Timestamp>,
) -> Result<(), NotApplied> {
    let now = effects.now;
    let payment_id = awaited_payment(effects, &event.payment_references)
        .await?
        .map(|(_, id)| id);
    let facts = DisputeFacts {
        provider_reference: event.reference.clone(),
        amount: event.amount,
        payment_references: event.payment_references.clone(),
        reason: event.reason.clone(),
        provider_status: event.provider_status.clone(),
        evidence_due_at: event.evidence_due_at,
        as_of: occurred_at,
    };
    if effects.load_dispute(&event.reference).await?.is_some() {
        if effects.again && occurred_at.is_none() {
            return Ok(());
        }
        effects.change_dispute(&event.reference, |dispute| {
            let learned = payment_id.is_some_and(|id| dispute.learn_payment(id, now));
            dispute.apply(facts, now) || learned
        });
    } else {
        let account = &effects.account.account;
        let id = DisputeId::from_bits(effects.app.next_id());
        effects.add_dispute(
            &event.reference,
            Dispute::create(id, account.tenant_id, account.id, payment_id, facts, now),
        );
    }
    Ok(())
}
