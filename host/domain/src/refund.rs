//! Refunds, as webhooks tell of them.

use crate::{DomainEvent, EventKind, Money, PaymentId, ProviderAccountId, RefundId, TenantId, Timestamp};

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// Under way.
    Pending,
    /// The customer has to do something.
    RequiresAction,
    /// The money is back. It can still come to fail.
    Succeeded,
    /// It failed.
    Failed,
    /// It was withdrawn.
    Canceled,
}

impl RefundState {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether the money goes back, or has gone.
    #[must_use]
    pub const fn gives_back(self) -> bool {
        !matches!(self, Self::Failed | Self::Canceled)
    }

    /// How far along it is: of two words of one instant the further one counts.
    const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::RequiresAction => 1,
            Self::Succeeded => 2,
            Self::Failed | Self::Canceled => 3,
        }
    }
}

/// What a provider says about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFacts {
    /// The provider's id of it.
    pub provider_reference: String,
    /// How it stands.
    pub state: RefundState,
    /// How much.
    pub amount: Money,
    /// The ids by which the provider names the payment.
    pub payment_references: Vec<String>,
    /// Why, in the provider's words.
    pub reason: Option<String>,
    /// Why it failed, in the provider's words.
    pub failure_reason: Option<String>,
    /// The provider's clock.
    pub as_of: Option<Timestamp>,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it was made.
    pub account_id: ProviderAccountId,
    /// The payment that was given back, where it is known here.
    pub payment_id: Option<PaymentId>,
    /// What is known of it.
    pub facts: RefundFacts,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

impl Refund {
    /// Records a refund that became known.
    #[must_use]
    pub fn create(
        id: RefundId,
        tenant_id: TenantId,
        account_id: ProviderAccountId,
        payment_id: Option<PaymentId>,
        facts: RefundFacts,
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
                kind: EventKind::RefundCreated,
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

    /// Takes in what a provider says, if it is newer, or of the same instant and further along. Answers whether anything
    /// changed. By which ids the payment is named differs from one telling to the next: all of them are kept, and another
    /// one is no news.
    pub fn apply(&mut self, mut facts: RefundFacts, now: Timestamp) -> bool {
        if let (Some(new), Some(known)) = (facts.as_of, self.facts.as_of) {
            let behind = facts.state.rank() < self.facts.state.rank();
            if new < known || (new == known && behind) {
                return false;
            }
        }
        for name in facts.payment_references {
            if !self.facts.payment_references.contains(&name) {
                self.facts.payment_references.push(name);
            }
        }
        facts.payment_references = self.facts.payment_references.clone();
        let same = RefundFacts {
            as_of: self.facts.as_of,
            ..facts.clone()
        } == self.facts;
        self.facts = facts;
        if !same {
            self.updated_at = now;
            self.events.push(DomainEvent {
                kind: EventKind::RefundUpdated,
                recorded_at: now,
            });
        }
        !same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(names: &[&str]) -> RefundFacts {
        RefundFacts {
            provider_reference: "re_1".to_owned(),
            state: RefundState::Succeeded,
            amount: Money::new(500, "usd".parse().unwrap()),
            payment_references: names.iter().map(|name| (*name).to_owned()).collect(),
            reason: None,
            failure_reason: None,
            as_of: Some(Timestamp::from_millis(1_000)),
        }
    }

    fn refund() -> Refund {
        Refund::create(
            RefundId::from_bits(1),
            TenantId::from_bits(2),
            ProviderAccountId::from_bits(3),
            None,
            facts(&["pi_1", "ch_1"]),
            Timestamp::from_millis(0),
        )
    }

    #[test]
    fn another_name_of_its_payment_is_kept_and_no_news() {
        let mut refund = refund();
        assert!(!refund.apply(facts(&["pi_1", "in_1"]), Timestamp::from_millis(1)));
        assert_eq!(refund.facts.payment_references, ["pi_1", "ch_1", "in_1"]);
        assert_eq!(refund.events.len(), 1);
    }

    #[test]
    fn what_changed_is_told() {
        let mut refund = refund();
        let failed = RefundFacts {
            state: RefundState::Failed,
            ..facts(&["pi_1"])
        };
        assert!(refund.apply(failed, Timestamp::from_millis(1)));
        assert_eq!(refund.events.len(), 2);
    }
}
