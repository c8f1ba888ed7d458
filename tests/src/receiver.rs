//! A tenant's event endpoint, which keeps what it gets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers, by name.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// A header.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(given, _)| given == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }

    /// The event.
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// As judges read it.
    pub fn to_json(&self) -> Value {
        let headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({"headers": headers, "body": self.body})
    }
}

struct Kept {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<u16>>,
    count: watch::Sender<usize>,
}

/// An endpoint that runs until it is dropped.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    /// The same without a path.
    pub origin: String,
    kept: Arc<Kept>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    /// Starts it. It takes everything, unless it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Kept {
            received: Mutex::default(),
            answers: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let router = Router::new().route("/events", post(take)).with_state(Arc::clone(&kept));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: format!("{origin}/events"),
            origin,
            kept,
            server,
        }
    }

    /// What the next requests are answered.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.kept.answers.lock().unwrap().extend(statuses);
    }

    /// All that came.
    pub fn received(&self) -> Vec<Received> {
        self.kept.received.lock().unwrap().clone()
    }

    /// Waits until what came is enough.
    pub async fn until(&self, mut enough: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        let mut count = self.kept.count.subscribe();
        let waiting = async {
            loop {
                let received = self.received();
                if enough(&received) {
                    return received;
                }
                count.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("this alone came: {:?}", self.received()))
    }
}

async fn take(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: String) -> StatusCode {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    kept.received.lock().unwrap().push(Received { headers, body });
    let status = kept.answers.lock().unwrap().pop_front().unwrap_or(204);
    kept.count.send_modify(|count| *count += 1);
    StatusCode::from_u16(status).unwrap()
}
