//! The provider, as the gateway asks it: every object as it is by the clock of its life.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::lives::{Life, correlated};

/// How the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// At once.
    Well,
    /// Late by up to this much. What it says was true when it was asked.
    Slow(Duration),
    /// With 500.
    Failing,
}

/// How far a life has come, and what of it is ours.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    happened: AtomicUsize,
    correlation: Mutex<Option<String>>,
}

impl Progress {
    /// One more moment has happened.
    pub(crate) fn advance_to(&self, moments: usize) {
        self.happened.fetch_max(moments, Ordering::AcqRel);
    }

    /// The id of our checkout session, once it was made.
    pub(crate) fn correlation(&self) -> Option<String> {
        self.correlation.lock().unwrap().clone()
    }

    /// Our checkout session was made.
    pub(crate) fn correlate(&self, id: &str) {
        *self.correlation.lock().unwrap() = Some(id.to_owned());
    }
}

/// The provider.
#[derive(Debug)]
pub(crate) struct Provider {
    lives: Arc<Vec<Life>>,
    progress: Vec<Progress>,
    by_path: HashMap<String, usize>,
    mood: Mutex<Mood>,
    asked: AtomicU64,
}

impl Provider {
    /// One for these lives.
    pub(crate) fn new(lives: Arc<Vec<Life>>) -> Self {
        let mut by_path = HashMap::new();
        for life in lives.iter() {
            for (path, _) in life.moments.iter().flat_map(|moment| &moment.then) {
                by_path.insert(path.clone(), life.number);
            }
        }
        Self {
            progress: lives.iter().map(|_| Progress::default()).collect(),
            lives,
            by_path,
            mood: Mutex::new(Mood::Well),
            asked: AtomicU64::new(0),
        }
    }

    /// How far a life has come.
    pub(crate) fn progress(&self, life: usize) -> &Progress {
        &self.progress[life]
    }

    /// From now on it answers like this.
    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Answers on loopback from now on; says where.
    ///
    /// # Errors
    /// There is no port.
    pub(crate) async fn serve(self: &Arc<Self>) -> Result<std::net::SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(address)
    }

    /// What is at a path, and when that is, by the provider's clock.
    fn look(&self, path: &str) -> Option<(String, i64)> {
        let life = &self.lives[*self.by_path.get(path)?];
        let progress = &self.progress[life.number];
        let happened = progress.happened.load(Ordering::Acquire).min(life.moments.len());
        let so_far = &life.moments[..happened];
        let mut states = so_far.iter().rev().flat_map(|moment| &moment.then);
        let (_, value) = states.find(|(at, _)| at == path)?;
        let now = so_far.last()?.at;
        // As late as can be without being later than what happens next, or as early.
        let next = life.moments.get(happened).map_or(now + 60, |moment| moment.at);
        let at = if life.number.is_multiple_of(2) { now } else { next };
        Some((correlated(value, progress.correlation().as_deref()), at))
    }

    fn reply(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response {
        let path = uri.path();
        if *method == Method::POST && path == "/v1/checkout/sessions" {
            return self.make_session(body);
        }
        if path == "/v1/invoice_payments" {
            let query = uri.query().unwrap_or_default();
            let intent = query
                .split(['=', '&'])
                .find(|word| word.starts_with("pi_"))
                .unwrap_or_default();
            let found = self.look(&format!("/v1/invoice_payments/{intent}"));
            let data: Vec<Value> = found
                .iter()
                .filter_map(|(text, _)| serde_json::from_str(text).ok())
                .collect();
            let list = json!({"object": "list", "data": data, "has_more": false, "url": path});
            return json_answer(StatusCode::OK, list.to_string());
        }
        match self.look(path) {
            Some((text, at)) => {
                let mut answer = json_answer(StatusCode::OK, text);
                if let Ok(date) = http_date(at).parse() {
                    answer.headers_mut().insert(header::DATE, date);
                }
                answer
            }
            None => {
                let error = json!({"error": {
                    "type": "invalid_request_error", "code": "resource_missing", "message": "No such object",
                }});
                json_answer(StatusCode::NOT_FOUND, error.to_string())
            }
        }
    }

    fn make_session(&self, body: &[u8]) -> Response {
        let form = String::from_utf8_lossy(body).replace("%5B", "[").replace("%5D", "]");
        let number = form.split('&').find_map(|pair| pair.strip_prefix("metadata[life]="));
        let life = number.and_then(|number| self.lives.get(number.parse::<usize>().ok()?));
        let Some(checkout) = life.and_then(|life| life.checkout.as_ref()) else {
            let error = json!({"error": {"type": "invalid_request_error", "message": "no life"}});
            return json_answer(StatusCode::BAD_REQUEST, error.to_string());
        };
        let session = json!({
            "id": checkout.reference, "object": "checkout.session", "status": "open", "payment_status": "unpaid",
            "url": format!("https://checkout.example/{}", checkout.reference), "metadata": {},
        });
        json_answer(StatusCode::OK, session.to_string())
    }
}

async fn answer(State(provider): State<Arc<Provider>>, method: Method, uri: Uri, body: Bytes) -> Response {
    provider.asked.fetch_add(1, Ordering::Relaxed);
    let mood = *provider.mood.lock().unwrap();
    match mood {
        Mood::Well => provider.reply(&method, &uri, &body),
        Mood::Slow(most) => {
            let answer = provider.reply(&method, &uri, &body);
            tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
            answer
        }
        Mood::Failing => {
            let error = json!({"error": {"type": "api_error", "message": "something went wrong at our end"}});
            json_answer(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    }
}

fn json_answer(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// As HTTP has it (RFC 9110, section 5.6.7).
fn http_date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_as_http_has_them() {
        assert_eq!(super::http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
