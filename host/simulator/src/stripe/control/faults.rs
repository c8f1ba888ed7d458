//! Faults that were asked for: of the API's answers and of webhook delivery.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most faults waiting at once.
const MAX_WAITING: usize = 1_000;
/// The longest latency or delay that can be asked for, in milliseconds.
const MAX_DELAY_MS: u64 = 600_000;
/// The most extra copies of one delivery.
const MAX_DUPLICATES: u32 = 100;

/// How the next answers go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextFault {
    pub(crate) status: Failure,
    #[serde(default = "one")]
    pub(crate) count: u32,
    /// So many of the requests that are meant go well first.
    #[serde(default)]
    pub(crate) after: u32,
    /// Only requests whose path starts so.
    #[serde(default)]
    pub(crate) path_prefix: Option<String>,
    /// Only requests of this method, e.g. `POST`.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// The request is carried out and its answer lost.
    #[serde(default)]
    pub(crate) apply_before_failing: bool,
    /// Sent as `Stripe-Should-Retry`.
    #[serde(default)]
    pub(crate) should_retry: Option<bool>,
    /// Seconds, sent as `Retry-After`.
    #[serde(default)]
    pub(crate) retry_after: Option<u32>,
}

fn one() -> u32 {
    1
}

/// What comes instead of the answer: a status, or something odder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Failure {
    Status(u16),
    Odd(OddFailure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OddFailure {
    /// No answer until the caller gives up.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// A proxy's error page with status 502.
    Html,
    /// Status 200 and nothing else.
    Empty,
}

/// Faults of webhook delivery; all off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhookFaults {
    /// Extra copies of each delivery.
    pub(crate) duplicate: u32,
    /// Deliveries are shuffled within groups of this size.
    pub(crate) reorder_window: usize,
    /// Each delivery waits this long.
    pub(crate) delay_ms: u64,
    /// Every n-th delivery is never sent; 0 sends all.
    pub(crate) drop_every: u64,
}

/// What `POST /_simulator/faults` takes; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultsRequest {
    #[serde(default)]
    next: Option<OneOrMany>,
    #[serde(default)]
    latency_ms: Option<u64>,
    #[serde(default)]
    webhooks: Option<WebhookFaults>,
    /// Removes all faults before anything else in the request is set.
    #[serde(default)]
    clear: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<NextFault>),
    One(NextFault),
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: Vec<NextFault>,
    latency_ms: u64,
    pub(crate) webhooks: WebhookFaults,
}

impl Faults {
    pub(crate) fn set(&mut self, request: FaultsRequest) -> Result<(), String> {
        if request.clear {
            *self = Self::default();
        }
        if let Some(latency) = request.latency_ms {
            if latency > MAX_DELAY_MS {
                return Err(format!("latency_ms is at most {MAX_DELAY_MS}"));
            }
            self.latency_ms = latency;
        }
        if let Some(webhooks) = request.webhooks {
            if webhooks.delay_ms > MAX_DELAY_MS || webhooks.duplicate > MAX_DUPLICATES {
                return Err(format!(
                    "delay_ms is at most {MAX_DELAY_MS}, duplicate at most {MAX_DUPLICATES}"
                ));
            }
            self.webhooks = webhooks;
        }
        let added = match request.next {
            None => Vec::new(),
            Some(OneOrMany::One(fault)) => vec![fault],
            Some(OneOrMany::Many(faults)) => faults,
        };
        for fault in &added {
            if let Failure::Status(status) = fault.status
                && !(400..=599).contains(&status)
            {
                return Err(format!("status {status} is not an error; use 400 to 599"));
            }
            if fault.count == 0 {
                return Err("count is at least 1".to_owned());
            }
        }
        if self.next.len() + added.len() > MAX_WAITING {
            return Err(format!("at most {MAX_WAITING} faults can wait"));
        }
        self.next.extend(added);
        Ok(())
    }

    /// The fault of this request, if one was asked for.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<NextFault> {
        let at = self.next.iter().position(|fault| {
            fault.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix))
                && fault
                    .method
                    .as_ref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        })?;
        let fault = self.next.get_mut(at)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.count -= 1;
        let taken = fault.clone();
        self.next.retain(|fault| fault.count > 0);
        Some(taken)
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"next": self.next, "latency_ms": self.latency_ms, "webhooks": self.webhooks})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(request: Value) -> Result<Faults, String> {
        let mut faults = Faults::default();
        let request = serde_json::from_value(request).map_err(|error| error.to_string())?;
        faults.set(request)?;
        Ok(faults)
    }

    #[test]
    fn a_fault_is_used_up() {
        let mut faults = faults(json!({"next": {"status": 500, "count": 2, "path_prefix": "/v1/refunds"}})).unwrap();
        assert!(faults.take("GET", "/v1/customers").is_none());
        assert!(faults.take("POST", "/v1/refunds").is_some());
        assert!(faults.take("POST", "/v1/refunds").is_some());
        assert!(faults.take("POST", "/v1/refunds").is_none());
    }

    #[test]
    fn a_fault_comes_after_what_goes_well() {
        let mut faults = faults(json!({"next": {"status": 500, "after": 2, "method": "POST"}})).unwrap();
        assert!(faults.take("GET", "/v1/refunds").is_none());
        let posted = [1, 2, 3, 4].map(|_| faults.take("POST", "/v1/refunds").is_some());
        assert_eq!(posted, [false, false, true, false]);
    }

    #[test]
    fn odd_failures_have_names() {
        for name in ["hang", "close", "html", "empty"] {
            assert!(faults(json!({"next": {"status": name}})).is_ok());
        }
        assert!(faults(json!({"next": {"status": "explode"}})).is_err());
        assert!(faults(json!({"next": {"status": 200}})).is_err());
        assert!(faults(json!({"latency": 5})).is_err());
        assert!(faults(json!({"next": {"status": 500, "count": 0}})).is_err());
    }
}
