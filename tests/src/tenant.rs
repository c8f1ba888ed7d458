//! A tenant with everything it needs to sell.

use serde_json::{Value, json};

use crate::provider::API_KEY;
use crate::{ADMIN_TOKEN, Gateway, Provider};

/// A tenant, its backend's key, and its provider account.
pub struct Tenant {
    client: reqwest::Client,
    api: String,
    operations: String,
    /// Its id.
    pub id: String,
    /// Its API key.
    pub key: String,
    /// Its provider account.
    pub account_id: String,
    /// Where its webhooks go.
    pub webhook_url: String,
    /// The secret its webhooks are signed with.
    pub webhook_secret: String,
}

/// Status and body of an answer; a body that isn't JSON is a string.
pub async fn answer_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

impl Tenant {
    /// Makes one, connected to the provider, with a monthly product `team` and a one-time product `pack`.
    pub async fn create(gateway: &Gateway, provider: &Provider) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut tenant = Self {
            client,
            api: gateway.api.clone(),
            operations: gateway.operations.clone(),
            id: String::new(),
            key: String::new(),
            account_id: String::new(),
            webhook_url: String::new(),
            webhook_secret: String::new(),
        };
        tenant.connect(provider).await;
        tenant.stock(provider).await;
        tenant
    }

    async fn connect(&mut self, provider: &Provider) {
        let tenant = self
            .admin("POST", "/v1/admin/tenants", json!({"name": "Acme", "mode": "test"}))
            .await;
        self.id = word(&tenant, "id");
        let path = format!("/v1/admin/tenants/{}", self.id);
        let key = self
            .admin("POST", &format!("{path}/api-keys"), json!({"name": "backend"}))
            .await;
        self.key = word(&key, "key");
        let input = json!({
            "plugin": "stripe", "name": "main", "default": true, "settings": {},
            "endpoint_overrides": {"api": provider.url},
            "secrets": {"api_key": API_KEY},
        });
        let account = self.admin("POST", &format!("{path}/provider-accounts"), input).await;
        self.account_id = word(&account, "id");
        self.webhook_url = word(&account, "webhook_url");
        let fields = [
            ("url", self.webhook_url.as_str()),
            ("enabled_events[0]", "*"),
            ("api_version", "2026-10-28.endive"),
        ];
        self.webhook_secret = word(&provider.call("/v1/webhook_endpoints", &fields).await, "secret");
        let path = format!("{path}/provider-accounts/{}/secrets/webhook_secret", self.account_id);
        self.admin("PUT", &path, json!({"secret": self.webhook_secret})).await;
    }

    async fn stock(&self, provider: &Provider) {
        let product = word(&provider.call("/v1/products", &[("name", "Team")]).await, "id");
        let monthly = [
            ("product", product.as_str()),
            ("currency", "usd"),
            ("unit_amount", "1200"),
            ("recurring[interval]", "month"),
        ];
        let monthly = word(&provider.call("/v1/prices", &monthly).await, "id");
        let once = [
            ("product", product.as_str()),
            ("currency", "usd"),
            ("unit_amount", "4900"),
        ];
        let once = word(&provider.call("/v1/prices", &once).await, "id");
        self.put("/v1/organizations/org_1", json!({"name": "Acme Inc."})).await;
        self.put("/v1/users/user_1", json!({"email": "ada@acme.example"})).await;
        self.put(
            "/v1/products/team",
            json!({"prices": {self.account_id.as_str(): monthly}}),
        )
        .await;
        self.put("/v1/products/pack", json!({"prices": {self.account_id.as_str(): once}}))
            .await;
    }

    /// A request with the tenant's key, to be completed.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.client
            .request(method, format!("{}{path}", self.api))
            .bearer_auth(&self.key)
    }

    /// Its API key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request of the operator's.
    pub fn as_operator(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).bearer_auth(ADMIN_TOKEN)
    }

    /// A request without any key, to be completed.
    pub fn anonymous(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method.parse().unwrap(), format!("{}{path}", self.api))
    }

    /// Says that the gateway was started again elsewhere.
    pub fn moved(&mut self, gateway: &Gateway) {
        self.api.clone_from(&gateway.api);
        self.operations.clone_from(&gateway.operations);
    }

    /// Reads, and wants 200.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = answer_of(self.request("GET", path)).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Puts, and wants a success.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = answer_of(self.request("PUT", path).json(&body)).await;
        assert!((200..300).contains(&status), "PUT {path}: {status} {answer}");
        answer
    }

    /// Posts, and wants a success.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = answer_of(self.request("POST", path).json(&body)).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    /// Asks the operator API, and wants a success.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = answer_of(self.anonymous(method, path).bearer_auth(ADMIN_TOKEN).json(&body)).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// What a checkout of five seats of `team` needs.
    pub fn checkout(&self) -> Value {
        json!({
            "type": "subscription", "product_id": "team", "organization_id": "org_1", "user_id": "user_1",
            "customer_email": "ada@acme.example", "seats": 5, "metadata": {"campaign": "spring"},
            "success_url": "https://app.example/ok?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example/no",
        })
    }

    /// Buys five seats of `team` and gives the subscription, once the webhooks are in.
    pub async fn subscribe(&self, provider: &Provider) -> Value {
        let session = self.post("/v1/checkout-sessions", self.checkout()).await;
        provider.pay(session["url"].as_str().unwrap(), "pay").await;
        provider.deliver().await;
        self.settled().await;
        self.get("/v1/subscriptions").await["data"][0].clone()
    }

    /// Waits until what was stored for later is done. The operations port tells how much waits.
    pub async fn settled(&self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let (_, waiting) = answer_of(self.client.get(format!("{}/readyz", self.operations))).await;
            assert_eq!(waiting["webhooks"]["dead"], 0, "a webhook was given up: {waiting}");
            if waiting["webhooks"]["pending"] == 0 {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "stored webhooks were not processed: {waiting}"
            );
            tokio::task::yield_now().await;
        }
    }
}

fn word(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
        .to_owned()
}
