//! What is stored, and the rules by which it is written.

use std::collections::BTreeMap;

use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::event_endpoint::{Delivery, EventEndpoint};
use tillgate_application::import::{Import, ImportStatus};
use tillgate_application::inbox::{InboxEntry, InboxStatus, KnownEvent, OutboxEvent};
use tillgate_application::operation::{IdempotencyRecord, Operation, OperationStatus};
use tillgate_application::ports::{Conflict, Exchange, Write};
use tillgate_domain::{
    ApiKeyId, CheckoutSession, CheckoutSessionId, Customer, CustomerId, DeliveryId, Dispute, DisputeId,
    EventEndpointId, EventId, ImportId, InboxId, OperationId, Organization, Payment, PaymentId, Product,
    ProviderAccountId, Purchase, PurchaseId, Refund, RefundId, Subscription, SubscriptionId, Tenant, TenantId,
    Timestamp, User,
};

/// The tables.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is what its rows are")]
pub struct Rows {
    pub tenants: BTreeMap<TenantId, Tenant>,
    pub organizations: BTreeMap<(TenantId, String), Organization>,
    pub users: BTreeMap<(TenantId, String), User>,
    pub products: BTreeMap<(TenantId, String), Product>,
    pub api_keys: BTreeMap<ApiKeyId, ApiKey>,
    pub accounts: BTreeMap<ProviderAccountId, ProviderAccount>,
    pub secrets: Vec<SealedSecret>,
    pub idempotency_keys: BTreeMap<(String, String), IdempotencyRecord>,
    pub operations: BTreeMap<OperationId, Operation>,
    pub exchanges: BTreeMap<(OperationId, u32), Exchange>,
    pub checkout_sessions: BTreeMap<CheckoutSessionId, CheckoutSession>,
    pub customers: BTreeMap<CustomerId, Customer>,
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub purchases: BTreeMap<PurchaseId, Purchase>,
    pub payments: BTreeMap<PaymentId, Payment>,
    pub refunds: BTreeMap<RefundId, Refund>,
    pub disputes: BTreeMap<DisputeId, Dispute>,
    pub inbox: BTreeMap<InboxId, InboxEntry>,
    pub event_keys: BTreeMap<(ProviderAccountId, String), EventKeyRow>,
    pub events: BTreeMap<EventId, OutboxEvent>,
    pub imports: BTreeMap<ImportId, Import>,
    pub asked_about: BTreeMap<SubscriptionId, Timestamp>,
    pub events_ordered: u64,
    pub commit_order: Vec<EventId>,
    pub event_endpoints: BTreeMap<EventEndpointId, EventEndpoint>,
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
}

/// A dedupe key that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKeyRow {
    /// Of which event.
    pub event: KnownEvent,
    /// Since when.
    pub created_at: Timestamp,
}

type Written = Result<(), Conflict>;

/// Saves what has a version, by the rule of [`Write`].
fn save<K: Ord, T>(
    table: &mut BTreeMap<K, T>,
    what: &'static str,
    id: K,
    mut row: T,
    version: impl Fn(&mut T) -> &mut u64,
) -> Written {
    let given = *version(&mut row);
    let stored = table.get_mut(&id).map(|known| *version(known));
    if stored.unwrap_or(0) != given {
        return Err(Conflict::Version(what));
    }
    *version(&mut row) += 1;
    table.insert(id, row);
    Ok(())
}

fn insert<K: Ord, T>(table: &mut BTreeMap<K, T>, what: &'static str, id: K, row: T) -> Written {
    if table.contains_key(&id) {
        return Err(Conflict::Version(what));
    }
    table.insert(id, row);
    Ok(())
}

/// What is referred to has to be there.
fn exists<K: Ord, T>(table: &BTreeMap<K, T>, id: &K, what: &'static str) -> Written {
    if table.contains_key(id) {
        Ok(())
    } else {
        Err(Conflict::Reference(what))
    }
}

/// An account knows the provider's id of a thing once.
macro_rules! save_referenced {
    ($rows:ident, $table:ident, $what:literal, $row:ident, $reference:expr) => {{
        exists(&$rows.accounts, &$row.account_id, $what)?;
        let reference = $reference;
        let taken = $rows.$table.values().any(|other| {
            other.id != $row.id && other.account_id == $row.account_id && reference(other) == reference(&$row)
        });
        if taken {
            return Err(Conflict::Version($what));
        }
        let mut row = $row;
        row.events.clear();
        save(&mut $rows.$table, $what, row.id, row, |row| &mut row.version)
    }};
}

