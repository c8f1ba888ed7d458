//! The simulated account: all objects, its clock and its randomness.
//!
//! One mutex guards it, and no method waits for anything, so every request
//! sees the account between two whole changes.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::Options;
use super::api::idempotency::IdempotencyKeys;
use super::api::log::LoggedRequest;
use super::billing::due::Timers;
use super::clock::Clock;
use super::control::faults::Faults;
use super::events::{Event, MAX_EVENTS};
use super::model::catalog::{Price, Product};
use super::model::checkout::{CheckoutSession, PortalSession};
use super::model::customer::Customer;
use super::model::endpoint::WebhookEndpoint;
use super::model::invoice::Invoice;
use super::model::payment::{Charge, Dispute, PaymentIntent, Refund};
use super::model::subscription::Subscription;
use super::model::{Dialect, Table};
use super::random::Random;
use super::webhooks::Deliveries;

/// Where links point to until the listener's address is known.
const UNKNOWN_BASE_URL: &str = "http://localhost";

/// The API request that caused a change, as events name it.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) request_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) base_url: String,
    pub(super) clock: Clock,
    /// The instant being lived through: while what is due is caught up with,
    /// it is earlier than the clock.
    pub(super) now: i64,
    pub(super) random: Random,
    pub(super) request_ids: Random,
    pub(super) shuffle: Random,
    pub(super) products: Table<Product>,
    pub(super) prices: Table<Price>,
    pub(super) customers: Table<Customer>,
    pub(super) sessions: Table<CheckoutSession>,
    pub(super) portal_sessions: Table<PortalSession>,
    pub(super) subscriptions: Table<Subscription>,
    pub(super) invoices: Table<Invoice>,
    pub(super) intents: Table<PaymentIntent>,
    pub(super) charges: Table<Charge>,
    pub(super) refunds: Table<Refund>,
    pub(super) disputes: Table<Dispute>,
    pub(super) endpoints: Table<WebhookEndpoint>,
    pub(super) events: Table<Event>,
    pub(super) timers: Timers,
    pub(super) origin: Origin,
    pub(super) idempotency: IdempotencyKeys,
    pub(super) faults: Faults,
    pub(super) requests: VecDeque<LoggedRequest>,
    pub(super) deliveries: Deliveries,
}

impl State {
    pub(super) fn new(options: Options) -> Self {
        let clock = Clock::new(options.frozen_at);
        let base_url = options
            .public_base_url
            .as_deref()
            .unwrap_or(UNKNOWN_BASE_URL)
            .trim_end_matches('/')
            .to_owned();
        Self {
            now: clock.now(),
            clock,
            base_url,
            random: Random::new(options.seed),
            request_ids: Random::stream(options.seed, 1),
            shuffle: Random::stream(options.seed, 2),
            options,
            products: Table::default(),
            prices: Table::default(),
            customers: Table::default(),
            sessions: Table::default(),
            portal_sessions: Table::default(),
            subscriptions: Table::default(),
            invoices: Table::default(),
            intents: Table::default(),
            charges: Table::default(),
            refunds: Table::default(),
            disputes: Table::default(),
            endpoints: Table::default(),
            events: Table::with_capacity(MAX_EVENTS),
            timers: Timers::default(),
            origin: Origin::default(),
            idempotency: IdempotencyKeys::default(),
            faults: Faults::default(),
            requests: VecDeque::new(),
            deliveries: Deliveries::default(),
        }
    }

    /// Forgets everything but the options and the address, as if started anew.
    pub(super) fn reset(&mut self) {
        let mut options = self.options.clone();
        options.public_base_url = Some(self.base_url.clone());
        let deliveries = self.deliveries.cleared();
        *self = Self::new(options);
        self.deliveries = deliveries;
    }

    /// Any object as its readers see it, by the prefix of its id.
    pub(super) fn render(&self, id: &str, dialect: Dialect) -> Option<Value> {
        let (prefix, _) = id.split_once('_')?;
        match prefix {
            "prod" => self.products.get(id).map(Product::render),
            "price" => self.prices.get(id).map(Price::render),
            "cus" => self.customers.get(id).map(Customer::render),
            "cs" => self.sessions.get(id).map(CheckoutSession::render),
            "bps" => self.portal_sessions.get(id).map(PortalSession::render),
            "sub" => self
                .subscriptions
                .get(id)
                .map(|found| found.render(&self.prices, dialect)),
            "in" => self.invoices.get(id).map(|found| found.render(dialect)),
            "pi" => self.intents.get(id).map(|found| found.render(dialect)),
            "ch" => self.charges.get(id).map(|found| found.render(dialect)),
            "re" => self.refunds.get(id).map(Refund::render),
            "dp" => self.disputes.get(id).map(Dispute::render),
            "we" => self.endpoints.get(id).map(WebhookEndpoint::render),
            _ => None,
        }
    }

    /// The line items of a session, which its readers ask for separately.
    pub(super) fn render_session_lines(&self, session: &CheckoutSession) -> Value {
        session.render_lines(|price| self.prices.get(price).map_or(Value::Null, Price::render))
    }

    /// What `GET /_simulator/state` shows.
    pub(super) fn summary(&self) -> Value {
        json!({
            "now": self.now,
            "now_rfc3339": super::clock::rfc3339(self.now),
            "base_url": self.base_url,
            "seed": self.options.seed,
            "api_version": super::API_VERSION,
            "counts": {
                "products": self.products.len(), "prices": self.prices.len(),
                "customers": self.customers.len(), "checkout_sessions": self.sessions.len(),
                "billing_portal_sessions": self.portal_sessions.len(),
                "subscriptions": self.subscriptions.len(), "invoices": self.invoices.len(),
                "payment_intents": self.intents.len(), "charges": self.charges.len(),
                "refunds": self.refunds.len(), "disputes": self.disputes.len(),
                "webhook_endpoints": self.endpoints.len(), "events": self.events.len(),
                "requests": self.requests.len(), "deliveries": self.deliveries.len(),
                "deliveries_pending": self.deliveries.pending(),
            },
            "faults": self.faults.to_json(),
        })
    }
}
