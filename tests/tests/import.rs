//! What a provider has already is taken over by the real binary, on both databases.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tillgate_tests::{Database, Gateway, GatewayOptions, Provider, Tenant};

/// More of each than a page has.
const CUSTOMERS: usize = 104;
const SUBSCRIPTIONS: usize = 54;
const SESSIONS: usize = 53;

macro_rules! flows {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Database::Postgres).await;
            })*
        }
    };
}

flows! {
    an_account_is_taken_over_and_kept_up_to_date,
    an_import_survives_kill_nine,
    an_import_is_stopped_by_a_signal_and_refused_what_it_cannot_do,
}

/// A tenant that was at the provider before it was here, and has just connected its account.
struct Moving {
    provider: Provider,
    gateway: Gateway,
    tenant: Tenant,
}

fn word(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
        .to_owned()
}

/// A life without the gateway: customers, some with subscriptions, some of which ended or failed; and packs bought once.
async fn live(provider: &Provider) -> String {
    let product = word(&provider.call("/v1/products", &[("name", "Legacy")]).await, "id");
    let price = [
        ("product", product.as_str()),
        ("currency", "usd"),
        ("unit_amount", "1000"),
    ];
    let once = word(&provider.call("/v1/prices", &price).await, "id");
    let monthly = [price.as_slice(), &[("recurring[interval]", "month")]].concat();
    let monthly = word(&provider.call("/v1/prices", &monthly).await, "id");
    for number in 0..CUSTOMERS {
        let (email, org) = (format!("c{number}@example.com"), format!("org_{number}"));
        let mut fields = vec![("email", email.as_str())];
        if number % 2 == 0 {
            fields.push(("metadata[organizationId]", &org));
        }
        let customer = word(&provider.call("/v1/customers", &fields).await, "id");
        if number >= SUBSCRIPTIONS {
            continue;
        }
        if number % 9 == 0 {
            let path = format!("customers/{customer}/next_payment");
            provider.control(&path, json!({"outcome": "decline", "count": 1})).await;
        }
        let seats = (number % 5 + 1).to_string();
        let fields = [
            ("customer", customer.as_str()),
            ("items[0][price]", &monthly),
            ("items[0][quantity]", &seats),
            ("metadata[userId]", &org),
        ];
        let subscription = word(&provider.call("/v1/subscriptions", &fields).await, "id");
        if number % 7 == 0 {
            let end = [("cancel_at_period_end", "true")];
            provider.call(&format!("/v1/subscriptions/{subscription}"), &end).await;
        }
    }
    for number in 0..SESSIONS {
        let fields = [
            ("mode", "payment"),
            ("line_items[0][price]", once.as_str()),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://old.example/ok"),
            ("metadata[organizationId]", "org_of_packs"),
            ("customer_creation", "always"),
        ];
        let session = provider.call("/v1/checkout/sessions", &fields).await;
        let action = if number == 0 { "delayed" } else { "pay" };
        provider.pay(&word(&session, "url"), action).await;
    }
    // One that nobody finished.
    let fields = [
        ("mode", "payment"),
        ("line_items[0][price]", once.as_str()),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://old.example/ok"),
    ];
    provider.call("/v1/checkout/sessions", &fields).await;
    // A month passes: what was to end has ended, the rest is paid once more.
    provider
        .control("clock", json!({"advance_seconds": 32 * 24 * 60 * 60}))
        .await;
    monthly
}

