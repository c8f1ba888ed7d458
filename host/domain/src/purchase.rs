//! Purchases.

use std::str::FromStr;

use crate::{
    CheckoutSessionId, CustomerId, DomainError, DomainEvent, EventKind, Money, ProviderAccountId, PurchaseId,
    SubscriptionId, TenantId, Timestamp,
};

/// What was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurchaseType {
    /// Something paid once.
    OneTime,
    /// A subscription.
    Subscription,
}

impl PurchaseType {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "one_time",
            Self::Subscription => "subscription",
        }
    }
}

/// The state of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurchaseStatus {
    /// Not paid yet.
    Pending,
    /// A subscription's, for as long as that runs.
    Active,
    /// Paid. Final.
    Completed,
    /// The payment failed. Final.
    Failed,
}

impl PurchaseStatus {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for PurchaseStatus {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        [Self::Pending, Self::Active, Self::Completed, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(DomainError::InvalidText {
                field: "status",
                rule: "must be pending, active, completed or failed",
            })
    }
}

/// Something a customer bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Its id.
    pub id: PurchaseId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it was bought.
    pub account_id: ProviderAccountId,
    /// Who bought it, where the provider says.
    pub customer_id: Option<CustomerId>,
    /// What it is.
    pub purchase_type: PurchaseType,
    /// The tenant's product, where it is known.
    pub product_id: Option<String>,
    /// The subscription that was bought.
    pub subscription_id: Option<SubscriptionId>,
    /// The checkout session it was bought in.
    pub checkout_session_id: Option<CheckoutSessionId>,
    /// By which the provider counts this purchase: the same one never makes a second purchase.
    pub provider_reference: String,
    /// The provider's id of the payment.
    pub provider_transaction_id: Option<String>,
    /// What it cost, where known.
    pub amount: Option<Money>,
    status: PurchaseStatus,
    /// When it became known.
    pub created_at: Timestamp,
    updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

/// What a purchase is made of.
#[derive(Debug, Clone)]
pub struct NewPurchase {
    /// Its id.
    pub id: PurchaseId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it was bought.
    pub account_id: ProviderAccountId,
    /// Who bought it, where the provider says.
    pub customer_id: Option<CustomerId>,
    /// The tenant's product, where it is known.
    pub product_id: Option<String>,
    /// The checkout session it was bought in.
    pub checkout_session_id: Option<CheckoutSessionId>,
    /// By which the provider counts this purchase.
    pub provider_reference: String,
    /// The provider's id of the payment.
    pub provider_transaction_id: Option<String>,
    /// What it cost, where known.
    pub amount: Option<Money>,
}

impl Purchase {
    /// Records a purchase that is paid once; pending until it is completed.
    #[must_use]
    pub fn create_one_time(new: NewPurchase, now: Timestamp) -> Self {
        Self::create(new, PurchaseType::OneTime, None, PurchaseStatus::Pending, now)
    }

    /// Records the purchase of a subscription.
    #[must_use]
    pub fn create_subscription(new: NewPurchase, subscription_id: SubscriptionId, now: Timestamp) -> Self {
        Self::create(
            new,
            PurchaseType::Subscription,
            Some(subscription_id),
            PurchaseStatus::Active,
            now,
        )
    }

    fn create(
        new: NewPurchase,
        purchase_type: PurchaseType,
        subscription_id: Option<SubscriptionId>,
        status: PurchaseStatus,
        now: Timestamp,
    ) -> Self {
        let mut purchase = Self::restore(new, purchase_type, subscription_id, status, now, now, 0);
        purchase.record(EventKind::PurchaseCreated, now);
        purchase
    }

