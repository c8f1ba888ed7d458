//! From rows to what the use cases know. A row that can't be understood names its table and column.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::inbox::{InboxEntry, InboxStatus, OutboxEvent};
use tillgate_application::operation::{IdempotencyKey, IdempotencyRecord, Operation, OperationStatus};
use tillgate_application::ports::{StoreError, WebhookRequest};
use tillgate_domain::{
    CheckoutSession, CheckoutStatus, CheckoutType, Customer, FactSource, FactStamp, Money, NewCheckoutSession,
    NewPurchase, NewSubscription, Organization, PaymentStatus, Period, Product, Purchase, PurchaseStatus, PurchaseType,
    Subscription, SubscriptionChange, SubscriptionStatus, Tenant, Terms, Timestamp, User,
};

use super::super::Row;

/// Names the table too.
pub(super) fn in_table(table: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt(reason) => StoreError::Corrupt(format!("table {table}, {reason}")),
        error => error,
    }
}

/// Readers of rows, each of which says of which table a row can't be understood.
macro_rules! readers {
    ($($name:ident: $type:ty = $read:ident, $table:literal;)*) => {$(
        pub(super) fn $name(row: &Row) -> Result<$type, StoreError> {
            $read(row).map_err(|error| in_table($table, error))
        }
    )*};
}
pub(super) use readers;

readers! {
    tenant: Tenant = read_tenant, "tenants";
    organization: Organization = read_organization, "organizations";
    user: User = read_user, "users";
    account: ProviderAccount = read_account, "provider_accounts";
    secret: SealedSecret = read_secret, "account_secrets";
    api_key: ApiKey = read_api_key, "api_keys";
    idempotency_record: IdempotencyRecord = read_idempotency_record, "idempotency_keys";
    operation: Operation = read_operation, "operations";
    customer: Customer = read_customer, "customers";
    checkout_session: CheckoutSession = read_checkout_session, "checkout_sessions";
    subscription: Subscription = read_subscription, "subscriptions";
    purchase: Purchase = read_purchase, "purchases";
    inbox_entry: InboxEntry = read_inbox_entry, "inbox";
    outbox_event: OutboxEvent = read_outbox_event, "outbox";
}

/// Writes JSON. What is stored are strings, numbers and lists of them, so that this can't fail.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn corrupt(column: &str, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {reason}"))
}

/// A column of a simple type.
pub(super) fn get<'r, T>(row: &'r Row, column: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, super::Db> + sqlx::Type<super::Db>,
{
    row.try_get(column).map_err(|error| corrupt(column, error))
}

/// A column of text that is something else.
pub(super) fn parsed<T>(row: &Row, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    get::<String>(row, column)?
        .parse()
        .map_err(|error| corrupt(column, error))
}

pub(super) fn parsed_optional<T>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    get::<Option<String>>(row, column)?
        .map(|text| text.parse().map_err(|error| corrupt(column, error)))
        .transpose()
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    get(row, column).map(Timestamp::from_millis)
}

pub(super) fn time_optional(row: &Row, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

pub(super) fn unsigned<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let number: i64 = get(row, column)?;
    T::try_from(number).map_err(|_| corrupt(column, format!("{number} is out of bounds")))
}

pub(super) fn unsigned_optional<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError> {
    let number: Option<i64> = get(row, column)?;
    number
        .map(|number| T::try_from(number).map_err(|_| corrupt(column, format!("{number} is out of bounds"))))
        .transpose()
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|error| corrupt(column, error))
}

/// One of a few words.
pub(super) fn word<T>(row: &Row, column: &'static str, known: &[(&str, T)]) -> Result<T, StoreError>
where
    T: Copy,
{
    let text: String = get(row, column)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| corrupt(column, format!("{text:?} is not a known word")))
}

pub(super) fn money(row: &Row) -> Result<Money, StoreError> {
    Ok(Money::new(get(row, "amount")?, parsed(row, "currency")?))
}

fn bytes32(row: &Row, column: &'static str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = get(row, column)?;
    bytes
        .as_slice()
        .try_into()
        .map_err(|_| corrupt(column, format!("{} bytes, not 32", bytes.len())))
}

fn read_tenant(row: &Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: parsed(row, "id")?,
        name: get(row, "name")?,
        mode: parsed(row, "mode")?,
        created_at: time(row, "created_at")?,
    })
}