impl Moving {
    async fn new(database: Database) -> Self {
        let provider = Provider::start().await;
        let monthly = live(&provider).await;
        let options = GatewayOptions {
            database,
            origin_overrides: vec![provider.url.clone()],
            environment: vec![("TILLGATE_OPERATIONS__RETRIES_MAX".to_owned(), "0".to_owned())],
        };
        let gateway = Gateway::start(options).await;
        let tenant = Tenant::create(&gateway, &provider).await;
        let prices = json!({"prices": {tenant.account_id.as_str(): monthly}});
        tenant.put("/v1/products/legacy", prices).await;
        Self {
            provider,
            gateway,
            tenant,
        }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["import", "stripe", "--account", &self.tenant.account_id], more].concat()
    }

    /// Imports, and gives the report.
    async fn import(&self, more: &[&str]) -> Value {
        let arguments = self.arguments(&[more, &["--json"]].concat());
        let (code, out, err) = self.gateway.cli(&arguments, "").await;
        assert_eq!(code, Some(0), "{out}\n{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// All of a list here, by the provider's ids.
    async fn here(&self, list: &str) -> BTreeMap<String, Value> {
        let (mut all, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = self.tenant.get(&format!("/v1/{list}?limit=100{after}")).await;
            for item in page["data"].as_array().unwrap() {
                assert!(all.insert(word(item, "provider_reference"), item.clone()).is_none());
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// All of a list at the provider.
    async fn there(&self, list: &str, filter: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self
                .provider
                .read(&format!("/v1/{list}?limit=100{filter}{after}"))
                .await;
            let data = page["data"].as_array().unwrap();
            all.extend(data.iter().cloned());
            match data.last() {
                Some(last) if page["has_more"] == true => after = format!("&starting_after={}", word(last, "id")),
                _ => return all,
            }
        }
    }

    /// Everything here, as tenants see it.
    async fn everything(&self) -> BTreeMap<&'static str, BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for list in ["customers", "subscriptions", "payments", "purchases"] {
            all.insert(list, self.here(list).await);
        }
        all
    }

    /// Compares what is here with what the provider has.
    async fn assert_the_same(&self) {
        let customers = self.here("customers").await;
        let theirs = self.there("customers", "").await;
        assert_eq!(customers.len(), theirs.len());
        for theirs in &theirs {
            let ours = &customers[&word(theirs, "id")];
            assert_eq!(ours["email"], theirs["email"]);
            if theirs["metadata"]["organizationId"].is_string() {
                assert_eq!(ours["organization_id"], theirs["metadata"]["organizationId"]);
            }
        }
        let subscriptions = self.here("subscriptions").await;
        let theirs = self.there("subscriptions", "&status=all").await;
        assert_eq!((subscriptions.len(), theirs.len()), (SUBSCRIPTIONS, SUBSCRIPTIONS));
        for theirs in &theirs {
            let ours = &subscriptions[&word(theirs, "id")];
            assert_eq!(ours["provider_status"], theirs["status"]);
            assert_eq!(ours["seats"], theirs["items"]["data"][0]["quantity"]);
            assert_eq!(ours["product_id"], "legacy");
            assert_eq!(ours["customer_id"], customers[&word(theirs, "customer")]["id"]);
            assert_eq!(
                customers[&word(theirs, "customer")]["user_id"],
                theirs["metadata"]["userId"]
            );
        }
        let statuses: Vec<&Value> = subscriptions.values().map(|one| &one["status"]).collect();
        for status in ["active", "canceled"] {
            assert!(statuses.contains(&&json!(status)), "{status}");
        }
        let payments = self.here("payments").await;
        let invoices = self.there("invoices", "").await;
        let mut told = 0;
        for theirs in invoices
            .iter()
            .filter(|one| one["status"] != "void" && one["status"] != "draft")
        {
            told += 1;
            let ours = &payments[&word(theirs, "id")];
            let status = if theirs["status"] == "paid" {
                "succeeded"
            } else {
                "failed"
            };
            assert_eq!(ours["status"], status, "{theirs}");
            assert_eq!(ours["amount"]["amount"], theirs["amount_due"]);
            let subscription = word(&theirs["parent"]["subscription_details"], "subscription");
            assert_eq!(ours["subscription_id"], subscriptions[&subscription]["id"]);
        }
        let purchases = self.here("purchases").await;
        assert_eq!(purchases.len(), SUBSCRIPTIONS + SESSIONS);
        let sessions = self.there("checkout/sessions", "&status=complete").await;
        assert_eq!(sessions.len(), SESSIONS);
        let paid = sessions.iter().filter(|one| one["payment_status"] == "paid");
        assert_eq!(payments.len(), told + paid.count());
        for theirs in &sessions {
            let ours = &purchases[&word(theirs, "id")];
            let is_paid = theirs["payment_status"] == "paid";
            assert_eq!(ours["status"], if is_paid { "completed" } else { "pending" });
            assert_eq!(ours["amount"]["amount"], theirs["amount_total"]);
            if is_paid {
                assert_eq!(payments[&word(theirs, "payment_intent")]["status"], "succeeded");
            }
        }
    }
}

/// A number of a report.
fn number(report: &Value, kind: &str, what: &str) -> u64 {
    let kinds = report["kinds"].as_array().unwrap();
    let found = kinds.iter().find(|one| one["kind"] == kind).unwrap();
    found[what].as_u64().unwrap()
}

fn sum(report: &Value, what: &str) -> u64 {
    let kinds = ["customers", "subscriptions", "payments", "purchases"];
    kinds.iter().map(|kind| number(report, kind, what)).sum()
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

async fn an_account_is_taken_over_and_kept_up_to_date(database: Database) {
    let moving = Moving::new(database).await;

    let (code, out, err) = moving.gateway.cli(&moving.arguments(&["--dry-run"]), "").await;
    assert_eq!(code, Some(0), "{err}");
    let would = |what: &str| out.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!(would("would create subscription sub_"), SUBSCRIPTIONS);
    assert_eq!(would("would create purchase "), SUBSCRIPTIONS + SESSIONS);
    assert_eq!(would("would create customer cus_"), CUSTOMERS + SESSIONS);
    assert!(out.contains("Nothing was changed: this was a dry run."), "{out}");
    let dry = moving.import(&["--dry-run"]).await;
    assert!(moving.everything().await.values().all(BTreeMap::is_empty));

    // With the gateway serving the same database all the while.
    let report = moving.import(&[]).await;
    assert_eq!((&report["finished"], &report["resumed"]), (&json!(true), &json!(false)));
    assert_eq!(report["kinds"], dry["kinds"]);
    assert_eq!(number(&report, "customers", "created"), as_u64(CUSTOMERS + SESSIONS));
    assert_eq!(number(&report, "subscriptions", "created"), as_u64(SUBSCRIPTIONS));
    assert_eq!(number(&report, "purchases", "seen"), as_u64(SESSIONS));
    moving.assert_the_same().await;
    for event in [
        "customer.created",
        "subscription.created",
        "payment.succeeded",
        "purchase.created",
    ] {
        assert_eq!(moving.gateway.published(event).await, 0, "{event}");
    }

    let before = moving.everything().await;
    let (code, out, err) = moving.gateway.cli(&moving.arguments(&[]), "").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("0 changed: everything was known just so."), "{out}");
    let again = moving.import(&["--events"]).await;
    assert_eq!((sum(&again, "created"), sum(&again, "changed")), (0, 0), "{again}");
    assert_eq!(sum(&again, "unchanged") + sum_left_out(&again), sum(&again, "seen"));
    assert_eq!(moving.everything().await, before);

    // From now on webhooks tell.
    let (reference, ours) = before["subscriptions"]
        .iter()
        .find(|(_, one)| one["status"] == "active")
        .unwrap();
    let theirs = moving.provider.read(&format!("/v1/subscriptions/{reference}")).await;
    let item = word(&theirs["items"]["data"][0], "id");
    let more = [("items[0][id]", item.as_str()), ("items[0][quantity]", "42")];
    moving.provider.control("clock", json!({"advance_seconds": 60})).await;
    moving
        .provider
        .call(&format!("/v1/subscriptions/{reference}"), &more)
        .await;
    moving.provider.deliver().await;
    moving.tenant.settled().await;
    let path = format!("/v1/subscriptions/{}", word(ours, "id"));
    assert_eq!(moving.tenant.get(&path).await["seats"], 42);
    let changed = moving.gateway.published("subscription.seats_changed").await;
    assert!(changed > 0, "what webhooks tell is news");
    assert_eq!(moving.here("subscriptions").await.len(), SUBSCRIPTIONS);
    // And the tenant can work with it.
    let change = moving.tenant.put(&format!("{path}/seats"), json!({"seats": 43})).await;
    assert_eq!(change["outcome"], "applied");
}

fn sum_left_out(report: &Value) -> u64 {
    let kinds = report["kinds"].as_array().unwrap().iter();
    let reasons = kinds.flat_map(|kind| kind["left_out"].as_object().unwrap().values());
    reasons.map(|count| count.as_u64().unwrap()).sum()
}

async fn an_import_survives_kill_nine(database: Database) {
    let moving = Moving::new(database).await;
    // It goes as far as the invoices, and hangs there.
    let hang = json!({"next": {"status": "hang", "count": 1, "path_prefix": "/v1/invoices"}});
    moving.provider.control("faults", hang).await;
    let mut running = moving.gateway.start_cli(&moving.arguments(&[]));
    let subscriptions = format!("{SUBSCRIPTIONS} subscriptions");
    running.until_said(&subscriptions).await;
    running.kill().await;
    assert_eq!(moving.here("subscriptions").await.len(), SUBSCRIPTIONS);
    assert!(moving.here("payments").await.is_empty());

    // At the checkouts the provider is down.
    let down = json!({"clear": true, "next": {"status": 503, "count": 1, "path_prefix": "/v1/checkout/sessions"}});
    moving.provider.control("faults", down).await;
    let (code, _, err) = moving.gateway.cli(&moving.arguments(&[]), "").await;
    assert_eq!(code, Some(1), "{err}");
    assert!(
        err.contains("going on with the import of") && err.contains("goes on from there"),
        "{err}"
    );

    let asked_before = moving.provider.look("requests").await["requests"]
        .as_array()
        .unwrap()
        .len();
    let report = moving.import(&[]).await;
    assert_eq!((&report["finished"], &report["resumed"]), (&json!(true), &json!(true)));
    // All of it was counted once, over three processes.
    assert_eq!(number(&report, "customers", "created"), as_u64(CUSTOMERS + SESSIONS));
    assert_eq!(number(&report, "subscriptions", "created"), as_u64(SUBSCRIPTIONS));
    assert_eq!(number(&report, "payments", "changed"), 0);
    let asked = moving.provider.look("requests").await["requests"]
        .as_array()
        .unwrap()
        .len()
        - asked_before;
    assert_eq!(asked, 2, "two pages of sessions were left");
    moving.assert_the_same().await;
}

async fn an_import_is_stopped_by_a_signal_and_refused_what_it_cannot_do(database: Database) {
    let moving = Moving::new(database).await;
    let hang = json!({"next": {"status": "hang", "count": 1, "path_prefix": "/v1/subscriptions"}});
    moving.provider.control("faults", hang).await;
    let mut running = moving.gateway.start_cli(&moving.arguments(&["--events"]));
    let customers = format!("{} customers", CUSTOMERS + SESSIONS);
    running.until_said(&customers).await;
    let (code, err) = running.interrupt().await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("stopped: what was taken over stays"), "{err}");
    let published = moving.gateway.published_events("customer.created").await;
    assert_eq!(published.len(), CUSTOMERS + SESSIONS);
    assert!(published.iter().all(|event| event["imported"] == true));

    let other = ["import", "acme", "--account", &moving.tenant.account_id];
    let missing = ["import", "stripe", "--account", "pac_00000000000000000000000000"];
    let (no_such, not_that) = ("does not exist", "is connected to stripe, not to acme");
    for (arguments, said) in [
        (moving.arguments(&[]), "begun with events"),
        (
            moving.arguments(&["--events", "--kinds", "payments"]),
            "begun for customers, subscriptions",
        ),
        (other.to_vec(), not_that),
        (missing.to_vec(), no_such),
    ] {
        let (code, _, err) = moving.gateway.cli(&arguments, "").await;
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(said), "{err}");
    }
    let report = moving
        .import(&["--restart", "--kinds", "customers,subscriptions"])
        .await;
    assert_eq!(report["kinds"].as_array().unwrap().len(), 2);
    let customers = ["created", "unchanged"].map(|what| number(&report, "customers", what));
    assert_eq!(customers, [0, as_u64(CUSTOMERS + SESSIONS)]);
}
