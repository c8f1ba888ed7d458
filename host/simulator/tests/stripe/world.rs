//! A simulator on a port of its own, a receiver of webhooks, and a client.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tillgate_simulator::stripe::{Options, Simulator};
use tokio::net::TcpListener;

/// 2026-01-31T12:00:00Z: the end of a month, where calendars go wrong.
pub(crate) const START: i64 = 1_769_860_800;
pub(crate) const DAY: i64 = 86_400;

/// One received webhook.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Hook {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Checks the signature without the simulator's code.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let header = self.headers["stripe-signature"].to_str().unwrap();
        let time = header.split(',').find_map(|part| part.strip_prefix("t=")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{}", self.body).as_bytes());
        let expected = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
        header.split(',').any(|part| part == expected)
    }
}

#[derive(Debug, Default)]
struct Inbox {
    hooks: Vec<Hook>,
    /// Statuses of the next answers; 200 when empty.
    answers: Vec<u16>,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) hooks_url: String,
    pub(crate) client: reqwest::Client,
    inbox: Arc<Mutex<Inbox>>,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

async fn receive(State(inbox): State<Arc<Mutex<Inbox>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut inbox = inbox.lock().unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    inbox.hooks.push(Hook {
        path: uri.path().to_owned(),
        headers,
        body,
    });
    let status = if inbox.answers.is_empty() {
        200
    } else {
        inbox.answers.remove(0)
    };
    StatusCode::from_u16(status).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// Time stands still and webhooks wait for a flush, unless `options` say
    /// otherwise.
    pub(crate) async fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let options = Options {
            frozen_at: options.frozen_at.or(Some(START)),
            webhook_auto_deliver: false,
            ..options
        };
        tokio::spawn(Simulator::new(options).serve(listener, std::future::pending()));
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let receiver = Router::new().fallback(receive).with_state(Arc::clone(&inbox));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hooks_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, receiver).await });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base,
            hooks_url,
            client,
            inbox,
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client
            .request(method.parse().unwrap(), url)
            .header("authorization", "Bearer sk_test_1234567890")
    }

    pub(crate) async fn post_raw(&self, path: &str, form: &str) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn post_keyed(&self, path: &str, form: &str, key: &str) -> Answer {
        let request = self
            .request("POST", path)
            .header("idempotency-key", key)
            .body(form.to_owned());
        Answer::of(request.send().await.unwrap()).await
    }

    /// A write that has to work.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Value {
        let answer = self.post_raw(path, form).await;
        assert_eq!(answer.status, 200, "{path} {form}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn get_raw(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.get_raw(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request("DELETE", path).send().await.unwrap()).await
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_simulator/{path}", self.base);
        let answer = self.client.post(url).body(body.to_string()).send().await.unwrap();
        let answer = Answer::of(answer).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn advance(&self, seconds: i64) {
        self.control("clock", json!({"advance_seconds": seconds})).await;
    }

    /// Presses a button of a page.
    pub(crate) async fn press(&self, url: &str, form: &str) -> Answer {
        Answer::of(self.client.post(url).body(form.to_owned()).send().await.unwrap()).await
    }

    /// An endpoint for everything; its id and its secret.
    pub(crate) async fn subscribe_hooks(&self, path: &str, more: &str) -> (String, String) {
        let form = format!("url={}{path}&enabled_events[]=*{more}", self.hooks_url);
        let endpoint = self.post("/v1/webhook_endpoints", &form).await;
        (id(&endpoint), endpoint["secret"].as_str().unwrap().to_owned())
    }

    pub(crate) fn answer_hooks(&self, statuses: &[u16]) {
        self.inbox.lock().unwrap().answers = statuses.to_vec();
    }

    /// Delivers what is pending; what arrived since the last time.
    pub(crate) async fn flush(&self) -> Vec<Hook> {
        self.control("deliveries/flush", json!({})).await;
        std::mem::take(&mut self.inbox.lock().unwrap().hooks)
    }

    /// A monthly price of 10 dollars a seat.
    pub(crate) async fn monthly_price(&self) -> String {
        let form = "currency=usd&unit_amount=1000&recurring[interval]=month&product_data[name]=Team";
        id(&self.post("/v1/prices", form).await)
    }

    /// A paid subscription with 5 seats; the subscription as retrieved.
    pub(crate) async fn subscribe(&self, more: &str) -> Value {
        let price = self.monthly_price().await;
        let form = format!(
            "mode=subscription&line_items[0][price]={price}&line_items[0][quantity]=5&success_url=https://a.example/ok&customer_email=jane@example.com{more}"
        );
        let session = self.post("/v1/checkout/sessions", &form).await;
        let paid = self.press(session["url"].as_str().unwrap(), "action=pay").await;
        assert_eq!(paid.status, 303, "{}", paid.text);
        let session = self.get(&format!("/v1/checkout/sessions/{}", id(&session))).await;
        self.get(&format!(
            "/v1/subscriptions/{}",
            session["subscription"].as_str().unwrap()
        ))
        .await
    }
}

pub(crate) fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

pub(crate) fn kinds(hooks: &[Hook]) -> Vec<String> {
    hooks.iter().map(Hook::kind).collect()
}
