//! The shapes of Stripe's objects: only the fields that are needed, in the newest version and in those before
//! 2025-03-31.basil, which older webhook endpoints still send.

use super::read::{Created, Expandable, List, Metadata, Readable, Wrong, optional, required};
use tillgate_plugin_sdk::Json;

/// A reference to another object.
pub(crate) type Reference = Expandable<Identified>;

shape!(
    /// What has an id, and nothing else that matters.
    Identified {
        must id: String,
    }
);

shape!(
    /// <https://docs.stripe.com/api/checkout/sessions/object>
    Session {
        must id: String,
        may url: String,
        may mode: String,
        may status: String,
        may payment_status: String,
        may customer: Reference,
        may customer_email: String,
        may customer_details: CustomerDetails,
        may subscription: Reference,
        may invoice: Reference,
        may payment_intent: Reference,
        may client_reference_id: String,
        may metadata: Metadata,
        may amount_total: i64,
        may currency: String,
        may expires_at: i64,
    }
);

shape!(
    /// <https://docs.stripe.com/api/customers/object>
    Customer {
        must id: String,
        may email: String,
        may metadata: Metadata,
    }
);

shape!(
    CustomerDetails {
        may email: String,
    }
);

shape!(
    /// <https://docs.stripe.com/api/customer_portal/sessions/object>
    PortalSession {
        must id: String,
        must url: String,
    }
);

shape!(
    /// <https://docs.stripe.com/api/subscriptions/object>
    Subscription {
        must id: String,
        must status: String,
        may customer: Reference,
        may currency: String,
        may collection_method: String,
        may items: List<Item>,
        may cancel_at: i64,
        may cancel_at_period_end: bool,
        may canceled_at: i64,
        may ended_at: i64,
        may trial_start: i64,
        may trial_end: i64,
        /// Before basil; since then each item has its own period.
        may current_period_start: i64,
        /// Before basil.
        may current_period_end: i64,
        may latest_invoice: Expandable<InvoicePage>,
        may pending_update: PendingUpdate,
        may pause_collection: PauseCollection,
        may metadata: Metadata,
    }
);

shape!(
    /// <https://docs.stripe.com/api/subscription_items/object>
    Item {
        must id: String,
        may quantity: u64,
        may price: Expandable<Price>,
        may current_period_start: i64,
        may current_period_end: i64,
    }
);

shape!(
    /// <https://docs.stripe.com/api/prices/object>
    Price {
        must id: String,
        may product: Reference,
        may unit_amount: i64,
        may currency: String,
    }
);

shape!(
    /// Where the customer pays an invoice.
    InvoicePage {
        must id: String,
        may hosted_invoice_url: String,
    }
);

shape!(
    /// A change that waits for its payment (<https://docs.stripe.com/billing/subscriptions/pending-updates>).
    PendingUpdate {

    }
);

shape!(
    /// That nothing is collected for now (<https://docs.stripe.com/billing/subscriptions/pause-payment>).
    PauseCollection {

    }
);

shape!(
    /// <https://docs.stripe.com/api/invoices/object>
    Invoice {
        must id: String,
        may status: String,
        may customer: Reference,
        may currency: String,
        may amount_due: i64,
        may amount_paid: i64,
        may attempt_count: u32,
        may next_payment_attempt: i64,
        may hosted_invoice_url: String,
        may last_finalization_error: Failure,
        may parent: InvoiceParent,
        may payments: List<InvoicePayment>,
        /// Before basil; since then it is in `parent`.
        may subscription: Reference,
        /// Before basil.
        may charge: Reference,
        /// Before basil.
        may payment_intent: Reference,
    }
);

shape!(
    InvoiceParent {
        may subscription_details: InvoiceSubscription,
    }
);

shape!(
    InvoiceSubscription {
        may subscription: Reference,
    }
);

shape!(
    /// <https://docs.stripe.com/api/invoice-payment/object>
    InvoicePayment {
        may amount_paid: i64,
        may invoice: Reference,
        may payment: PaymentOf,
    }
);

shape!(
    PaymentOf {
        may payment_intent: Reference,
        may charge: Reference,
    }
);

shape!(
    Failure {
        may message: String,
    }
);

shape!(
    /// <https://docs.stripe.com/api/charges/object>
    Charge {
        must id: String,
        must amount_refunded: i64,
        must currency: String,
        may payment_intent: Reference,
        /// Before basil.
        may invoice: Reference,
    }
);

shape!(
    /// <https://docs.stripe.com/api/refunds/object>
    Refund {
        must id: String,
        must amount: i64,
        must currency: String,
        may status: String,
        may charge: Reference,
        may payment_intent: Reference,
        may reason: String,
        may failure_reason: String,
    }
);

shape!(
    /// <https://docs.stripe.com/api/disputes/object>
    Dispute {
        must id: String,
        must amount: i64,
        must currency: String,
        must status: String,
        may charge: Reference,
        may payment_intent: Reference,
        may reason: String,
        may evidence_details: Evidence,
    }
);

shape!(
    Evidence {
        may due_by: i64,
    }
);

shape!(
    /// An event, with its object (<https://docs.stripe.com/api/events/object>) or only a reference to it: a thin event,
    /// whose `object` is `v2.core.event` (<https://docs.stripe.com/event-destinations>).
    Envelope {
        must id: String,
        must object: String,
        must kind = "type": String,
        may created: Created,
        may livemode: bool,
        may account: String,
        may context: String,
        may request: Expandable<Request>,
        may reason: Reason,
        may related_object: RelatedObject,
    }
);

shape!(
    /// The request that caused an event.
    Request {
        may idempotency_key: String,
    }
);

shape!(
    /// Why a thin event happened.
    Reason {
        may request: Request,
    }
);

shape!(
    /// What a thin event is about. Its `url` isn't read: a path is made of what it is and its id.
    RelatedObject {
        must id: String,
        must kind = "type": String,
    }
);

shape!(
    /// A refusal (<https://docs.stripe.com/api/errors>).
    Refusal {
        may kind = "type": String,
        may code: String,
        may decline_code: String,
        may param: String,
        may message: String,
    }
);
