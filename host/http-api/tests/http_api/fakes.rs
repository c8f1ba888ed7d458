//! A gateway with a tenant, an account and a product, and a client that speaks to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tillgate_application::ports::*;
use tillgate_application::{Application, Ports, RetryPolicy, Settings};
use tillgate_domain::{Money, PaymentStatus, RefundState, Timestamp};
use tillgate_fakes::{FakeEndpoints, FakePlugins, ManualClock, MemoryStore, NOW, PlainSealer, SeededIds};
use tillgate_http_api::{ApiOptions, router};
use tower::ServiceExt;

pub(crate) const ADMIN_TOKEN: &str = "operator-token-of-at-least-32-characters";

/// A provider that does as it is told.
pub(crate) struct Provider {
    pub(crate) decision: Mutex<WebhookDecision>,
    pub(crate) checkout: Mutex<Result<(), GatewayError>>,
    pub(crate) seen: Mutex<Vec<WebhookRequest>>,
}

#[async_trait]
impl PaymentGateway for Provider {
    async fn create_checkout_session(
        &self,
        _: GatewayCall<'_>,
        request: &CheckoutRequest,
    ) -> Result<ProviderCheckoutSession, GatewayError> {
        assert_eq!(request.price_reference, "price_1");
        self.checkout.lock().unwrap().clone()?;
        Ok(ProviderCheckoutSession {
            reference: "cs_1".into(),
            target: CheckoutTarget::Redirect("https://pay.example/cs_1".into()),
            payment_status: PaymentStatus::Unpaid,
            expires_at: None,
        })
    }
    async fn create_portal_session(
        &self,
        _: GatewayCall<'_>,
        _: &PortalRequest,
    ) -> Result<ProviderPortalSession, GatewayError> {
        unreachable!()
    }
    async fn retrieve_subscription(&self, _: GatewayCall<'_>, _: &str) -> Result<ProviderSubscription, GatewayError> {
        panic!("a fault, on purpose")
    }
    async fn cancel_subscription(&self, _: GatewayCall<'_>, _: &CancelRequest) -> Result<ChangeOutcome, GatewayError> {
        later()
    }
    async fn list_page(&self, _: GatewayCall<'_>, _: &BackfillRequest) -> Result<BackfillPage, GatewayError> {
        unreachable!()
    }
    async fn update_seats(&self, _: GatewayCall<'_>, _: &SeatsRequest) -> Result<ChangeOutcome, GatewayError> {
        unreachable!()
    }
    async fn uncancel_subscription(&self, _: GatewayCall<'_>, _: &str) -> Result<ChangeOutcome, GatewayError> {
        later()
    }
    async fn change_plan(&self, _: GatewayCall<'_>, request: &PlanRequest) -> Result<ChangeOutcome, GatewayError> {
        assert_eq!(
            (request.new_price_reference.as_str(), request.proration),
            ("price_1", Proration::InvoiceNow)
        );
        later()
    }
    async fn pause_subscription(&self, _: GatewayCall<'_>, _: &str) -> Result<ChangeOutcome, GatewayError> {
        later()
    }
    async fn resume_subscription(&self, _: GatewayCall<'_>, _: &str) -> Result<ChangeOutcome, GatewayError> {
        Ok(ChangeOutcome::ActionRequired {
            url: "https://pay.example/in_1".into(),
            subscription: None,
        })
    }
    async fn create_refund(&self, _: GatewayCall<'_>, request: &RefundRequest) -> Result<ProviderRefund, GatewayError> {
        let paid = request.payment_amount;
        Ok(ProviderRefund {
            reference: "re_1".into(),
            state: RefundState::Pending,
            amount: Money::new(request.amount.unwrap_or(paid.amount), paid.currency),
            payment_references: Vec::new(),
            reason: request.reason.map(|reason| format!("{reason:?}")),
            failure_reason: None,
            as_of: None,
        })
    }
    async fn authenticate_webhook(
        &self,
        _: &Arc<tillgate_application::account::ConnectedAccount>,
        request: &WebhookRequest,
        _: Timestamp,
    ) -> Result<WebhookDecision, GatewayError> {
        self.seen.lock().unwrap().push(request.clone());
        Ok(self.decision.lock().unwrap().clone())
    }
    async fn parse_webhook_offline(
        &self,
        _: &Arc<tillgate_application::account::ConnectedAccount>,
        _: &WebhookRequest,
    ) -> Result<Parsed, GatewayError> {
        Ok(Parsed::Receipt(Receipt {
            events: Vec::new(),
            ack: None,
        }))
    }
    async fn parse_webhook(&self, _: GatewayCall<'_>, _: &WebhookRequest) -> Result<Receipt, GatewayError> {
        Ok(Receipt {
            events: Vec::new(),
            ack: None,
        })
    }
}