    /// Puts a stored purchase together again, with no events.
    #[must_use]
    pub fn restore(
        new: NewPurchase,
        purchase_type: PurchaseType,
        subscription_id: Option<SubscriptionId>,
        status: PurchaseStatus,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: u64,
    ) -> Self {
        Self {
            id: new.id,
            tenant_id: new.tenant_id,
            account_id: new.account_id,
            customer_id: new.customer_id,
            purchase_type,
            product_id: new.product_id,
            subscription_id,
            checkout_session_id: new.checkout_session_id,
            provider_reference: new.provider_reference,
            provider_transaction_id: new.provider_transaction_id,
            amount: new.amount,
            status,
            created_at,
            updated_at,
            version,
            events: Vec::new(),
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> PurchaseStatus {
        self.status
    }

    /// When it last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Notes that it is paid. Once more is no change.
    ///
    /// # Errors
    /// It isn't paid once, but a subscription's.
    pub fn complete(&mut self, now: Timestamp) -> Result<(), DomainError> {
        match self.status {
            PurchaseStatus::Completed => Ok(()),
            // A payment that failed can be made good at the provider: the money decides.
            PurchaseStatus::Pending | PurchaseStatus::Failed => {
                self.move_to(PurchaseStatus::Completed, EventKind::PurchaseCompleted, now);
                Ok(())
            }
            PurchaseStatus::Active => Err(DomainError::InvalidPurchaseStatus {
                status: self.status.as_str(),
                action: "complete",
            }),
        }
    }

    /// Notes that its payment failed. Once more, or after it was paid, is no change: money that came stays.
    ///
    /// # Errors
    /// It isn't paid once, but a subscription's.
    pub fn fail(&mut self, now: Timestamp) -> Result<(), DomainError> {
        match self.status {
            PurchaseStatus::Completed | PurchaseStatus::Failed => Ok(()),
            PurchaseStatus::Pending => {
                self.move_to(PurchaseStatus::Failed, EventKind::PurchaseFailed, now);
                Ok(())
            }
            PurchaseStatus::Active => Err(DomainError::InvalidPurchaseStatus {
                status: self.status.as_str(),
                action: "fail",
            }),
        }
    }

    fn move_to(&mut self, status: PurchaseStatus, kind: EventKind, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
        self.record(kind, now);
    }

    fn record(&mut self, kind: EventKind, now: Timestamp) {
        self.events.push(DomainEvent { kind, recorded_at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn new() -> NewPurchase {
        NewPurchase {
            id: PurchaseId::from_bits(1),
            tenant_id: TenantId::from_bits(2),
            account_id: ProviderAccountId::from_bits(3),
            customer_id: None,
            product_id: Some("pack".into()),
            checkout_session_id: None,
            provider_reference: "cs_1".into(),
            provider_transaction_id: None,
            amount: None,
        }
    }

    fn names(purchase: &Purchase) -> Vec<&'static str> {
        purchase.events.iter().map(|event| event.kind.name()).collect()
    }

    #[test]
    fn a_one_time_purchase_is_completed_once() {
        let mut purchase = Purchase::create_one_time(new(), NOW);
        assert_eq!(purchase.status(), PurchaseStatus::Pending);
        purchase.complete(NOW).unwrap();
        purchase.complete(NOW).unwrap();
        assert_eq!(names(&purchase), ["purchase.created", "purchase.completed"]);
    }

    #[test]
    fn a_failure_after_the_money_came_changes_nothing() {
        let mut purchase = Purchase::create_one_time(new(), NOW);
        purchase.complete(NOW).unwrap();
        purchase.fail(NOW).unwrap();
        assert_eq!(purchase.status(), PurchaseStatus::Completed);
    }

    #[test]
    fn a_subscriptions_purchase_is_active_and_not_completed() {
        let mut purchase = Purchase::create_subscription(new(), SubscriptionId::from_bits(9), NOW);
        assert_eq!(purchase.status(), PurchaseStatus::Active);
        assert_eq!(
            purchase.complete(NOW),
            Err(DomainError::InvalidPurchaseStatus {
                status: "active",
                action: "complete"
            })
        );
    }
}
