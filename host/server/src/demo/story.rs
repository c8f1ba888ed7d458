//! The story: a tenant connects to a provider; a customer pays, gets more seats, and leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tillgate_application::inbox::InboxStatus;
use tillgate_application::{Application, ApplicationError};

use super::browser::Browser;
use super::printer::Printer;
use crate::Failure;

/// The simulator takes any key of this form.
const STRIPE_KEY: &str = "sk_test_demo_0123456789abcdef";

/// How far the simulated clock has to go for a month's period to end, in seconds.
const A_MONTH_AND_A_DAY: u64 = 32 * 24 * 60 * 60;

/// What is known as the story goes on.
pub(super) struct Story<'a> {
    app: Arc<Application>,
    printer: &'a Printer,
    browser: &'a Browser,
    api_url: &'a str,
    simulator_url: &'a str,
    admin_token: &'a str,
    api_key: String,
    tenant_id: String,
    account_id: String,
    checkout_url: String,
    subscription_id: String,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        app: Arc<Application>,
        printer: &'a Printer,
        browser: &'a Browser,
        api_url: &'a str,
        simulator_url: &'a str,
        admin_token: &'a str,
    ) -> Self {
        let nothing = String::new;
        Self {
            app,
            printer,
            browser,
            api_url,
            simulator_url,
            admin_token,
            api_key: nothing(),
            tenant_id: nothing(),
            account_id: nothing(),
            checkout_url: nothing(),
            subscription_id: nothing(),
        }
    }

    pub(super) fn checkout_url(&self) -> &str {
        &self.checkout_url
    }

    pub(super) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Tells it all.
    pub(super) async fn tell(&mut self) -> Result<(), Failure> {
        self.connect().await?;
        self.sell().await?;
        self.pay().await?;
        self.grow().await?;
        self.leave().await?;
        self.count().await
    }

    /// 1. The operator connects a tenant to Stripe.
    async fn connect(&mut self) -> Result<(), Failure> {
        self.printer
            .chapter("1  The platform's operator connects a tenant to Stripe");
        let begun = Instant::now();
        let tenant = self
            .admin(
                Method::POST,
                "/v1/admin/tenants",
                &json!({"name": "Acme", "mode": "test"}),
            )
            .await?;
        self.tenant_id = text(&tenant, "id")?;
        let path = format!("/v1/admin/tenants/{}/api-keys", self.tenant_id);
        let key = self.admin(Method::POST, &path, &json!({"name": "backend"})).await?;
        self.api_key = text(&key, "key")?;
        self.step(&format!("tenant {} with an API key", self.tenant_id), begun);

        let begun = Instant::now();
        let path = format!("/v1/admin/tenants/{}/provider-accounts", self.tenant_id);
        let account = self
            .admin(
                Method::POST,
                &path,
                &json!({
                    "plugin": "stripe", "name": "main", "default": true, "settings": {},
                    "endpoint_overrides": {"api": self.simulator_url},
                    "secrets": {"api_key": STRIPE_KEY},
                }),
            )
            .await?;
        self.account_id = text(&account, "id")?;
        let webhook_url = text(&account, "webhook_url")?;
        let version = text(&account, "plugin_version")?;
        let digest: String = text(&account, "plugin_digest")?.chars().take(12).collect();
        self.step(
            &format!("provider account, pinned to plugin stripe {version} ({digest}…)"),
            begun,
        );

        let begun = Instant::now();
        let fields = [
            ("url", webhook_url.as_str()),
            ("enabled_events[0]", "*"),
            ("api_version", "2026-10-28.endive"),
        ];
        let endpoint = self.stripe("/v1/webhook_endpoints", &fields).await?;
        let path = format!("{path}/{}/secrets/webhook_secret", self.account_id);
        self.admin(Method::PUT, &path, &json!({"secret": text(&endpoint, "secret")?}))
            .await?;
        self.step("webhook endpoint registered at Stripe, its secret sealed here", begun);
        self.printer
            .note("The plugin never sees a secret: it names one, and the host attaches it or proves with it.");
        Ok(())
    }

    /// 2. The tenant's backend asks for a checkout session.
    async fn sell(&mut self) -> Result<(), Failure> {
        self.printer
            .chapter("2  Acme's backend sells a seat-based subscription");
        let product = self.stripe("/v1/products", &[("name", "Acme Team")]).await?;
        let fields = [
            ("product", product["id"].as_str().unwrap_or_default()),
            ("currency", "usd"),
            ("unit_amount", "1200"),
            ("recurring[interval]", "month"),
        ];
        let price = self.stripe("/v1/prices", &fields).await?;
        let begun = Instant::now();
        self.tenant(Method::PUT, "/v1/organizations/org_acme", &json!({"name": "Acme Inc."}))
            .await?;
        self.tenant(Method::PUT, "/v1/users/user_ada", &json!({"email": "ada@acme.example"}))
            .await?;
        let prices = json!({ self.account_id.clone(): price["id"] });
        self.tenant(
            Method::PUT,
            "/v1/products/team",
            &json!({"name": "Team", "prices": prices}),
        )
        .await?;
        self.step("organization, user and product, under Acme's own ids", begun);
        let begun = Instant::now();
        let session = self.checkout(5).await?;
        self.step(&format!("checkout session {} (5 seats)", text(&session, "id")?), begun);
        self.printer
            .note(&format!("the customer pays at {}", self.checkout_url));
        Ok(())
    }

    async fn checkout(&mut self, seats: u64) -> Result<Value, Failure> {
        let session = self
            .tenant(
                Method::POST,
                "/v1/checkout-sessions",
                &json!({
                    "type": "subscription", "product_id": "team", "organization_id": "org_acme",
                    "user_id": "user_ada", "customer_email": "ada@acme.example", "seats": seats,
                    "success_url": format!("{}/docs?paid={{CHECKOUT_SESSION_ID}}", self.api_url),
                    "cancel_url": format!("{}/docs", self.api_url),
                    "metadata": {"campaign": "demo"},
                }),
            )
            .await?;
        self.checkout_url = text(&session, "url")?;
        Ok(session)
    }

    /// For the person who watches, after the story.
    pub(super) async fn open_another_checkout(&mut self) -> Result<(), Failure> {
        self.browser
            .json(
                Method::POST,
                self.simulator_url,
                "/_simulator/faults",
                STRIPE_KEY,
                Some(&json!({"clear": true})),
            )
            .await?;
        self.checkout(3).await.map(drop)
    }

    /// 3. The customer pays; Stripe tells us, each thing twice and out of order.
    async fn pay(&mut self) -> Result<(), Failure> {
        self.printer
            .chapter("3  The customer pays, and Stripe's webhooks come twice and out of order");
        let faults = json!({"webhooks": {"duplicate": 1, "reorder_window": 6, "delay_ms": 0, "drop_every": 0}});
        self.simulator("/_simulator/faults", &faults).await?;
        let begun = Instant::now();
        let path = self
            .checkout_url
            .strip_prefix(self.simulator_url)
            .unwrap_or(&self.checkout_url);
        let fields = [("action", "pay"), ("email", "ada@acme.example")];
        self.browser.form(self.simulator_url, path, None, &fields).await?;
        self.step("paid on the hosted page", begun);
        self.webhooks_arrive().await?;
        let begun = Instant::now();
        let list = self.get("/v1/subscriptions?organization_id=org_acme").await?;
        let subscription = list["data"].get(0).cloned().unwrap_or_default();
        self.subscription_id = text(&subscription, "id")?;
        expect(&subscription, "status", "active")?;
        self.step(&described(&subscription), begun);
        Ok(())
    }

    /// 4. More seats.
    async fn grow(&mut self) -> Result<(), Failure> {
        self.printer.chapter("4  Acme's backend changes the seats");
        let begun = Instant::now();
        let path = format!("/v1/subscriptions/{}/seats", self.subscription_id);
        let change = self.tenant(Method::PUT, &path, &json!({"seats": 8})).await?;
        self.step(
            &format!("{}: {}", text(&change, "outcome")?, described(&change["subscription"])),
            begun,
        );
        self.printer
            .note("two requests to Stripe, each step of the plugin on a fresh sandbox, journaled in between");
        self.webhooks_arrive().await
    }

    /// 5. The customer leaves.
    async fn leave(&mut self) -> Result<(), Failure> {
        self.printer.chapter("5  The customer leaves at the end of the period");
        let begun = Instant::now();
        let path = format!("/v1/subscriptions/{}/cancel", self.subscription_id);
        let change = self
            .tenant(Method::POST, &path, &json!({"mode": "at_period_end"}))
            .await?;
        let when = change["effective_at"].as_str().unwrap_or("the end of the period");
        self.step(&format!("{}, effective {when}", text(&change, "outcome")?), begun);
        self.webhooks_arrive().await?;
        let begun = Instant::now();
        self.simulator("/_simulator/clock", &json!({"advance_seconds": A_MONTH_AND_A_DAY}))
            .await?;
        self.step("a month passes, by the simulator's clock", begun);
        self.webhooks_arrive().await?;
        let begun = Instant::now();
        let subscription = self.get(&format!("/v1/subscriptions/{}", self.subscription_id)).await?;
        expect(&subscription, "status", "canceled")?;
        self.step(&described(&subscription), begun);
        Ok(())
    }

    /// 6. Counts what it came to.
    async fn count(&mut self) -> Result<(), Failure> {
        self.printer.chapter("What it came to");
        let deliveries = self
            .browser
            .json(Method::GET, self.simulator_url, "/_simulator/state", STRIPE_KEY, None)
            .await?;
        let subscriptions = count_of(&self.get("/v1/subscriptions").await?);
        let purchases = count_of(&self.get("/v1/purchases").await?);
        let customers = count_of(&self.get("/v1/customers").await?);
        let payments = self.get("/v1/payments").await?;
        let paid: i64 = payments["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|payment| payment["status"] == "succeeded")
            .filter_map(|payment| payment["amount"]["amount"].as_i64())
            .sum();
        let (sent, events) = sent_and_events(&deliveries);
        self.printer
            .note(&format!("{sent} webhooks delivered for {events} events of Stripe's"));
        let counted = format!(
            "{customers} customer, {subscriptions} subscription, {purchases} purchase, {} payment of {}.{:02} USD in all",
            count_of(&payments),
            paid / 100,
            paid % 100
        );
        // One customer paid once, however often and in whichever order that was told.
        if [customers, subscriptions, purchases, count_of(&payments)] != [1; 4] {
            return Err(Failure::Said(format!(
                "the webhooks had not each their effect once: {counted}"
            )));
        }
        self.printer.note(&format!("{counted}: each effect once"));
        Ok(())
    }

    async fn webhooks_arrive(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        self.simulator("/_simulator/deliveries/flush", &json!({})).await?;
        let took = begun.elapsed();
        self.printer.step(
            "webhooks delivered: proven, and their effect committed before the answer",
            took,
        );
        self.settle().await
    }

    /// Waits until what was stored for later (events of one instant) is done, too.
    async fn settle(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let store = &self.app.ports().store;
            if store
                .inbox_count(InboxStatus::Pending)
                .await
                .map_err(ApplicationError::from)?
                == 0
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Failure::Said(
            "stored webhooks were not processed within 20 s".to_owned(),
        ))
    }

    fn step(&self, text: &str, begun: Instant) {
        self.printer.step(text, begun.elapsed());
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.browser
            .json(method, self.api_url, path, self.admin_token, Some(body))
            .await
    }

    async fn tenant(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.browser
            .json(method, self.api_url, path, &self.api_key, Some(body))
            .await
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.browser
            .json(Method::GET, self.api_url, path, &self.api_key, None)
            .await
    }

    async fn stripe(&self, path: &str, fields: &[(&str, &str)]) -> Result<Value, Failure> {
        self.browser
            .form(self.simulator_url, path, Some(STRIPE_KEY), fields)
            .await
    }

    async fn simulator(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.browser
            .json(Method::POST, self.simulator_url, path, STRIPE_KEY, Some(body))
            .await
    }
}

fn text(value: &Value, key: &str) -> Result<String, Failure> {
    value[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::Said(format!("no {key} in {value}")))
}

fn expect(value: &Value, key: &str, wanted: &str) -> Result<(), Failure> {
    let found = text(value, key)?;
    if found == wanted {
        Ok(())
    } else {
        Err(Failure::Said(format!("{key} is {found}, not {wanted}")))
    }
}

fn described(subscription: &Value) -> String {
    let word = |key: &str| subscription[key].as_str().unwrap_or("?").to_owned();
    let seats = subscription["seats"]
        .as_u64()
        .map_or_else(String::new, |seats| format!(", {seats} seats"));
    format!("subscription {} is {}{seats}", word("id"), word("status"))
}

fn count_of(list: &Value) -> usize {
    list["data"].as_array().map_or(0, Vec::len)
}

/// How many webhooks were sent, and for how many events.
fn sent_and_events(state: &Value) -> (u64, u64) {
    let figure = |name: &str| state["counts"][name].as_u64().unwrap_or_default();
    (figure("deliveries"), figure("events"))
}
