//! Tests a plugin natively, without a sandbox and without a network.
//!
//! [`Script`] plays the provider for one operation, step by step as the host would. [`establish`] does what the host
//! does with a proof plan.

mod expectation;
mod proof;
mod script;

pub use proof::{Unproven, base64, establish, hex, sign};
pub use script::{Recording, Script};

use crate::types::{Call, Mode};
use crate::webhooks::WebhookRequest;

/// A call in test mode, in the middle of November 2023, with the idempotency key `key`.
#[must_use]
pub fn call() -> Call {
    Call {
        now: 1_700_000_000_000,
        mode: Mode::Test,
        idempotency_key: "key".to_owned(),
        settings: Vec::new(),
        account_reference: None,
    }
}

/// A posted webhook with these headers and this body, received when [`call`] says.
#[must_use]
pub fn webhook(headers: &[(&str, &[u8])], body: &[u8]) -> WebhookRequest {
    let headers = headers.iter();
    WebhookRequest {
        method: "POST".to_owned(),
        url: "https://gateway.example/webhooks/1".to_owned(),
        query: Vec::new(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
            .collect(),
        body: body.to_vec(),
        remote_ip: None,
        received_at: call().now,
    }
}
