//! Events: snapshots of an object at the time something happened to it
//! (<https://docs.stripe.com/api/events>).

use serde_json::{Map, Value, json};

use super::clock::rfc3339;
use super::model::Dialect;
use super::state::{Origin, State};

/// The most events kept; Stripe keeps 30 days of them.
pub(super) const MAX_EVENTS: usize = 20_000;

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) created: i64,
    object_id: String,
    current: Snapshot,
    legacy: Snapshot,
    origin: Origin,
}

#[derive(Debug, Clone)]
struct Snapshot {
    object: Value,
    previous: Option<Value>,
}

/// An object before a change, in both shapes.
#[derive(Debug)]
pub(super) struct Before {
    current: Value,
    legacy: Value,
}

impl Event {
    pub(super) fn render(&self, api_version: &str, pending_webhooks: usize) -> Value {
        let snapshot = match Dialect::of(api_version) {
            Dialect::Current => &self.current,
            Dialect::Legacy => &self.legacy,
        };
        let mut data = json!({"object": snapshot.object});
        if let Some(previous) = &snapshot.previous {
            data["previous_attributes"] = previous.clone();
        }
        json!({
            "id": self.id, "object": "event", "api_version": api_version, "created": self.created,
            "data": data, "livemode": false, "pending_webhooks": pending_webhooks,
            "request": {"id": self.origin.request_id, "idempotency_key": self.origin.idempotency_key},
            "type": self.kind,
        })
    }

    /// The thin form, which names its object instead of carrying it
    /// (<https://docs.stripe.com/event-destinations#thin-events>).
    pub(super) fn render_thin(&self) -> Value {
        let kind = self.current.object["object"].as_str().unwrap_or_default();
        json!({
            "id": self.id, "object": "v2.core.event", "type": format!("v1.{}", self.kind),
            "created": rfc3339(self.created), "livemode": false, "context": null,
            "snapshot_event": self.id, "changes": {},
            "reason": self.origin.request_id.as_ref().map(|id| json!({
                "type": "request",
                "request": {"id": id, "idempotency_key": self.origin.idempotency_key},
            })),
            "related_object": {"id": self.object_id, "type": kind, "url": resource_url(kind, &self.object_id)},
        })
    }
}

fn resource_url(kind: &str, id: &str) -> String {
    let collection = match kind {
        "checkout.session" => "checkout/sessions",
        "billing_portal.session" => "billing_portal/sessions",
        other => return format!("/v1/{other}s/{id}"),
    };
    format!("/v1/{collection}/{id}")
}

impl State {
    /// Both shapes of an object, to compare with after a change.
    pub(super) fn before(&self, id: &str) -> Before {
        Before {
            current: self.render(id, Dialect::Current).unwrap_or_default(),
            legacy: self.render(id, Dialect::Legacy).unwrap_or_default(),
        }
    }

    /// Reports that something happened to an object.
    pub(super) fn emit(&mut self, kind: &'static str, object_id: &str) {
        self.record(kind, object_id, None);
    }

    /// Reports a change with `previous_attributes`; silent if nothing changed.
    pub(super) fn emit_changed(&mut self, kind: &'static str, object_id: &str, before: &Before) {
        self.record(kind, object_id, Some(before));
    }

    fn record(&mut self, kind: &'static str, object_id: &str, before: Option<&Before>) {
        let (Some(current), Some(legacy)) = (
            self.render(object_id, Dialect::Current),
            self.render(object_id, Dialect::Legacy),
        ) else {
            return;
        };
        let previous = before.map(|before| {
            (
                differences(&before.current, &current),
                differences(&before.legacy, &legacy),
            )
        });
        if previous.as_ref().is_some_and(|(current, _)| *current == json!({})) {
            return;
        }
        let (previous_current, previous_legacy) = previous.unzip();
        let event = Event {
            id: self.random.id("evt_"),
            kind,
            created: self.now,
            object_id: object_id.to_owned(),
            current: Snapshot {
                object: current,
                previous: previous_current,
            },
            legacy: Snapshot {
                object: legacy,
                previous: previous_legacy,
            },
            origin: self.origin.clone(),
        };
        let id = event.id.clone();
        self.events.insert(&id, event);
        self.schedule_deliveries(&id, kind);
    }
}

/// The former values of what changed; objects are compared member by member,
/// arrays as a whole.
fn differences(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before.clone();
    };
    let mut changed = Map::new();
    for (name, old) in before {
        match after.get(name) {
            Some(new) if new == old => {}
            Some(new) if old.is_object() && new.is_object() => {
                changed.insert(name.clone(), differences(old, new));
            }
            _ => {
                changed.insert(name.clone(), old.clone());
            }
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        changed.insert(name.clone(), Value::Null);
    }
    Value::Object(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_attributes_hold_only_what_changed() {
        let before = json!({"a": 1, "same": 2, "deep": {"x": 1, "y": 2}, "list": [1]});
        let after = json!({"a": 3, "same": 2, "deep": {"x": 1, "y": 5}, "list": [2], "new": 1});
        assert_eq!(
            differences(&before, &after),
            json!({"a": 1, "deep": {"y": 2}, "list": [1], "new": null})
        );
    }
}