/// A change comes a day later.
fn later() -> Result<ChangeOutcome, GatewayError> {
    Ok(ChangeOutcome::Scheduled {
        effective_at: Some(Timestamp::from_seconds(NOW + 86_400)),
        subscription: None,
    })
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) app: Arc<Application>,
    pub(crate) router: Router,
    pub(crate) tenant: String,
    pub(crate) key: String,
    pub(crate) account: String,
}

impl World {
    pub(crate) fn options() -> ApiOptions {
        ApiOptions {
            admin_token: Some(Secret::new(ADMIN_TOKEN.to_owned())),
            body_max_bytes: 4096,
            webhook_body_max_bytes: 1024,
            body_timeout: Duration::from_millis(100),
            ..ApiOptions::default()
        }
    }

    /// A gateway set up over its own API: a tenant with a key, an account, an organization and a product.
    pub(crate) async fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let provider = Arc::new(Provider {
            decision: Mutex::new(WebhookDecision::Proven {
                secret_index: Some(0),
                fetch_back: false,
            }),
            checkout: Mutex::new(Ok(())),
            seen: Mutex::new(Vec::new()),
        });
        let ports = Ports {
            metrics: Arc::new(NoMetrics),
            store: Arc::clone(&store) as _,
            gateway: Arc::clone(&provider) as _,
            plugins: Arc::new(FakePlugins),
            clock: Arc::new(ManualClock::at(Timestamp::from_seconds(NOW))),
            ids: Arc::new(SeededIds::default()),
            sealer: Arc::new(PlainSealer),
            events: Arc::new(FakeEndpoints::default()),
        };
        let public_url = "https://pay.platform.example".to_owned();
        let app = Application::new(
            ports,
            Settings {
                public_url,
                operation_lease_ms: 300_000,
                retries: RetryPolicy::NEVER,
            },
        );
        let mut world = Self {
            router: router(Arc::clone(&app), Self::options()),
            store,
            provider,
            app,
            tenant: String::new(),
            key: String::new(),
            account: String::new(),
        };
        world.set_up().await;
        world
    }

    async fn set_up(&mut self) {
        let tenant = self
            .admin("POST", "tenants", json!({"name": "Acme", "mode": "test"}))
            .await;
        self.tenant = tenant.json()["id"].as_str().unwrap().to_owned();
        let path = format!("tenants/{}", self.tenant);
        let key = self
            .admin("POST", &format!("{path}/api-keys"), json!({"name": "backend"}))
            .await;
        self.key = key.json()["key"].as_str().unwrap().to_owned();
        let account = json!({
            "plugin": "acme", "name": "main", "default": true, "settings": {"retries": 3, "sandbox": true, "region": "eu"},
            "secrets": {"api_key": "k", "webhook_secret": "w"},
        });
        let account = self.admin("POST", &format!("{path}/provider-accounts"), account).await;
        assert_eq!(account.status, StatusCode::CREATED, "{}", account.json());
        self.account = account.json()["id"].as_str().unwrap().to_owned();
        let organization = self
            .tenant("PUT", "organizations/org_1", json!({"name": "Initech"}))
            .await;
        assert_eq!(organization.status, StatusCode::OK);
        let product = json!({"prices": {(self.account.clone()): "price_1"}});
        assert_eq!(self.tenant("PUT", "products/p_1", product).await.status, StatusCode::OK);
    }

    /// As the operator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(format!("/v1/admin/{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
        self.send(with_json(request, &body)).await
    }

    /// As the tenant.
    pub(crate) async fn tenant(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(with_json(self.request(method, path), &body)).await
    }

    /// A request with the tenant's key.
    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("/v1/{path}"));
        request.header(header::AUTHORIZATION, format!("Bearer {}", self.key))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    pub(crate) fn webhook_path(&self) -> String {
        format!("/v1/webhooks/{}", self.account)
    }
}

fn with_json(request: axum::http::request::Builder, body: &Value) -> Request<Body> {
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}
