//! What talks HTTP in the demonstration: the tenant's backend, the operator, and the customer's browser.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tillgate_egress::{Client, Credential, Endpoint, Options, OriginOverrides, PoolKey, Request, Response, SecretText};

use crate::Failure;

/// Longer than anything here takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the gateway and of the simulator.
pub(super) struct Browser {
    client: Client,
    origins: OriginOverrides,
}

/// An answer, read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Browser {
    /// One that may talk to these two.
    pub(super) fn new(api_url: &str, simulator_url: &str) -> Result<Self, Failure> {
        let origins = OriginOverrides::parse([api_url, simulator_url]).map_err(said)?;
        let client = Client::new(Options::default()).map_err(said)?;
        Ok(Self { client, origins })
    }

    /// Sends JSON with a bearer token, and wants a success.
    pub(super) async fn json(
        &self,
        method: Method,
        origin: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let bytes = body.map(|body| Bytes::from(body.to_string()));
        let answer = self
            .send(method.clone(), origin, path, headers, bytes, Some(token))
            .await?;
        success(&method, path, answer)
    }

    /// Sends a form with a bearer token, and wants a success.
    pub(super) async fn form(
        &self,
        origin: &str,
        path: &str,
        token: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let headers = vec![(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )];
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let text: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let body = Some(Bytes::from(text.join("&")));
        let answer = self.send(Method::POST, origin, path, headers, body, token).await?;
        success(&Method::POST, path, answer)
    }

    async fn send(
        &self,
        method: Method,
        origin: &str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Option<Bytes>,
        token: Option<&str>,
    ) -> Result<Answer, Failure> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let request = Request {
            method,
            endpoint: Endpoint::from_override(origin, "", &self.origins).map_err(said)?,
            path: path.to_owned(),
            query,
            headers,
            body,
            credential: token.map(|token| Credential::Bearer {
                secret: SecretText::new(token),
            }),
            timeout: TIMEOUT,
            pool: PoolKey::new("demo"),
        };
        let Response { status, body, .. } = self.client.send(request).await.map_err(said)?;
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Ok(Answer { status, body })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err, which gives errors by value")]
fn said(error: impl ToString) -> Failure {
    Failure::Said(error.to_string())
}

/// 2xx, and 3xx as a browser would follow.
fn success(method: &Method, path: &str, answer: Answer) -> Result<Value, Failure> {
    if (200..400).contains(&answer.status) {
        return Ok(answer.body);
    }
    Err(Failure::Said(format!(
        "{method} {path} answered {}: {}",
        answer.status, answer.body
    )))
}
