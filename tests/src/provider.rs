//! The simulated provider, and webhooks made by hand.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tillgate_simulator::stripe::{Options, Simulator};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A simulated Stripe that sends webhooks only when told to.
pub struct Provider {
    /// Where it is.
    pub url: String,
    client: reqwest::Client,
    /// Dropped, it ends.
    _ending: oneshot::Sender<()>,
}

/// Any key of this form is taken.
pub(crate) const API_KEY: &str = "sk_test_canary_0123456789abcdef";

impl Provider {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(Options {
            webhook_auto_deliver: false,
            ..Options::default()
        })
        .await
    }

    /// Starts one that sends webhooks by itself.
    pub async fn start_delivering() -> Self {
        Self::start_with(Options::default()).await
    }

    async fn start_with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ending, ended) = oneshot::channel::<()>();
        let simulator = Simulator::new(options);
        tokio::spawn(simulator.serve(listener, async move {
            let _dropped = ended.await;
        }));
        Self {
            url,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _ending: ending,
        }
    }

    /// Calls Stripe's API with a form.
    pub async fn call(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(API_KEY);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(
            status.is_success() || status.is_redirection(),
            "{path}: {status} {text}"
        );
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// Reads from Stripe's API.
    pub async fn read(&self, path: &str) -> Value {
        self.client
            .get(format!("{}{path}", self.url))
            .bearer_auth(API_KEY)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Controls the simulator.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_simulator/{path}", self.url);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// What the simulator keeps.
    pub async fn look(&self, path: &str) -> Value {
        self.client
            .get(format!("{}/_simulator/{path}", self.url))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Sends every webhook that waits, and waits for the answers.
    pub async fn deliver(&self) -> Value {
        self.control("deliveries/flush", json!({})).await
    }

    /// Pays a checkout on its page, as a customer would.
    pub async fn pay(&self, checkout_url: &str, action: &str) {
        let path = checkout_url.strip_prefix(&self.url).unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let answer = client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("action={action}&email=ada%40acme.example"))
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_redirection() || answer.status().is_success(),
            "{}",
            answer.status()
        );
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Signs a body as Stripe does (<https://docs.stripe.com/webhooks#verify-manually>).
pub fn signature_header(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}
