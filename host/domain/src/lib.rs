//! Billing aggregates, their transitions and the events they record.
//!
//! **Invariant:** nothing here performs input or output, reads a clock or draws a random number: times and ids are
//! arguments. What an aggregate is can be changed only by its transitions, and each of them records a domain event.
//!
//! A payment provider owns the truth about a subscription; what reaches us are *facts* about it, doubled, late and
//! out of order. [`Subscription::apply`] decides which of them count.

#![deny(missing_docs)]

mod checkout_session;
mod customer;
mod directory;
mod dispute;
mod error;
mod event;
mod fact;
mod id;
mod money;
mod payment;
mod purchase;
mod refund;
mod subscription;
mod time;

pub use checkout_session::{CheckoutSession, CheckoutStatus, CheckoutType, NewCheckoutSession, PaymentStatus};
pub use customer::{Customer, NewCustomer};
pub use directory::{Mode, Organization, Product, Tenant, User, valid_external_id};
pub use dispute::{Dispute, DisputeFacts};
pub use error::DomainError;
pub use event::{DomainEvent, EventKind};
pub use fact::{FactOrder, FactSource, FactStamp, SubscriptionChange};
pub use id::{
    ApiKeyId, CheckoutSessionId, CustomerId, DeliveryId, DisputeId, EventEndpointId, EventId, IdError, ImportId,
    InboxId, OperationId, PaymentId, ProviderAccountId, PurchaseId, RefundId, SubscriptionId, TenantId,
};
pub use money::{Currency, Money, MoneyError};
pub use payment::{Payment, PaymentFacts, PaymentState};
pub use purchase::{NewPurchase, Purchase, PurchaseStatus, PurchaseType};
pub use refund::{Refund, RefundFacts, RefundState};
pub use subscription::{
    Applied, NewSubscription, Period, Subscription, SubscriptionSnapshot, SubscriptionStatus, Terms,
};
pub use time::Timestamp;