impl Rows {
    /// Writes one thing.
    ///
    /// # Errors
    /// What stands against it; something may have been written by then.
    pub fn write(&mut self, write: Write) -> Written {
        match write {
            Write::Tenant(row) => insert(&mut self.tenants, "tenant", row.id, row),
            Write::Organization(mut row) => {
                exists(&self.tenants, &row.tenant_id, "organization")?;
                let key = (row.tenant_id, row.id.clone());
                if let Some(known) = self.organizations.get(&key) {
                    row.created_at = known.created_at;
                }
                self.organizations.insert(key, row);
                Ok(())
            }
            Write::User(mut row) => {
                exists(&self.tenants, &row.tenant_id, "user")?;
                let key = (row.tenant_id, row.id.clone());
                if let Some(known) = self.users.get(&key) {
                    row.created_at = known.created_at;
                }
                self.users.insert(key, row);
                Ok(())
            }
            Write::Product(mut row) => {
                exists(&self.tenants, &row.tenant_id, "product")?;
                for account in row.prices.keys() {
                    exists(&self.accounts, account, "price")?;
                }
                let key = (row.tenant_id, row.id.clone());
                if let Some(known) = self.products.get(&key) {
                    row.created_at = known.created_at;
                }
                self.products.insert(key, row);
                Ok(())
            }
            Write::ApiKey(row) => {
                exists(&self.tenants, &row.tenant_id, "API key")?;
                if self.api_keys.values().any(|key| key.hash == row.hash) {
                    return Err(Conflict::Version("API key"));
                }
                insert(&mut self.api_keys, "API key", row.id, row)
            }
            Write::RevokeApiKey { tenant_id, id, at } => {
                if let Some(key) = self.api_keys.get_mut(&id).filter(|key| key.tenant_id == tenant_id) {
                    key.revoked_at.get_or_insert(at);
                }
                Ok(())
            }
            Write::Account(row) => self.save_account(row),
            Write::Secret(row) => {
                exists(&self.accounts, &row.account_id, "secret")?;
                self.secrets.push(row);
                Ok(())
            }
            Write::ExpireSecrets { account_id, name, at } => {
                for secret in &mut self.secrets {
                    let same = secret.account_id == account_id && secret.name == name;
                    if same && secret.expires_at.is_none_or(|end| end > at) {
                        secret.expires_at = Some(at);
                    }
                }
                Ok(())
            }
            write => self.write_billing(write),
        }
    }

    fn save_account(&mut self, row: ProviderAccount) -> Written {
        exists(&self.tenants, &row.tenant_id, "provider account")?;
        let others = |other: &ProviderAccount| other.tenant_id == row.tenant_id && other.id != row.id;
        if self
            .accounts
            .values()
            .any(|other| others(other) && other.name == row.name)
        {
            return Err(Conflict::Reference("provider account with this name"));
        }
        if row.is_default {
            for other in self.accounts.values_mut().filter(|other| others(other)) {
                if std::mem::take(&mut other.is_default) {
                    other.version += 1;
                }
            }
        }
        save(&mut self.accounts, "provider account", row.id, row, |row| {
            &mut row.version
        })
    }

