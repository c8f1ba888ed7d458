//! Payments, as webhooks tell of them.

use std::str::FromStr;

use crate::{
    CustomerId, DomainError, DomainEvent, EventKind, Money, PaymentId, ProviderAccountId, SubscriptionId, TenantId,
    Timestamp,
};

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// Not yet.
    Pending,
    /// The money is there. Final.
    Succeeded,
    /// It failed, so far.
    Failed,
}

impl PaymentState {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for PaymentState {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        [Self::Pending, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(DomainError::InvalidText {
                field: "status",
                rule: "must be pending, succeeded or failed",
            })
    }
}

/// What a provider says about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFacts {
    /// By which the provider counts this payment.
    pub provider_reference: String,
    /// How it stands.
    pub state: PaymentState,
    /// The amount asked for or paid.
    pub amount: Money,
    /// Who paid, where known here.
    pub customer_id: Option<CustomerId>,
    /// For which subscription, where known here.
    pub subscription_id: Option<SubscriptionId>,
    /// Other ids of it, by which refunds and disputes name it.
    pub aliases: Vec<String>,
    /// Why it failed, in the provider's words.
    pub failure_reason: Option<String>,
    /// How often it has been tried.
    pub attempt: Option<u32>,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// The invoice's page.
    pub invoice_url: Option<String>,
    /// The receipt's page.
    pub receipt_url: Option<String>,
    /// The provider's clock.
    pub as_of: Option<Timestamp>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it was made.
    pub account_id: ProviderAccountId,
    /// What is known of it.
    pub facts: PaymentFacts,
    /// How much of it was given back, in minor units of its currency.
    pub refunded_amount: i64,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

impl Payment {
    /// Records a payment that became known.
    #[must_use]
    pub fn create(
        id: PaymentId,
        tenant_id: TenantId,
        account_id: ProviderAccountId,
        facts: PaymentFacts,
        now: Timestamp,
    ) -> Self {
        let mut payment = Self {
            id,
            tenant_id,
            account_id,
            facts,
            refunded_amount: 0,
            created_at: now,
            updated_at: now,
            version: 0,
            events: Vec::new(),
        };
        payment.record_state(now);
        payment
    }

    /// Takes in what a provider says. Money that came stays; otherwise the newer word counts. Answers whether anything
    /// changed.
    pub fn apply(&mut self, facts: PaymentFacts, now: Timestamp) -> bool {
        let was = self.facts.state;
        if was == PaymentState::Succeeded && facts.state != PaymentState::Succeeded {
            return false;
        }
        let older = matches!((facts.as_of, self.facts.as_of), (Some(new), Some(known)) if new < known);
        let decides = facts.state == PaymentState::Succeeded && was != PaymentState::Succeeded;
        if older && !decides {
            return false;
        }
        let merged = PaymentFacts {
            customer_id: facts.customer_id.or(self.facts.customer_id),
            subscription_id: facts.subscription_id.or(self.facts.subscription_id),
            aliases: union(&self.facts.aliases, facts.aliases),
            invoice_url: facts.invoice_url.or_else(|| self.facts.invoice_url.clone()),
            receipt_url: facts.receipt_url.or_else(|| self.facts.receipt_url.clone()),
            as_of: facts.as_of.max(self.facts.as_of),
            ..facts
        };
        let repeats_failure =
            merged.state == PaymentState::Failed && merged.attempt != self.facts.attempt && was == PaymentState::Failed;
        if merged == self.facts {
            return false;
        }
        self.facts = merged;
        self.updated_at = now;
        if self.facts.state != was || repeats_failure {
            self.record_state(now);
        }
        true
    }

    /// Whether it may be given back: only money that came. How much of it is left, the provider knows.
    ///
    /// # Errors
    /// [`DomainError::InvalidPaymentStatus`] naming the status.
    pub const fn ensure_can_refund(&self) -> Result<(), DomainError> {
        if matches!(self.facts.state, PaymentState::Succeeded) {
            return Ok(());
        }
        Err(DomainError::InvalidPaymentStatus {
            status: self.facts.state.as_str(),
            action: "refund",
        })
    }

