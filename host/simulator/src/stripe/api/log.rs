//! The log of received requests, without secrets.

use axum::http::request::Parts;
use serde_json::{Map, Value, json};

use super::Received;
use crate::stripe::state::State;

/// The most requests kept; the oldest give way.
const MAX_REQUESTS: usize = 5_000;

#[derive(Debug, Clone)]
pub(crate) struct LoggedRequest(Value);

impl LoggedRequest {
    pub(crate) fn to_json(&self) -> Value {
        self.0.clone()
    }
}

/// `****` and the last four characters, or nothing of a short one.
pub(super) fn last_four(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    if characters.len() <= 8 {
        return "****".to_owned();
    }
    let tail: String = characters[characters.len() - 4..].iter().collect();
    format!("****{tail}")
}

pub(super) fn note(state: &mut State, received: &Received, parts: &Parts) {
    let mut headers = Map::new();
    for (name, value) in &parts.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        let shown = if name == "authorization" || name == "cookie" {
            let (scheme, secret) = text.split_once(' ').unwrap_or(("", &text));
            format!("{scheme} {}", last_four(secret)).trim().to_owned()
        } else {
            text.into_owned()
        };
        headers.insert(name.to_string(), Value::String(shown));
    }
    state.requests.push_back(LoggedRequest(json!({
        "id": received.id, "at": state.now, "method": received.method, "path": received.path,
        "query": parts.uri.query(), "headers": headers, "form": received.params.to_json(),
    })));
    while state.requests.len() > MAX_REQUESTS {
        state.requests.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shortened() {
        assert_eq!(last_four("sk_test_abcdef123456"), "****3456");
        assert_eq!(last_four("short"), "****");
    }
}
