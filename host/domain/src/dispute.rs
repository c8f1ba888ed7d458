//! Disputes, as webhooks tell of them.

use crate::{DisputeId, DomainEvent, EventKind, Money, PaymentId, ProviderAccountId, TenantId, Timestamp};

/// What a provider says about a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFacts {
    /// The provider's id of it.
    pub provider_reference: String,
    /// The disputed amount.
    pub amount: Money,
    /// The ids by which the provider names the payment.
    pub payment_references: Vec<String>,
    /// Why, in the provider's words.
    pub reason: Option<String>,
    /// The provider's word for how it stands.
    pub provider_status: String,
    /// Until when evidence is taken.
    pub evidence_due_at: Option<Timestamp>,
    /// The provider's clock.
    pub as_of: Option<Timestamp>,
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id.
    pub id: DisputeId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where.
    pub account_id: ProviderAccountId,
    /// The disputed payment, where it is known here.
    pub payment_id: Option<PaymentId>,
    /// What is known of it.
    pub facts: DisputeFacts,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

impl Dispute {
    /// Records a dispute that became known.
    #[must_use]
    pub fn create(
        id: DisputeId,
        tenant_id: TenantId,
        account_id: ProviderAccountId,
        payment_id: Option<PaymentId>,
        facts: DisputeFacts,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant_id,
            account_id,
            payment_id,
            facts,
            created_at: now,
            updated_at: now,
            version: 0,
            events: vec![DomainEvent {
                kind: EventKind::DisputeOpened,
                recorded_at: now,
            }],
        }
    }

    /// Learns of which payment it is, where that isn't known yet. Answers whether it wasn't.
    pub fn learn_payment(&mut self, payment_id: PaymentId, now: Timestamp) -> bool {
        if self.payment_id.is_some() {
            return false;
        }
        self.payment_id = Some(payment_id);
        self.updated_at = now;
        true
    }

    /// Takes in what a provider says, if it isn't older. Answers whether anything changed.
    pub fn apply(&mut self, facts: DisputeFacts, now: Timestamp) -> bool {
        if matches!((facts.as_of, self.facts.as_of), (Some(new), Some(known)) if new < known) {
            return false;
        }
        let same = DisputeFacts {
            as_of: self.facts.as_of,
            ..facts.clone()
        } == self.facts;
        self.facts = facts;
        if !same {
            self.updated_at = now;
            self.events.push(DomainEvent {
                kind: EventKind::DisputeUpdated,
                recorded_at: now,
            });
        }
        !same
    }
}
