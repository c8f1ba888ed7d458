//! Rows of tenants and theirs, accounts, keys, operations, and published events.

use std::collections::BTreeMap;

use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::operation::{IdempotencyKey, IdempotencyRecord, Operation, OperationStatus};
use tillgate_application::ports::Exchange;
use tillgate_domain::{Organization, Product, ProviderAccountId, Tenant, User};

use super::super::Row;
use super::columns::{
    Stored, Unreadable, bytes32, from_json, get, parsed, parsed_optional, time, time_optional, unreadable, unsigned,
    word,
};
use super::tables::{self, Table};

impl Stored for Tenant {
    fn table() -> &'static Table {
        &tables::TENANTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Tenant {
            id: parsed(row, "id")?,
            name: get(row, "name")?,
            mode: parsed(row, "mode")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl Stored for Organization {
    fn table() -> &'static Table {
        &tables::ORGANIZATIONS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Organization {
            tenant_id: parsed(row, "tenant_id")?,
            id: get(row, "id")?,
            name: get(row, "name")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

impl Stored for User {
    fn table() -> &'static Table {
        &tables::USERS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(User {
            tenant_id: parsed(row, "tenant_id")?,
            id: get(row, "id")?,
            email: get(row, "email")?,
            name: get(row, "name")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

/// A product, given its prices.
impl Stored for Product {
    fn table() -> &'static Table {
        &tables::PRODUCTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Product {
            tenant_id: parsed(row, "tenant_id")?,
            id: get(row, "id")?,
            name: get(row, "name")?,
            // They have rows of their own.
            prices: BTreeMap::new(),
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

impl Stored for ProviderAccount {
    fn table() -> &'static Table {
        &tables::ACCOUNTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
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
}

impl Stored for SealedSecret {
    fn table() -> &'static Table {
        &tables::SECRETS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(SealedSecret {
            account_id: parsed(row, "account_id")?,
            tenant_id: parsed(row, "tenant_id")?,
            name: get(row, "name")?,
            sealed: get(row, "sealed")?,
            created_at: time(row, "created_at")?,
            expires_at: time_optional(row, "expires_at")?,
        })
    }
}

impl Stored for ApiKey {
    fn table() -> &'static Table {
        &tables::API_KEYS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
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
}

impl Stored for IdempotencyRecord {
    fn table() -> &'static Table {
        &tables::IDEMPOTENCY_KEYS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
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

impl Stored for Operation {
    fn table() -> &'static Table {
        &tables::OPERATIONS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
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
                .map(|text| serde_json::from_str(&text).map_err(|error| unreadable("failure", error)))
                .transpose()?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

/// What a product costs at an account.
pub(super) struct Price(pub(super) ProviderAccountId, pub(super) String);

impl Stored for Price {
    fn table() -> &'static Table {
        &tables::PRICES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(parsed(row, "account_id")?, get(row, "price")?))
    }
}

impl Stored for Exchange {
    fn table() -> &'static Table {
        &tables::EXCHANGES
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        from_json(row, "exchange")
    }
}
