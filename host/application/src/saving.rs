//! From aggregates to what is written: the aggregate itself, and an event for each thing that happened to it.

use serde_json::Value;
use tillgate_domain::{
    CheckoutSession, Customer, Dispute, DomainEvent, EventId, Payment, Purchase, Refund, Subscription, TenantId,
};

use crate::Application;
use crate::inbox::OutboxEvent;
use crate::ports::{UnitOfWork, Write};
use crate::views::{self, EventData, EventView, rfc3339};

/// Something that is saved with the events it recorded.
pub(crate) trait Aggregate: Sized {
    fn take_events(&mut self) -> Vec<DomainEvent>;
    fn tenant_id(&self) -> TenantId;
    fn text_id(&self) -> String;
    fn view(&self) -> Value;
    fn write(self) -> Write;
    /// Whether a change of it is news, whoever found it: it was there before, and something was bought or paid, or ended.
    fn is_news(&self) -> bool;
}

macro_rules! aggregates {
    ($($name:ident => $view:ident, $news:literal;)*) => {$(
        impl Aggregate for $name {
            fn take_events(&mut self) -> Vec<DomainEvent> {
                std::mem::take(&mut self.events)
            }
            fn tenant_id(&self) -> TenantId {
                self.tenant_id
            }
            fn text_id(&self) -> String {
                self.id.to_string()
            }
            fn view(&self) -> Value {
                serde_json::to_value(views::$view::from(self)).unwrap_or_default()
            }
            fn write(self) -> Write {
                Write::$name(self)
            }
            fn is_news(&self) -> bool {
                $news && self.version > 0
            }
        }
    )*};
}

aggregates! {
    CheckoutSession => CheckoutSessionView, false;
    Customer => CustomerView, false;
    Subscription => SubscriptionView, true;
    Purchase => PurchaseView, true;
    Payment => PaymentView, true;
    Refund => RefundView, true;
    Dispute => DisputeView, true;
}

impl Application {
    /// Adds an aggregate and its events to a unit of work.
    pub(crate) fn save<A: Aggregate>(&self, work: &mut UnitOfWork, aggregate: A) {
        self.save_marked(work, aggregate, false);
    }

    /// The same of what an import found: its events say so.
    pub(crate) fn save_imported<A: Aggregate>(&self, work: &mut UnitOfWork, aggregate: A) {
        self.save_marked(work, aggregate, true);
    }

    fn save_marked<A: Aggregate>(&self, work: &mut UnitOfWork, mut aggregate: A, imported: bool) {
        let events = aggregate.take_events();
        let tenant_id = aggregate.tenant_id();
        let aggregate_id = aggregate.text_id();
        let object = if events.is_empty() {
            Value::Null
        } else {
            aggregate.view()
        };
        work.push(aggregate.write());
        for event in events {
            let id = EventId::from_bits(self.next_id());
            let view = EventView {
                id: id.to_string(),
                r#type: event.kind.name().to_owned(),
                created_at: rfc3339(event.recorded_at),
                imported,
                data: EventData {
                    object: object.clone(),
                    changes: views::changes(&event),
                },
            };
            // What is about a subscription comes in order with what happens to it.
            let subject = object["subscription_id"].as_str().unwrap_or(&aggregate_id);
            work.push(Write::Event(OutboxEvent {
                id,
                tenant_id,
                event_type: view.r#type.clone(),
                aggregate_id: aggregate_id.clone(),
                subject: subject.to_owned(),
                position: None,
                payload: serde_json::to_string(&view).unwrap_or_default(),
                created_at: event.recorded_at,
            }));
        }
    }
}