    /// Learns other ids of it, by which refunds and disputes name it. Answers whether there was a new one.
    pub fn learn_aliases(&mut self, aliases: &[String], now: Timestamp) -> bool {
        let own = &self.facts.provider_reference;
        let new = aliases.iter().filter(|alias| *alias != own).cloned().collect();
        let all = union(&self.facts.aliases, new);
        if all.len() == self.facts.aliases.len() {
            return false;
        }
        self.facts.aliases = all;
        self.updated_at = now;
        true
    }

    /// Takes in how much was given back in all. It only grows. Answers whether it did.
    pub fn refund_total(&mut self, total: i64, now: Timestamp) -> bool {
        if total <= self.refunded_amount {
            return false;
        }
        self.refunded_amount = total;
        self.updated_at = now;
        self.events.push(DomainEvent {
            kind: EventKind::PaymentRefunded,
            recorded_at: now,
        });
        true
    }

    fn record_state(&mut self, now: Timestamp) {
        let kind = match self.facts.state {
            PaymentState::Pending => return,
            PaymentState::Succeeded => EventKind::PaymentSucceeded,
            PaymentState::Failed => EventKind::PaymentFailed,
        };
        self.events.push(DomainEvent { kind, recorded_at: now });
    }
}

fn union(known: &[String], more: Vec<String>) -> Vec<String> {
    let mut all = known.to_vec();
    all.extend(more);
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn facts(state: PaymentState, second: i64, attempt: u32) -> PaymentFacts {
        PaymentFacts {
            provider_reference: "in_1".into(),
            state,
            amount: Money::new(1500, "usd".parse().unwrap()),
            customer_id: None,
            subscription_id: None,
            aliases: vec![],
            failure_reason: None,
            attempt: Some(attempt),
            next_attempt_at: None,
            invoice_url: None,
            receipt_url: None,
            as_of: Some(Timestamp::from_seconds(second)),
        }
    }

    fn payment(state: PaymentState) -> Payment {
        Payment::create(
            PaymentId::from_bits(1),
            TenantId::from_bits(2),
            ProviderAccountId::from_bits(3),
            facts(state, 10, 1),
            NOW,
        )
    }

    #[test]
    fn two_events_of_one_success_count_once() {
        let mut payment = payment(PaymentState::Succeeded);
        payment.apply(facts(PaymentState::Succeeded, 11, 1), NOW);
        assert_eq!(payment.events.len(), 1);
    }

    #[test]
    fn a_late_failure_does_not_take_the_money_away() {
        let mut payment = payment(PaymentState::Succeeded);
        assert!(!payment.apply(facts(PaymentState::Failed, 12, 1), NOW));
        assert_eq!(payment.facts.state, PaymentState::Succeeded);
    }

    #[test]
    fn success_counts_even_when_it_arrives_before_the_failure_it_followed() {
        let mut payment = payment(PaymentState::Failed);
        assert!(payment.apply(facts(PaymentState::Succeeded, 9, 2), NOW));
        assert_eq!(payment.facts.state, PaymentState::Succeeded);
    }

    #[test]
    fn each_failed_attempt_is_an_event() {
        let mut payment = payment(PaymentState::Failed);
        payment.apply(facts(PaymentState::Failed, 12, 2), NOW);
        payment.apply(facts(PaymentState::Failed, 12, 2), NOW);
        assert_eq!(payment.events.len(), 2);
    }

    #[test]
    fn only_money_that_came_is_given_back() {
        assert!(payment(PaymentState::Succeeded).ensure_can_refund().is_ok());
        for state in [PaymentState::Pending, PaymentState::Failed] {
            let refused = payment(state).ensure_can_refund().unwrap_err();
            let expected = format!("cannot refund a payment with status {}", state.as_str());
            assert_eq!(refused.to_string(), expected);
        }
    }

    #[test]
    fn other_ids_are_learned_once_and_its_own_is_none() {
        let mut payment = payment(PaymentState::Succeeded);
        let ids = ["pi_1", "in_1", "ch_1"].map(str::to_owned);
        assert!(payment.learn_aliases(&ids, NOW));
        assert!(!payment.learn_aliases(&ids, NOW));
        assert_eq!(payment.facts.aliases, ["ch_1", "pi_1"]);
    }

    #[test]
    fn the_refunded_total_only_grows() {
        let mut payment = payment(PaymentState::Succeeded);
        assert!(payment.refund_total(500, NOW));
        assert!(!payment.refund_total(300, NOW));
        assert_eq!(payment.refunded_amount, 500);
    }
}
