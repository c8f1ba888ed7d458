//! The description is complete, and holds together.

use std::collections::BTreeSet;

use serde_json::Value;
use tillgate_http_api::{ERROR_CODES, openapi};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Every route in scope, as the design names it.
const ROUTES: &[(&str, &str)] = &[
    ("put,get", "/v1/organizations/{id}"),
    ("put,get", "/v1/users/{id}"),
    ("put,get", "/v1/products/{id}"),
    ("post,get", "/v1/checkout-sessions"),
    ("get", "/v1/checkout-sessions/{id}"),
    ("post", "/v1/portal-sessions"),
    ("get", "/v1/customers"),
    ("get", "/v1/customers/{id}"),
    ("put", "/v1/customers/{id}/association"),
    ("get", "/v1/subscriptions"),
    ("get", "/v1/subscriptions/{id}"),
    ("post", "/v1/subscriptions/{id}/cancel"),
    ("post", "/v1/subscriptions/{id}/uncancel"),
    ("put", "/v1/subscriptions/{id}/seats"),
    ("post", "/v1/subscriptions/{id}/change-plan"),
    ("post", "/v1/subscriptions/{id}/pause"),
    ("post", "/v1/subscriptions/{id}/resume"),
    ("get", "/v1/purchases"),
    ("get", "/v1/purchases/{id}"),
    ("get", "/v1/payments"),
    ("get", "/v1/payments/{id}"),
    ("post,get", "/v1/refunds"),
    ("get", "/v1/refunds/{id}"),
    ("get", "/v1/events"),
    ("get", "/v1/events/{id}"),
    ("post,get", "/v1/event-endpoints"),
    ("get,patch,delete", "/v1/event-endpoints/{id}"),
    ("post", "/v1/event-endpoints/{id}/rotate-secret"),
    ("get", "/v1/event-endpoints/{id}/deliveries"),
    ("post", "/v1/event-endpoints/{id}/resend"),
    ("get", "/v1/capabilities"),
    ("post,get", "/v1/webhooks/{provider_account_id}"),
    ("post", "/v1/legacy/checkout-link"),
    ("post", "/v1/legacy/stripe-webhook/{provider_account_id}"),
    ("post,get", "/v1/admin/tenants"),
    ("get", "/v1/admin/tenants/{id}"),
    ("post,get", "/v1/admin/tenants/{id}/api-keys"),
    ("delete", "/v1/admin/tenants/{id}/api-keys/{key_id}"),
    ("post,get", "/v1/admin/tenants/{id}/provider-accounts"),
    ("get,patch", "/v1/admin/tenants/{id}/provider-accounts/{account_id}"),
    (
        "put",
        "/v1/admin/tenants/{id}/provider-accounts/{account_id}/secrets/{name}",
    ),
    ("post,get", "/v1/admin/plugins"),
    ("get", "/v1/admin/plugins/{digest}"),
    ("get", "/v1/admin/webhooks"),
    ("get", "/v1/admin/webhooks/{id}"),
    ("post", "/v1/admin/webhooks/{id}/replay"),
    ("post", "/v1/admin/webhooks/replay"),
    ("get", "/healthz"),
];

fn description() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