fn read_organization(row: &Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        tenant_id: parsed(row, "tenant_id")?,
        id: get(row, "id")?,
        name: get(row, "name")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn read_user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        tenant_id: parsed(row, "tenant_id")?,
        id: get(row, "id")?,
        email: get(row, "email")?,
        name: get(row, "name")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// A product, given its prices.
pub(super) fn product(row: &Row, prices: &[Row]) -> Result<Product, StoreError> {
    read_product(row, prices).map_err(|error| in_table("products", error))
}

fn read_product(row: &Row, prices: &[Row]) -> Result<Product, StoreError> {
    Ok(Product {
        tenant_id: parsed(row, "tenant_id")?,
        id: get(row, "id")?,
        name: get(row, "name")?,
        prices: prices
            .iter()
            .map(|price| Ok((parsed(price, "account_id")?, get(price, "price")?)))
            .collect::<Result<_, StoreError>>()?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn read_account(row: &Row) -> Result<ProviderAccount, StoreError> {
    Ok(ProviderAccount {
        id: parsed(row, "id")?,
        tenant_id: parsed(row, "tenant_id")?,
        name: get(row, "name")?,
        plugin: get(row, "plugin")?,
        plugin_version: get(row, "plugin_version")?,
        plugin_digest: get(row, "plugin_digest")?,
        is_default: get(row, "is_default")?,
        settings: from_json(row, "settings")?,
        endpoint_overrides: from_json(row, "endpoint_overrides")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        version: unsigned(row, "version")?,
    })
}

fn read_secret(row: &Row) -> Result<SealedSecret, StoreError> {
    Ok(SealedSecret {
        account_id: parsed(row, "account_id")?,
        tenant_id: parsed(row, "tenant_id")?,
        name: get(row, "name")?,
        sealed: get(row, "sealed")?,
        created_at: time(row, "created_at")?,
        expires_at: time_optional(row, "expires_at")?,
    })
}

fn read_api_key(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: parsed(row, "id")?,
        tenant_id: parsed(row, "tenant_id")?,
        name: get(row, "name")?,
        hash: bytes32(row, "hash")?,
        hint: get(row, "hint")?,
        created_at: time(row, "created_at")?,
        revoked_at: time_optional(row, "revoked_at")?,
    })
}

fn read_idempotency_record(row: &Row) -> Result<IdempotencyRecord, StoreError> {
    Ok(IdempotencyRecord {
        owner: get(row, "owner")?,
        key: IdempotencyKey {
            key: get(row, "key")?,
            fingerprint: bytes32(row, "fingerprint")?,
        },
        operation_id: parsed_optional(row, "operation_id")?,
        answer: get(row, "answer")?,
        created_at: time(row, "created_at")?,
    })
}

const OPERATION_STATUSES: [(&str, OperationStatus); 5] = [
    (OperationStatus::Running.as_str(), OperationStatus::Running),
    (OperationStatus::Succeeded.as_str(), OperationStatus::Succeeded),
    (OperationStatus::Failed.as_str(), OperationStatus::Failed),
    (OperationStatus::NotSent.as_str(), OperationStatus::NotSent),
    (
        OperationStatus::UnknownOutcome.as_str(),
        OperationStatus::UnknownOutcome,
    ),
];

fn read_operation(row: &Row) -> Result<Operation, StoreError> {
    let failure: Option<String> = get(row, "failure")?;
    Ok(Operation {
        id: parsed(row, "id")?,
        tenant_id: parsed(row, "tenant_id")?,
        account_id: parsed(row, "account_id")?,
        plugin_digest: get(row, "plugin_digest")?,
        request: from_json(row, "request")?,
        status: word(row, "status", &OPERATION_STATUSES)?,
        lease_until: time(row, "lease_until")?,
        attempts: unsigned(row, "attempts")?,
        answer: get(row, "answer")?,
        failure: failure
            .map(|text| serde_json::from_str(&text).map_err(|error| corrupt("failure", error)))
            .transpose()?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        version: unsigned(row, "version")?,
    })
}

fn read_customer(row: &Row) -> Result<Customer, StoreError> {
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

fn read_checkout_session(row: &Row) -> Result<CheckoutSession, StoreError> {
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

const FACT_SOURCES: [(&str, FactSource); 4] = [
    ("answer", FactSource::Answer),
    ("created", FactSource::Event(SubscriptionChange::Created)),
    ("updated", FactSource::Event(SubscriptionChange::Updated)),
    ("ended", FactSource::Event(SubscriptionChange::Ended)),
];

fn read_subscription(row: &Row) -> Result<Subscription, StoreError> {
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

fn read_purchase(row: &Row) -> Result<Purchase, StoreError> {
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

const INBOX_STATUSES: [(&str, InboxStatus); 3] = [
    (InboxStatus::Pending.as_str(), InboxStatus::Pending),
    (InboxStatus::Processed.as_str(), InboxStatus::Processed),
    (InboxStatus::Dead.as_str(), InboxStatus::Dead),
];

fn read_inbox_entry(row: &Row) -> Result<InboxEntry, StoreError> {
    let headers: Vec<u8> = get(row, "headers")?;
    let received_at = time(row, "received_at")?;
    Ok(InboxEntry {
        id: parsed(row, "id")?,
        tenant_id: parsed(row, "tenant_id")?,
        account_id: parsed(row, "account_id")?,
        request: WebhookRequest {
            method: get(row, "method")?,
            url: get(row, "url")?,
            query: from_json(row, "query")?,
            headers: serde_json::from_slice(&headers).map_err(|error| corrupt("headers", error))?,
            body: get(row, "body")?,
            remote_ip: parsed_optional(row, "remote_ip")?,
            received_at_ms: received_at.as_millis(),
        },
        fetch_back: get(row, "fetch_back")?,
        provider_types: get(row, "provider_types")?,
        status: word(row, "status", &INBOX_STATUSES)?,
        attempts: unsigned(row, "attempts")?,
        next_attempt_at: time(row, "next_attempt_at")?,
        error: get(row, "error")?,
        received_at,
        processed_at: time_optional(row, "processed_at")?,
        version: unsigned(row, "version")?,
    })
}

fn read_outbox_event(row: &Row) -> Result<OutboxEvent, StoreError> {
    Ok(OutboxEvent {
        id: parsed(row, "id")?,
        tenant_id: parsed(row, "tenant_id")?,
        event_type: get(row, "event_type")?,
        aggregate_id: get(row, "aggregate_id")?,
        payload: get(row, "payload")?,
        created_at: time(row, "created_at")?,
    })
}
