//! Rows of customers, checkout sessions, subscriptions and purchases.

use tillgate_domain::{
    CheckoutSession, CheckoutStatus, CheckoutType, Customer, FactSource, FactStamp, Money, NewCheckoutSession,
    NewPurchase, NewSubscription, PaymentStatus, Period, Purchase, PurchaseStatus, PurchaseType, Subscription,
    SubscriptionChange, SubscriptionStatus, Terms,
};

use super::super::Row;
use super::columns::{
    Stored, Unreadable, from_json, get, parsed, parsed_optional, time, time_optional, unsigned, unsigned_optional, word,
};
use super::tables::{self, Table};

impl Stored for Customer {
    fn table() -> &'static Table {
        &tables::CUSTOMERS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Customer {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            provider_reference: get(row, "provider_reference")?,
            email: get(row, "email")?,
            organization_id: get(row, "organization_id")?,
            user_id: get(row, "user_id")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
            events: Vec::new(),
        })
    }
}

const CHECKOUT_TYPES: [(&str, CheckoutType); 2] = [
    (CheckoutType::Subscription.as_str(), CheckoutType::Subscription),
    (CheckoutType::OneTime.as_str(), CheckoutType::OneTime),
];

const CHECKOUT_STATUSES: [(&str, CheckoutStatus); 5] = [
    (CheckoutStatus::Pending.as_str(), CheckoutStatus::Pending),
    (CheckoutStatus::Open.as_str(), CheckoutStatus::Open),
    (CheckoutStatus::Complete.as_str(), CheckoutStatus::Complete),
    (CheckoutStatus::Expired.as_str(), CheckoutStatus::Expired),
    (CheckoutStatus::Failed.as_str(), CheckoutStatus::Failed),
];

const PAYMENT_STATUSES: [(&str, PaymentStatus); 3] = [
    (PaymentStatus::Unpaid.as_str(), PaymentStatus::Unpaid),
    (PaymentStatus::Paid.as_str(), PaymentStatus::Paid),
    (
        PaymentStatus::NoPaymentRequired.as_str(),
        PaymentStatus::NoPaymentRequired,
    ),
];

impl Stored for CheckoutSession {
    fn table() -> &'static Table {
        &tables::CHECKOUT_SESSIONS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        let new = NewCheckoutSession {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            checkout_type: word(row, "checkout_type", &CHECKOUT_TYPES)?,
            product_id: get(row, "product_id")?,
            customer_id: parsed_optional(row, "customer_id")?,
            customer_email: get(row, "customer_email")?,
            organization_id: get(row, "organization_id")?,
            user_id: get(row, "user_id")?,
            seats: unsigned(row, "seats")?,
            trial_period_days: unsigned_optional(row, "trial_period_days")?,
            success_url: get(row, "success_url")?,
            cancel_url: get(row, "cancel_url")?,
            metadata: from_json(row, "metadata")?,
        };
        let status = word(row, "status", &CHECKOUT_STATUSES)?;
        let payment_status = word(row, "payment_status", &PAYMENT_STATUSES)?;
        let (created_at, updated_at) = (time(row, "created_at")?, time(row, "updated_at")?);
        let version = unsigned(row, "version")?;
        let mut session = CheckoutSession::restore(new, status, payment_status, created_at, updated_at, version);
        session.provider_reference = get(row, "provider_reference")?;
        session.url = get(row, "url")?;
        session.expires_at = time_optional(row, "expires_at")?;
        Ok(session)
    }
}

const FACT_SOURCES: [(&str, FactSource); 4] = [
    ("answer", FactSource::Answer),
    ("created", FactSource::Event(SubscriptionChange::Created)),
    ("updated", FactSource::Event(SubscriptionChange::Updated)),
    ("ended", FactSource::Event(SubscriptionChange::Ended)),
];

impl Stored for Subscription {
    fn table() -> &'static Table {
        &tables::SUBSCRIPTIONS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        let new = NewSubscription {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            customer_id: parsed(row, "customer_id")?,
            product_id: get(row, "product_id")?,
            provider_reference: get(row, "provider_reference")?,
            trial_period_days: None,
        };
        let status: SubscriptionStatus = parsed(row, "status")?;
        let period = match (time_optional(row, "period_start")?, time_optional(row, "period_end")?) {
            (Some(start), Some(end)) => Some(Period { start, end }),
            _ => None,
        };
        let terms = Terms {
            price_reference: get(row, "price_reference")?,
            seats: unsigned_optional(row, "seats")?,
            period,
            trial_end: time_optional(row, "trial_end")?,
            cancel_at: time_optional(row, "cancel_at")?,
            cancel_at_period_end: get(row, "cancel_at_period_end")?,
            canceled_at: time_optional(row, "canceled_at")?,
            ended_at: time_optional(row, "ended_at")?,
        };
        let stamp = FactStamp {
            object_version: unsigned_optional(row, "fact_version")?,
            as_of: time_optional(row, "fact_as_of")?,
            source: word(row, "fact_source", &FACT_SOURCES)?,
        };
        let (created_at, updated_at) = (time(row, "created_at")?, time(row, "updated_at")?);
        let provider_status = get(row, "provider_status")?;
        let version = unsigned(row, "version")?;
        Ok(Subscription::restore(
            new,
            status,
            provider_status,
            terms,
            stamp,
            created_at,
            updated_at,
            version,
        ))
    }
}

const PURCHASE_TYPES: [(&str, PurchaseType); 2] = [
    (PurchaseType::OneTime.as_str(), PurchaseType::OneTime),
    (PurchaseType::Subscription.as_str(), PurchaseType::Subscription),
];

const PURCHASE_STATUSES: [(&str, PurchaseStatus); 4] = [
    (PurchaseStatus::Pending.as_str(), PurchaseStatus::Pending),
    (PurchaseStatus::Active.as_str(), PurchaseStatus::Active),
    (PurchaseStatus::Completed.as_str(), PurchaseStatus::Completed),
    (PurchaseStatus::Failed.as_str(), PurchaseStatus::Failed),
];

impl Stored for Purchase {
    fn table() -> &'static Table {
        &tables::PURCHASES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        let amount = match get::<Option<i64>>(row, "amount")? {
            Some(amount) => Some(Money::new(amount, parsed(row, "currency")?)),
            None => None,
        };
        let new = NewPurchase {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            customer_id: parsed_optional(row, "customer_id")?,
            product_id: get(row, "product_id")?,
            checkout_session_id: parsed_optional(row, "checkout_session_id")?,
            provider_reference: get(row, "provider_reference")?,
            provider_transaction_id: get(row, "provider_transaction_id")?,
            amount,
        };
        Ok(Purchase::restore(
            new,
            word(row, "purchase_type", &PURCHASE_TYPES)?,
            parsed_optional(row, "subscription_id")?,
            word(row, "status", &PURCHASE_STATUSES)?,
            time(row, "created_at")?,
            time(row, "updated_at")?,
            unsigned(row, "version")?,
        ))
    }
}
