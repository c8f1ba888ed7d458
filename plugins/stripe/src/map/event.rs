//! Events: their types, and what their objects say.

use tillgate_plugin_sdk::Json;
use tillgate_plugin_sdk::types::{Mode, Timestamp};
use tillgate_plugin_sdk::webhooks::{
    self, CheckoutState, EventBody, PaymentState, SubscriptionChange, SubscriptionFacts,
};
use tillgate_plugin_sdk::{log, time};

use super::read::{Created, Expandable, Readable, Wrong};
use super::shape::{Charge, Dispute, Envelope, Invoice, Refund, Session, Subscription};

/// What an event type is about (<https://docs.stripe.com/api/events/types>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Checkout(CheckoutState),
    Subscription(SubscriptionChange),
    Payment(PaymentState),
    Charge,
    Refund,
    Dispute,
    Other,
}

impl Topic {
    fn of(event_type: &str) -> Self {
        match event_type {
            "checkout.session.completed" => Self::Checkout(CheckoutState::Completed),
            "checkout.session.async_payment_succeeded" => Self::Checkout(CheckoutState::PaymentSucceeded),
            "checkout.session.async_payment_failed" => Self::Checkout(CheckoutState::PaymentFailed),
            "checkout.session.expired" => Self::Checkout(CheckoutState::Expired),
            "customer.subscription.created" => Self::Subscription(SubscriptionChange::Created),
            "customer.subscription.deleted" => Self::Subscription(SubscriptionChange::Ended),
            "customer.subscription.updated"
            | "customer.subscription.paused"
            | "customer.subscription.resumed"
            | "customer.subscription.trial_will_end"
            | "customer.subscription.pending_update_applied"
            | "customer.subscription.pending_update_expired" => Self::Subscription(SubscriptionChange::Updated),
            "invoice.paid" | "invoice.payment_succeeded" => Self::Payment(PaymentState::Succeeded),
            "invoice.payment_failed" => Self::Payment(PaymentState::Failed),
            "invoice.payment_action_required" => Self::Payment(PaymentState::Pending),
            "charge.refunded" => Self::Charge,
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => Self::Refund,
            "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => Self::Dispute,
            _ => Self::Other,
        }
    }

    /// What Stripe calls the object, and the folder it is in.
    fn object(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Checkout(_) => ("checkout.session", "/v1/checkout/sessions"),
            Self::Subscription(_) => ("subscription", "/v1/subscriptions"),
            Self::Payment(_) => ("invoice", "/v1/invoices"),
            Self::Charge => ("charge", "/v1/charges"),
            Self::Refund => ("refund", "/v1/refunds"),
            Self::Dispute => ("dispute", "/v1/disputes"),
            Self::Other => return None,
        })
    }
}

/// An event that was read, before its object.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    document: Json<'a>,
    envelope: Envelope,
    topic: Topic,
}

/// Where an event's object is.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// In the event.
    Here(&'a Json<'a>),
    /// At Stripe, under this path.
    At(String),
    /// It doesn't matter.
    None,
}

/// An object an event told of, understood as far as the event needs it.
#[derive(Debug)]
pub(crate) enum Object {
    Session(Session),
    Subscription(Subscription),
    Invoice(Invoice),
    Charge(Charge),
    Refund(Refund),
    Dispute(Dispute),
}

