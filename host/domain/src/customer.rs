//! Customers.

use crate::{CustomerId, DomainEvent, EventKind, ProviderAccountId, TenantId, Timestamp};

/// Who pays: one customer at one provider account, with the organization and the user it belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it is a customer.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub provider_reference: String,
    /// Its address.
    pub email: Option<String>,
    /// The tenant's organization it pays for.
    pub organization_id: Option<String>,
    /// The tenant's user it is.
    pub user_id: Option<String>,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Customer")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a customer is made of.
#[derive(Clone)]
pub struct NewCustomer {
    /// Its id.
    pub id: CustomerId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it is a customer.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub provider_reference: String,
    /// Its address.
    pub email: Option<String>,
}

impl Customer {
    /// Records a customer that became known.
    #[must_use]
    pub fn create(new: NewCustomer, now: Timestamp) -> Self {
        Self {
            id: new.id,
            tenant_id: new.tenant_id,
            account_id: new.account_id,
            provider_reference: new.provider_reference,
            email: new.email,
            organization_id: None,
            user_id: None,
            created_at: now,
            updated_at: now,
            version: 0,
            events: vec![DomainEvent {
                kind: EventKind::CustomerCreated,
                recorded_at: now,
            }],
        }
    }

    /// Says to which organization and user it belongs. What isn't given stays as it is. Answers whether anything changed.
    pub fn associate(&mut self, organization_id: Option<&str>, user_id: Option<&str>, now: Timestamp) -> bool {
        let organization_changes = organization_id.is_some() && self.organization_id.as_deref() != organization_id;
        let user_changes = user_id.is_some() && self.user_id.as_deref() != user_id;
        if organization_changes {
            self.organization_id = organization_id.map(str::to_owned);
        }
        if user_changes {
            self.user_id = user_id.map(str::to_owned);
        }
        let changed = organization_changes || user_changes;
        if changed {
            self.updated_at = now;
            self.events.push(DomainEvent {
                kind: EventKind::CustomerAssociated,
                recorded_at: now,
            });
        }
        changed
    }

    /// Says anew to which organization and user it belongs; none means to none. Answers whether anything changed.
    pub fn put_association(
        &mut self,
        organization_id: Option<String>,
        user_id: Option<String>,
        now: Timestamp,
    ) -> bool {
        if self.organization_id == organization_id && self.user_id == user_id {
            return false;
        }
        self.organization_id = organization_id;
        self.user_id = user_id;
        self.updated_at = now;
        self.events.push(DomainEvent {
            kind: EventKind::CustomerAssociated,
            recorded_at: now,
        });
        true
    }

    /// Learns the address, where none was known. Answers whether that is new.
    pub fn learn_email(&mut self, email: Option<&str>, now: Timestamp) -> bool {
        match (email, &self.email) {
            (Some(given), None) => {
                self.email = Some(given.to_owned());
                self.updated_at = now;
                true
            }
            _ => false,
        }
    }
}
