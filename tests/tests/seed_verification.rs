//! What the pattern document asks to be verified of an implementation, asked of this one: its `verify` block names files,
//! texts and rules in TypeScript; each is named here by what it became (docs/seed.md).

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::path::{Path, PathBuf};

/// Each module the document expects to exist, and where it is.
const MODULES: [(&str, &str); 8] = [
    ("entities/Subscription", "host/domain/src/subscription.rs"),
    ("entities/Purchase", "host/domain/src/purchase.rs"),
    (
        "repositories/ISubscriptionRepository",
        "host/application/src/ports/store.rs",
    ),
    (
        "interfaces/IPaymentGateway",
        "host/application/src/ports/payment_gateway.rs",
    ),
    (
        "use-cases/CreateCheckoutSessionUseCase",
        "host/application/src/create_checkout_session.rs",
    ),
    (
        "use-cases/ProcessPaymentWebhookUseCase",
        "host/application/src/receive_webhook.rs",
    ),
    ("gateways/StripePaymentGateway", "plugins/stripe/src/lib.rs"),
    (
        "controllers/BillingController",
        "host/http-api/src/checkout_sessions/create.rs",
    ),
];

/// What each of them has to hold.
const CONTENTS: [(&str, &str); 8] = [
    ("host/domain/src/subscription.rs", "pub struct Subscription {"),
    ("host/domain/src/purchase.rs", "pub struct Purchase {"),
    (
        "host/application/src/ports/store.rs",
        "pub trait SubscriptionRepository",
    ),
    ("host/application/src/ports/store.rs", "pub trait PurchaseRepository"),
    (
        "host/application/src/ports/payment_gateway.rs",
        "pub trait PaymentGateway",
    ),
    ("host/plugin-host/src/gateway.rs", "impl PaymentGateway for PluginHost"),
    ("plugins/stripe/src/lib.rs", "tillgate_plugin_sdk::export!"),
    (
        "host/http-api/src/checkout_sessions/create.rs",
        "create_checkout_session(",
    ),
];

/// What has a lifecycle of its own, by file.
const AGGREGATES: [&str; 7] = [
    "checkout_session",
    "customer",
    "dispute",
    "payment",
    "purchase",
    "refund",
    "subscription",
];

/// What the domain may use beside itself: data, ordering and formatting.
const DOMAIN_MAY_USE: [&str; 8] = [
    "crate",
    "super",
    "self",
    "std::cmp",
    "std::collections",
    "std::fmt",
    "std::str",
    "ulid",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The Rust files of a directory, by path from the root.
fn files(directory: &str) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(root().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rs"))
        .map(|name| format!("{directory}/{name}"))
        .collect();
    found.sort_unstable();
    assert!(!found.is_empty(), "{directory} has no source");
    found
}

/// The code of a file without its unit tests.
fn code(file: &str) -> String {
    let text = text(file);
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn the_expected_modules_exist_and_hold_what_they_should() {
    for (expected, file) in MODULES {
        assert!(root().join(file).is_file(), "{expected} was to be {file}");
    }
    for (file, wanted) in CONTENTS {
        assert!(text(file).contains(wanted), "{file} has no {wanted:?}");
    }
}

#[test]
fn aggregates_publish_events() {
    for aggregate in AGGREGATES {
        let code = code(&format!("host/domain/src/{aggregate}.rs"));
        assert!(
            code.contains("pub events: Vec<DomainEvent>"),
            "{aggregate} keeps no events"
        );
        assert!(code.contains("EventKind::"), "{aggregate} records none");
    }
    let recorded: String = AGGREGATES
        .iter()
        .map(|aggregate| code(&format!("host/domain/src/{aggregate}.rs")))
        .collect();
    let kinds = text("host/domain/src/event.rs");
    let (_, kinds) = kinds.split_once("pub enum EventKind {").unwrap();
    let (kinds, _) = kinds.split_once("\n}").unwrap();
    let mut count = 0;
    for line in kinds.lines() {
        let name: String = line.trim().chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_variant = line.starts_with("    ") && !line.starts_with("     ") && name.starts_with(char::is_uppercase);
        if is_variant {
            count += 1;
            assert!(
                recorded.contains(&format!("EventKind::{name}")),
                "nothing records {name}"
            );
        }
    }
    assert!(count > 15, "{count} kinds of events were found");
}

#[test]
fn use_cases_return_results() {
    let mut count = 0;
    for file in files("host/application/src") {
        if file.ends_with("/application.rs") {
            continue;
        }
        for function in code(&file).split("\npub async fn ").skip(1) {
            let (signature, _) = function.split_once('{').unwrap();
            assert!(
                signature.contains("-> Result<") && signature.contains("ApplicationError>"),
                "{file}: {signature}"
            );
            count += 1;
        }
    }
    assert!(count > 15, "{count} use cases were found");
}

#[test]
fn the_domain_names_no_infrastructure() {
    for file in files("host/domain/src") {
        let code = code(&file);
        for line in code.lines().map(str::trim) {
            let Some(used) = line.strip_prefix("pub use ").or_else(|| line.strip_prefix("use ")) else {
                continue;
            };
            let ours = file.ends_with("/lib.rs") && line.starts_with("pub use ");
            let may = ours || DOMAIN_MAY_USE.iter().any(|allowed| used.starts_with(allowed));
            assert!(may, "{file}: {line}");
        }
        for ambient in [
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::time",
            "async fn",
            "tokio",
            "sqlx",
        ] {
            assert!(!code.contains(ambient), "{file} names {ambient}");
        }
    }
}

#[test]
fn a_webhook_is_proven_before_it_is_parsed() {
    let code = code("host/application/src/receive_webhook.rs");
    let proven = code.find(".authenticate_webhook(").unwrap();
    let parsed = code.find(".parse_webhook_offline(").unwrap();
    assert!(proven < parsed, "the body is read before its signature is checked");
}

/// What a line has between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn what_the_page_about_the_document_names_exists() {
    let mut count = 0;
    for line in text("docs/seed.md").lines().filter(|line| line.starts_with('|')) {
        for quote in quoted(line) {
            let (file, test) = quote
                .split_once("::")
                .map_or((quote, None), |(file, test)| (file, Some(test)));
            if !file.ends_with(".rs") && !file.ends_with(".md") && !file.ends_with(".toml") {
                continue;
            }
            let text = text(file);
            assert!(
                test.is_none_or(|test| text.contains(&format!("fn {test}("))),
                "{file} has no test {test:?}"
            );
            count += usize::from(test.is_some());
        }
    }
    assert!(count > 40, "{count} tests are named");
}