impl<'a> Event<'a> {
    /// Reads an event.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, String> {
        // Some proxies put a byte order mark in front; it was signed, and means nothing.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let document = Json::read(body).map_err(|error| error.to_string())?;
        let envelope = Envelope::read(&document).map_err(|wrong| wrong.to_string())?;
        let event_type = match envelope.object.as_str() {
            "event" => envelope.kind.as_str(),
            "v2.core.event" => envelope.kind.strip_prefix("v1.").unwrap_or(""),
            _ => return Err("it is not an event".to_owned()),
        };
        if envelope.id.is_empty() || envelope.kind.is_empty() {
            return Err("it has no id or no type".to_owned());
        }
        let topic = Topic::of(event_type);
        Ok(Self {
            document,
            envelope,
            topic,
        })
    }

    /// Where its object is. The path of a thin event is made of what it is about and of the object's id, never of the
    /// address that came with it.
    pub(crate) fn body(&self) -> Result<Body<'_>, String> {
        let Some((object_type, folder)) = self.topic.object() else {
            return Ok(Body::None);
        };
        if self.envelope.object == "event" {
            return Ok(Body::Here(self.document.get("data").get("object")));
        }
        let related = self.envelope.related_object.as_ref();
        let related = related.ok_or("it has no related object")?;
        if related.kind != object_type {
            log::warn("Stripe relates an event to another kind of object than its type says");
            return Ok(Body::None);
        }
        if !crate::api::is_id(&related.id) {
            return Err("the related object's id is none".to_owned());
        }
        Ok(Body::At(format!("{folder}/{}", related.id)))
    }

    /// When it happened, by Stripe's clock.
    pub(crate) fn occurred_at(&self) -> Option<Timestamp> {
        match self.envelope.created.as_ref()? {
            Created::Seconds(seconds) => time::from_unix_seconds(*seconds),
            Created::Text(text) => time::parse_rfc3339(text),
        }
    }

    /// Reads the object.
    pub(crate) fn object(&self, object: &Json<'_>) -> Result<Object, String> {
        let object = match self.topic {
            Topic::Checkout(_) => Session::read(object).map(Object::Session),
            Topic::Subscription(_) => Subscription::read(object).map(Object::Subscription),
            Topic::Payment(_) => Invoice::read(object).map(Object::Invoice),
            Topic::Charge => Charge::read(object).map(Object::Charge),
            Topic::Refund => Refund::read(object).map(Object::Refund),
            Topic::Dispute => Dispute::read(object).map(Object::Dispute),
            Topic::Other => Err(Wrong::default()),
        };
        object.map_err(|wrong| wrong.to_string())
    }

    /// What it says, given its object as it was at `as_of`. One of Stripe's events can be two of the contract's.
    pub(crate) fn normalized(&self, object: &Object, as_of: Option<Timestamp>) -> Result<Vec<webhooks::Event>, String> {
        const NO_AMOUNT: &str = "its object has no amount that can be understood";
        let body = match (self.topic, object) {
            // It saved a card, and sold nothing.
            (Topic::Checkout(_), Object::Session(session)) if session.is_setup() => EventBody::Other,
            (Topic::Checkout(state), Object::Session(session)) => {
                let mut events = vec![self.event("", EventBody::Checkout(session.facts(state)))];
                let payment = session.payment_facts(state).map(EventBody::Payment);
                events.extend(payment.map(|payment| self.event("/payment", payment)));
                return Ok(events);
            }
            (Topic::Subscription(change), Object::Subscription(subscription)) => {
                EventBody::Subscription(SubscriptionFacts {
                    change,
                    snapshot: subscription.snapshot(as_of),
                })
            }
            (Topic::Payment(state), Object::Invoice(invoice)) => {
                EventBody::Payment(invoice.facts(state).ok_or(NO_AMOUNT)?)
            }
            (_, Object::Charge(charge)) => EventBody::Refund(charge.facts().ok_or(NO_AMOUNT)?),
            (_, Object::Refund(refund)) => EventBody::Refund(refund.facts().ok_or(NO_AMOUNT)?),
            (_, Object::Dispute(dispute)) => EventBody::Dispute(dispute.facts().ok_or(NO_AMOUNT)?),
            _ => EventBody::Other,
        };
        Ok(vec![self.event("", body)])
    }

    /// The event without effect.
    pub(crate) fn other(&self) -> webhooks::Event {
        self.event("", EventBody::Other)
    }

    fn event(&self, suffix: &str, body: EventBody) -> webhooks::Event {
        let envelope = &self.envelope;
        let mode = |live| if live { Mode::Live } else { Mode::Test };
        webhooks::Event {
            dedupe_key: format!("{}{suffix}", envelope.id),
            provider_type: envelope.kind.clone(),
            provider_event_id: Some(envelope.id.clone()),
            occurred_at: self.occurred_at(),
            mode: envelope.livemode.map(mode),
            account_reference: self.account().map(str::to_owned),
            idempotency_key: self.idempotency_key(),
            body,
            extra: Vec::new(),
        }
    }

    /// The connected account. A thin event has it as the last part of its context
    /// (<https://docs.stripe.com/context>).
    pub(crate) fn account(&self) -> Option<&str> {
        let context = self.envelope.context.as_deref();
        let last = context.and_then(|context| context.rsplit('/').next());
        let of_context = last.filter(|part| part.starts_with("acct_"));
        self.envelope.account.as_deref().or(of_context)
    }

    fn idempotency_key(&self) -> Option<String> {
        let of_request = match &self.envelope.request {
            Some(Expandable::Whole(request)) => Some(request),
            _ => None,
        };
        let of_reason = self.envelope.reason.as_ref().and_then(|reason| reason.request.as_ref());
        of_request.or(of_reason)?.idempotency_key.clone()
    }
}
