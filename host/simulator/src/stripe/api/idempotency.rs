//! Idempotency keys (<https://docs.stripe.com/api/idempotent_requests>).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Received;
use super::answer::Answer;
use crate::stripe::Shared;
use crate::stripe::clock::DAY;
use crate::stripe::error::ApiError;
use crate::stripe::state::State;

/// The most keys remembered; the oldest give way.
const MAX_KEYS: usize = 20_000;
/// The longest key, in characters.
const MAX_KEY_LENGTH: usize = 255;
/// How long an answer is kept, in simulated time.
const KEPT_SECONDS: i64 = DAY;

/// A key within its account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyOf {
    secret: Option<String>,
    account: Option<String>,
    key: String,
}

impl KeyOf {
    pub(super) fn new(received: &Received, key: &str) -> Self {
        Self {
            secret: received.secret.clone(),
            account: received.account.clone(),
            key: key.to_owned(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    fingerprint: String,
    since: i64,
    /// `None` while the first request is still going on.
    answer: Option<Answer>,
}

#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys {
    entries: HashMap<KeyOf, Entry>,
    order: VecDeque<KeyOf>,
}

/// What a key says about a request.
pub(super) enum Claim {
    New,
    Saved(Answer),
    Refused(ApiError),
}

impl IdempotencyKeys {
    pub(super) fn claim(&mut self, key: &KeyOf, received: &Received, now: i64) -> Claim {
        if key.key.is_empty() || key.key.chars().count() > MAX_KEY_LENGTH {
            return Claim::Refused(ApiError::new(
                400,
                "invalid_request_error",
                format!("Idempotency keys must have 1 to {MAX_KEY_LENGTH} characters."),
            ));
        }
        let fingerprint = format!("{} {} {}", received.method, received.path, received.params.to_json());
        let is_old = |entry: &Entry| entry.answer.is_some() && entry.since + KEPT_SECONDS < now;
        match self.entries.get(key).filter(|entry| !is_old(entry)) {
            Some(entry) if entry.fingerprint != fingerprint => Claim::Refused(mismatch(&key.key)),
            Some(Entry {
                answer: Some(answer), ..
            }) => Claim::Saved(answer.clone()),
            Some(_) => Claim::Refused(in_use(&key.key)),
            None => {
                self.remember(key, fingerprint, now);
                Claim::New
            }
        }
    }

    fn remember(&mut self, key: &KeyOf, fingerprint: String, now: i64) {
        let entry = Entry {
            fingerprint,
            since: now,
            answer: None,
        };
        if self.entries.insert(key.clone(), entry).is_none() {
            self.order.push_back(key.clone());
        }
        while self.order.len() > MAX_KEYS {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    fn release(&mut self, key: &KeyOf) {
        if self.entries.get(key).is_some_and(|entry| entry.answer.is_none()) {
            self.entries.remove(key);
            self.order.retain(|known| known != key);
        }
    }
}

fn mismatch(key: &str) -> ApiError {
    ApiError::new(
        400,
        "idempotency_error",
        format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        ),
    )
}

fn in_use(key: &str) -> ApiError {
    let error = ApiError::new(
        409,
        "invalid_request_error",
        format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
        ),
    )
    .code("idempotency_key_in_use");
    ApiError {
        should_retry: Some(true),
        ..error
    }
}

/// A key in use; it becomes free again if nothing is saved under it.
#[derive(Debug)]
pub(super) struct Claimed {
    shared: Arc<Shared>,
    key: Option<KeyOf>,
}

impl Claimed {
    pub(super) fn new(shared: &Arc<Shared>, key: KeyOf) -> Self {
        Self {
            shared: Arc::clone(shared),
            key: Some(key),
        }
    }

    pub(super) fn save(mut self, state: &mut State, answer: &Answer) {
        let key = self.key.take();
        if let Some(entry) = key.and_then(|key| state.idempotency.entries.get_mut(&key)) {
            entry.answer = Some(answer.clone());
        }
    }

    pub(super) fn release(mut self, state: &mut State) {
        if let Some(key) = self.key.take() {
            state.idempotency.release(&key);
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // A panic may hold the lock, and waiting for oneself never ends.
        if std::thread::panicking() {
            return;
        }
        if let Some(key) = self.key.take() {
            self.shared.read(|state| state.idempotency.release(&key));
        }
    }
}
