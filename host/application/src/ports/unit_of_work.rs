//! The unit of work: what a use case decided, committed as one.
//!
//! A use case reads, decides, collects what is to be written, and commits it in one call: no transaction is ever open
//! while it thinks or waits for a provider. What it read is guarded by versions: if anything changed meanwhile, the
//! commit is a [`CommitError::Conflict`], nothing is written, and the use case reads and decides again. Adapters may
//! commit several units of work as one transaction; each is still all or nothing by itself.

use async_trait::async_trait;
use tillgate_domain::{
    ApiKeyId, CheckoutSession, Customer, Dispute, EventId, InboxId, OperationId, Organization, Payment, Product,
    ProviderAccountId, Purchase, Refund, Subscription, SubscriptionId, Tenant, TenantId, Timestamp, User,
};

use super::{Exchange, Expiring, StoreError};
use crate::account::{ApiKey, ProviderAccount, SealedSecret};
use crate::event_endpoint::{Delivery, EventEndpoint};
use crate::import::Import;
use crate::inbox::{InboxEntry, OutboxEvent};
use crate::operation::{IdempotencyRecord, Operation};

/// One thing to write.
///
/// What has a `version` is inserted where that is 0, and otherwise updated where the stored version is still that one;
/// either way the stored version is then one more.
#[derive(Debug, Clone)]
pub enum Write {
    /// Inserts a tenant.
    Tenant(Tenant),
    /// Puts an organization; `created_at` stays where it is known already.
    Organization(Organization),
    /// Puts a user; `created_at` stays where it is known already.
    User(User),
    /// Puts a product with all its prices; `created_at` stays where it is known already.
    Product(Product),
    /// Inserts an API key.
    ApiKey(ApiKey),
    /// Revokes one; it stays revoked since the first time.
    RevokeApiKey {
        /// Whose.
        tenant_id: TenantId,
        /// Which.
        id: ApiKeyId,
        /// When.
        at: Timestamp,
    },
    /// Saves an account. Where it is the default, no other of the tenant is any more.
    Account(ProviderAccount),
    /// Adds a secret to an account.
    Secret(SealedSecret),
    /// Ends every secret of a name that would be active after `at` (those put before), at `at`.
    ExpireSecrets {
        /// For which account.
        account_id: ProviderAccountId,
        /// Under which name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Claims an idempotency key; [`Conflict::IdempotencyKey`] if it is taken.
    IdempotencyKey(IdempotencyRecord),
    /// Saves an operation. Of those with one [`subject`](crate::operation::OperationRequest::subject) only one can be
    /// open: running, or of an outcome that is still to be settled.
    Operation(Operation),
    /// Records one exchange of an operation, replacing one of the same index.
    Exchange {
        /// Of which operation.
        operation_id: OperationId,
        /// Which, from 0.
        index: u32,
        /// What is known of it.
        exchange: Exchange,
    },
    /// Forgets an operation's exchanges from an index on.
    TruncateJournal {
        /// Of which operation.
        operation_id: OperationId,
        /// The first to forget.
        from: u32,
    },
    /// Saves a checkout session.
    CheckoutSession(CheckoutSession),
    /// Saves a customer.
    Customer(Customer),
    /// Saves a subscription.
    Subscription(Subscription),
    /// Notes when the provider is asked about a subscription, if it wasn't asked since `asked_before`; otherwise it is a
    /// [`Conflict::Version`].
    AskedAbout {
        /// Which.
        subscription_id: SubscriptionId,
        /// When it counts as asked about.
        at: Timestamp,
        /// What it has to be before now.
        asked_before: Timestamp,
    },
    /// Saves a purchase.
    Purchase(Purchase),
    /// Saves a payment and its aliases.
    Payment(Payment),
    /// Saves a refund.
    Refund(Refund),
    /// Saves a dispute.
    Dispute(Dispute),
    /// Saves a received webhook; the raw request is written with the first version only.
    Inbox(InboxEntry),
    /// Claims an event's dedupe key; [`Conflict::DuplicateEvent`] if it is taken.
    EventKey {
        /// For which account.
        account_id: ProviderAccountId,
        /// Unique for it.
        dedupe_key: String,
        /// In which webhook it came.
        inbox_id: InboxId,
        /// The SHA-256 of what it says, where it had its effect.
        digest: Option<[u8; 32]>,
        /// When.
        at: Timestamp,
    },
    /// Says of an event that was taken in what it has its effect by since.
    EventDigest {
        /// For which account.
        account_id: ProviderAccountId,
        /// Its dedupe key.
        dedupe_key: String,
        /// The SHA-256 of what it says.
        digest: [u8; 32],
    },
    /// Puts a received webhook back: it is pending, due at once, and was tried never.
    ReplayInbox {
        /// Which.
        id: InboxId,
        /// Only where it is stored in this version.
        version: u64,
        /// The version of the account's plugin it is tried with; the pinned one where none is named.
        plugin_version: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Saves an import. An account has one that is running at the most.
    Import(Import),
    /// Publishes a domain event. It gets its place in the order of all events later.
    Event(OutboxEvent),
    /// Gives events the places after `from`, if so many have one; otherwise it is a [`Conflict::Version`].
    OrderEvents {
        /// How many have their place.
        from: u64,
        /// Those that come next.
        ids: Vec<EventId>,
    },
    /// Saves an event endpoint.
    EventEndpoint(EventEndpoint),
    /// Saves the delivery of an event. There is one for each event and endpoint at the most.
    Delivery(Delivery),
    /// As [`RetentionRepository::remove`](super::RetentionRepository::remove), which says how many rows they were.
    Remove {
        /// What.
        what: Expiring,
        /// What ended before this.
        before: Timestamp,
        /// At most so many rows.
        limit: u32,
    },
}

/// What a use case decided, in the order it is to be written.
#[derive(Debug, Clone, Default)]
pub struct UnitOfWork {
    writes: Vec<Write>,
}

impl UnitOfWork {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { writes: Vec::new() }
    }

    /// Adds one thing to write.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Puts something before all that is there already, if there is anything to put.
    pub fn writes_first(&mut self, write: Option<Write>) {
        self.writes.splice(0..0, write);
    }

    /// All of it.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// What stood against a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Something changed since it was read, or exists already; what, in a word.
    Version(&'static str),
    /// The event was taken in before.
    DuplicateEvent {
        /// Its dedupe key.
        dedupe_key: String,
    },
    /// The idempotency key is taken.
    IdempotencyKey,
    /// Something it refers to doesn't exist, or a name is taken; what, in a word.
    Reference(&'static str),
}

/// Why a unit of work wasn't committed. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something stood against it.
    #[error("conflict: {0:?}")]
    Conflict(Conflict),
    /// The store failed. Whether it was written is unknown where the connection broke during the commit.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Commits units of work.
#[async_trait]
pub trait Commit: Send + Sync {
    /// Writes all of it, durably, or nothing.
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError>;
}