    fn write_billing(&mut self, write: Write) -> Written {
        match write {
            Write::IdempotencyKey(row) => {
                let key = (row.owner.clone(), row.key.key.clone());
                insert(&mut self.idempotency_keys, "", key, row).map_err(|_| Conflict::IdempotencyKey)
            }
            Write::Operation(row) => {
                exists(&self.accounts, &row.account_id, "operation")?;
                let open = |operation: &Operation| match operation.status {
                    OperationStatus::Running => true,
                    OperationStatus::UnknownOutcome => operation.lease_until.as_millis() < i64::MAX,
                    _ => false,
                };
                let subject = row.request.subject();
                let taken = |other: &Operation| other.id != row.id && open(other) && other.request.subject() == subject;
                if subject.is_some() && open(&row) && self.operations.values().any(taken) {
                    return Err(Conflict::Version("operation"));
                }
                save(&mut self.operations, "operation", row.id, row, |row| &mut row.version)
            }
            Write::Exchange {
                operation_id,
                index,
                exchange,
            } => {
                exists(&self.operations, &operation_id, "exchange")?;
                self.exchanges.insert((operation_id, index), exchange);
                Ok(())
            }
            Write::TruncateJournal { operation_id, from } => {
                self.exchanges
                    .retain(|(operation, index), _| *operation != operation_id || *index < from);
                Ok(())
            }
            Write::CheckoutSession(row) => self.save_checkout_session(row),
            Write::Customer(row) => {
                save_referenced!(self, customers, "customer", row, |row: &Customer| row
                    .provider_reference
                    .clone())
            }
            Write::Subscription(row) => {
                exists(&self.customers, &row.customer_id, "subscription")?;
                save_referenced!(self, subscriptions, "subscription", row, |row: &Subscription| row
                    .provider_reference
                    .clone())
            }
            Write::AskedAbout {
                subscription_id,
                at,
                asked_before,
            } => {
                let known = self.subscriptions.contains_key(&subscription_id);
                let since = self
                    .asked_about
                    .get(&subscription_id)
                    .is_some_and(|asked| *asked >= asked_before);
                if !known || since {
                    return Err(Conflict::Version("subscription"));
                }
                self.asked_about.insert(subscription_id, at);
                Ok(())
            }
            Write::Purchase(row) => {
                if let Some(id) = &row.customer_id {
                    exists(&self.customers, id, "purchase")?;
                }
                if let Some(id) = &row.subscription_id {
                    exists(&self.subscriptions, id, "purchase")?;
                }
                save_referenced!(self, purchases, "purchase", row, |row: &Purchase| row
                    .provider_reference
                    .clone())
            }
            Write::Payment(row) => {
                save_referenced!(self, payments, "payment", row, |row: &Payment| row
                    .facts
                    .provider_reference
                    .clone())
            }
            Write::Refund(row) => {
                save_referenced!(self, refunds, "refund", row, |row: &Refund| row
                    .facts
                    .provider_reference
                    .clone())
            }
            Write::Dispute(row) => {
                save_referenced!(self, disputes, "dispute", row, |row: &Dispute| row
                    .facts
                    .provider_reference
                    .clone())
            }
            Write::Inbox(row) => self.save_inbox(row),
            Write::EventKey {
                account_id,
                dedupe_key,
                inbox_id,
                digest,
                at,
            } => {
                let event = KnownEvent {
                    dedupe_key: dedupe_key.clone(),
                    inbox_id,
                    digest,
                };
                let row = EventKeyRow { event, created_at: at };
                insert(&mut self.event_keys, "", (account_id, dedupe_key.clone()), row)
                    .map_err(|_| Conflict::DuplicateEvent { dedupe_key })
            }
            Write::EventDigest {
                account_id,
                dedupe_key,
                digest,
            } => {
                if let Some(row) = self.event_keys.get_mut(&(account_id, dedupe_key)) {
                    row.event.digest = Some(digest);
                }
                Ok(())
            }
            Write::ReplayInbox {
                id,
                version,
                plugin_version,
                at,
            } => {
                let known = self.inbox.get_mut(&id).filter(|row| row.version == version);
                let row = known.ok_or(Conflict::Version("webhook"))?;
                row.status = InboxStatus::Pending;
                row.attempts = 0;
                row.next_attempt_at = at;
                row.plugin_version = plugin_version;
                row.replays += 1;
                row.version += 1;
                Ok(())
            }
            Write::Import(row) => {
                exists(&self.accounts, &row.account_id, "import")?;
                let running = |import: &Import| import.status == ImportStatus::Running;
                let taken = |other: &Import| other.id != row.id && other.account_id == row.account_id && running(other);
                if running(&row) && self.imports.values().any(taken) {
                    return Err(Conflict::Version("import"));
                }
                save(&mut self.imports, "import", row.id, row, |row| &mut row.version)
            }
            Write::Event(row) => {
                self.commit_order.push(row.id);
                insert(&mut self.events, "event", row.id, row)
            }
            Write::OrderEvents { from, ids } => self.order_events(from, &ids),
            Write::EventEndpoint(row) => {
                exists(&self.tenants, &row.tenant_id, "event endpoint")?;
                save(&mut self.event_endpoints, "event endpoint", row.id, row, |row| {
                    &mut row.version
                })
            }
            Write::Delivery(row) => {
                exists(&self.event_endpoints, &row.endpoint_id, "delivery")?;
                let same = |other: &Delivery| other.endpoint_id == row.endpoint_id && other.event_id == row.event_id;
                if self.deliveries.values().any(|other| other.id != row.id && same(other)) {
                    return Err(Conflict::Version("delivery"));
                }
                save(&mut self.deliveries, "delivery", row.id, row, |row| &mut row.version)
            }
            Write::Remove { what, before, limit } => {
                self.remove(what, before, limit);
                Ok(())
            }
            // The rest is the caller's.
            _ => Ok(()),
        }
    }

    fn order_events(&mut self, from: u64, ids: &[EventId]) -> Written {
        let conflict = Err(Conflict::Version("order of events"));
        if self.events_ordered != from {
            return conflict;
        }
        for id in ids {
            self.events_ordered += 1;
            match self.events.get_mut(id).filter(|event| event.position.is_none()) {
                Some(event) => event.position = Some(self.events_ordered),
                None => return conflict,
            }
        }
        Ok(())
    }

    fn save_checkout_session(&mut self, mut row: CheckoutSession) -> Written {
        exists(&self.accounts, &row.account_id, "checkout session")?;
        let taken = self.checkout_sessions.values().any(|other| {
            other.id != row.id
                && other.account_id == row.account_id
                && row.provider_reference.is_some()
                && other.provider_reference == row.provider_reference
        });
        if taken {
            return Err(Conflict::Version("checkout session"));
        }
        row.events.clear();
        save(&mut self.checkout_sessions, "checkout session", row.id, row, |row| {
            &mut row.version
        })
    }

    fn save_inbox(&mut self, mut row: InboxEntry) -> Written {
        exists(&self.accounts, &row.account_id, "webhook")?;
        if let Some(known) = self.inbox.get(&row.id) {
            row.request = known.request.clone();
        }
        save(&mut self.inbox, "webhook", row.id, row, |row| &mut row.version)
    }
}