fn operations(description: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                found.push((format!("{method} {path}"), operation.clone()));
            }
        }
    }
    found
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn exactly_the_routes_of_the_design_are_described() {
    let described: BTreeSet<String> = operations(&description()).into_iter().map(|(name, _)| name).collect();
    let wanted: BTreeSet<String> = ROUTES
        .iter()
        .flat_map(|(methods, path)| methods.split(',').map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(described, wanted);
}

#[test]
fn every_operation_is_described_in_full() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    let tags: BTreeSet<&str> = description["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&description) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id.to_owned()), "{name}: operationId {id}");
        assert!(
            !operation["summary"].as_str().unwrap_or_default().is_empty(),
            "{name}: summary"
        );
        assert!(
            tags.contains(operation["tags"][0].as_str().unwrap_or_default()),
            "{name}: tag"
        );
        let responses = operation["responses"].as_object().unwrap();
        for class in ["2", "4", "5"] {
            assert!(
                responses.keys().any(|status| status.starts_with(class)),
                "{name}: {class}xx"
            );
        }
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let content = &response["content"]["application/problem+json"];
            assert_eq!(
                content["schema"]["$ref"], "#/components/schemas/Problem",
                "{name} {status}"
            );
        }
        let path = name.split_once(' ').unwrap().1;
        let security = operation["security"].to_string();
        if path.starts_with("/v1/admin/") {
            assert!(security.contains("operatorToken"), "{name}: {security}");
        } else if path.starts_with("/v1/") && !path.contains("webhook") {
            assert!(security.contains("tenantKey"), "{name}: {security}");
        }
        if operation.get("requestBody").is_some() && !path.contains("webhook") && !path.ends_with("/plugins") {
            assert!(
                operation["requestBody"]["content"].get("application/json").is_some(),
                "{name}"
            );
        }
    }
}

#[test]
fn what_makes_something_takes_an_idempotency_key() {
    for (name, operation) in operations(&description()) {
        let makes = name.starts_with("post ") && !name.contains("webhook") && !name.ends_with("/plugins");
        if makes || name.ends_with("/seats") {
            let parameters = operation["parameters"].to_string();
            assert!(parameters.contains("\"Idempotency-Key\""), "{name}: {parameters}");
        }
    }
}

#[test]
fn a_body_may_be_left_out_where_nothing_in_it_is_required() {
    let optional: BTreeSet<String> = operations(&description())
        .into_iter()
        .filter(|(_, operation)| operation["requestBody"]["required"] == false)
        .map(|(name, _)| name)
        .collect();
    let wanted = [
        "patch /v1/event-endpoints/{id}",
        "post /v1/event-endpoints/{id}/resend",
        "post /v1/event-endpoints/{id}/rotate-secret",
        "post /v1/admin/webhooks/{id}/replay",
        "post /v1/subscriptions/{id}/cancel",
        "post /v1/subscriptions/{id}/pause",
        "post /v1/subscriptions/{id}/resume",
        "post /v1/subscriptions/{id}/uncancel",
        "put /v1/organizations/{id}",
        "put /v1/users/{id}",
    ];
    assert_eq!(optional, wanted.map(str::to_owned).into());
}

#[test]
fn every_reference_resolves() {
    let description = description();
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 15, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
    for scheme in ["tenantKey", "operatorToken"] {
        assert_eq!(description["components"]["securitySchemes"][scheme]["scheme"], "bearer");
    }
}

#[test]
fn path_parameters_are_those_in_the_path() {
    for (name, operation) in operations(&description()) {
        let in_path: BTreeSet<&str> = name
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        let none = Vec::new();
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_path, described, "{name}");
    }
}

#[test]
fn every_code_that_a_route_answers_is_in_the_table() {
    let text = openapi();
    let named: BTreeSet<&str> = ERROR_CODES.iter().map(|entry| entry.code).collect();
    for (name, operation) in operations(&description()) {
        for response in operation["responses"].as_object().unwrap().values() {
            let Some(example) = response.pointer("/content/application~1problem+json/example") else {
                continue;
            };
            assert!(named.contains(example["code"].as_str().unwrap()), "{name}");
        }
    }
    // Codes of answers that come before or beside every route.
    let beside = [
        "route_not_found",
        "method_not_allowed",
        "not_ready",
        "not_found",
        "purchase_not_found",
        "payment_not_found",
        "refund_not_found",
        "checkout_session_not_found",
        "invalid_purchase_status",
    ];
    for code in named {
        assert!(
            text.contains(&format!("`{code}`")) || beside.contains(&code),
            "{code} is answered nowhere"
        );
    }
}

#[test]
fn no_provider_and_no_place_of_this_machine_is_named() {
    // The one route whose callers have its name already.
    let text = openapi().to_lowercase().replace("/v1/legacy/stripe-webhook/", "");
    for word in ["stripe", "/home/", concat!("/", "root/"), concat!("/", "work/")] {
        assert!(!text.contains(word), "{word}");
    }
}
