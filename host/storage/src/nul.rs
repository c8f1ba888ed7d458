//! Texts that can't be stored.

use tillgate_application::ports::Write;

fn any<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}

/// Whether a text column of it would hold a NUL character. Ids and words of ours never do, and JSON escapes it.
pub(crate) fn is_in(write: &Write) -> bool {
    match write {
        Write::Tenant(tenant) => any([Some(tenant.name.as_str())]),
        Write::Organization(put) => any([Some(put.id.as_str()), put.name.as_deref()]),
        Write::User(put) => any([Some(put.id.as_str()), put.email.as_deref(), put.name.as_deref()]),
        Write::Product(put) => {
            any([Some(put.id.as_str()), put.name.as_deref()])
                || any(put.prices.values().map(|price| Some(price.as_str())))
        }
        Write::ApiKey(key) => any([Some(key.name.as_str()), Some(key.hint.as_str())]),
        Write::Account(account) => any([
            Some(account.name.as_str()),
            Some(account.plugin.as_str()),
            Some(account.plugin_version.as_str()),
            Some(account.plugin_digest.as_str()),
        ]),
        Write::Secret(secret) => any([Some(secret.name.as_str())]),
        Write::ExpireSecrets { name, .. } => any([Some(name.as_str())]),
        Write::IdempotencyKey(record) => any([Some(record.owner.as_str()), Some(record.key.key.as_str())]),
        Write::Operation(operation) => any([Some(operation.plugin_digest.as_str()), operation.answer.as_deref()]),
        Write::CheckoutSession(session) => any([
            Some(session.product_id.as_str()),
            session.customer_email.as_deref(),
            session.organization_id.as_deref(),
            session.user_id.as_deref(),
            Some(session.success_url.as_str()),
            Some(session.cancel_url.as_str()),
            session.provider_reference.as_deref(),
            session.url.as_deref(),
        ]),
        Write::Customer(customer) => any([
            Some(customer.provider_reference.as_str()),
            customer.email.as_deref(),
            customer.organization_id.as_deref(),
            customer.user_id.as_deref(),
        ]),
        Write::Subscription(subscription) => any([
            subscription.product_id.as_deref(),
            Some(subscription.provider_reference.as_str()),
            Some(subscription.provider_status()),
            subscription.terms().price_reference.as_deref(),
        ]),
        Write::Purchase(purchase) => any([
            purchase.product_id.as_deref(),
            Some(purchase.provider_reference.as_str()),
            purchase.provider_transaction_id.as_deref(),
        ]),
        Write::Payment(payment) => {
            let facts = &payment.facts;
            any([
                Some(facts.provider_reference.as_str()),
                facts.failure_reason.as_deref(),
                facts.invoice_url.as_deref(),
                facts.receipt_url.as_deref(),
            ]) || any(facts.aliases.iter().map(|alias| Some(alias.as_str())))
        }
        Write::Refund(refund) => {
            let facts = &refund.facts;
            any([
                Some(facts.provider_reference.as_str()),
                facts.reason.as_deref(),
                facts.failure_reason.as_deref(),
            ])
        }
        Write::Dispute(dispute) => {
            let facts = &dispute.facts;
            any([
                Some(facts.provider_reference.as_str()),
                facts.reason.as_deref(),
                Some(facts.provider_status.as_str()),
            ])
        }
        Write::Inbox(entry) => any([
            Some(entry.request.method.as_str()),
            Some(entry.request.url.as_str()),
            Some(entry.provider_types.as_str()),
            entry.error.as_deref(),
            entry.plugin_version.as_deref(),
        ]),
        Write::ReplayInbox { plugin_version, .. } => any([plugin_version.as_deref()]),
        Write::EventKey { dedupe_key, .. } | Write::EventDigest { dedupe_key, .. } => any([Some(dedupe_key.as_str())]),
        Write::Event(event) => any([
            Some(event.event_type.as_str()),
            Some(event.aggregate_id.as_str()),
            Some(event.subject.as_str()),
            Some(event.payload.as_str()),
        ]),
        Write::Import(import) => any([import.cursor.as_deref()]),
        Write::EventEndpoint(endpoint) => any([
            Some(endpoint.url.as_str()),
            endpoint.description.as_deref(),
            endpoint.disabled_reason.as_deref(),
        ]),
        Write::AskedAbout { .. }
        | Write::OrderEvents { .. }
        | Write::Delivery(_)
        | Write::RevokeApiKey { .. }
        | Write::Exchange { .. }
        | Write::Remove { .. }
        | Write::TruncateJournal { .. } => false,
    }
}
