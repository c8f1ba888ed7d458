//! For how long what has ended is kept.

use serde::Deserialize;

use super::ConfigError;

/// The longest anything is kept, in days: ten years.
const DAYS_MAX: u32 = 3_650;

/// The shortest dedupe keys are kept, in days. Providers deliver one event again and again for up to three days by
/// themselves, and for two weeks when they are asked to (<https://docs.stripe.com/webhooks#retries>).
const EVENT_KEYS_DAYS_MIN: u32 = 14;

/// For how many days what has ended is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// Webhooks whose effect is committed, with their raw requests.
    pub(crate) processed_webhooks_days: u32,
    /// Webhooks that were given up, and those that are conflicting.
    pub(crate) dead_webhooks_days: u32,
    /// By what repetitions of an event are known.
    pub(crate) event_keys_days: u32,
    /// The exchanges of operations that have ended.
    pub(crate) journals_days: u32,
    /// Operations that have ended.
    pub(crate) operations_days: u32,
    /// Idempotency keys of callers.
    pub(crate) idempotency_keys_days: u32,
    /// Secrets of accounts, after they have expired.
    pub(crate) expired_secrets_days: u32,
    /// Imports that have ended.
    pub(crate) ended_imports_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        let usual = tillgate_application::Retention::default();
        Self {
            processed_webhooks_days: usual.processed_webhooks_days,
            dead_webhooks_days: usual.dead_webhooks_days,
            event_keys_days: usual.event_keys_days,
            journals_days: usual.journals_days,
            operations_days: usual.operations_days,
            idempotency_keys_days: usual.idempotency_keys_days,
            expired_secrets_days: usual.expired_secrets_days,
            ended_imports_days: usual.ended_imports_days,
        }
    }
}

impl Retention {
    /// As the use case wants it.
    pub(crate) const fn retention(&self) -> tillgate_application::Retention {
        tillgate_application::Retention {
            processed_webhooks_days: self.processed_webhooks_days,
            dead_webhooks_days: self.dead_webhooks_days,
            event_keys_days: self.event_keys_days,
            journals_days: self.journals_days,
            operations_days: self.operations_days,
            idempotency_keys_days: self.idempotency_keys_days,
            expired_secrets_days: self.expired_secrets_days,
            ended_imports_days: self.ended_imports_days,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: String| {
            Err(ConfigError::Key {
                key: format!("retention.{key}"),
                reason,
            })
        };
        for (key, days) in [
            ("processed_webhooks_days", self.processed_webhooks_days),
            ("dead_webhooks_days", self.dead_webhooks_days),
            ("event_keys_days", self.event_keys_days),
            ("journals_days", self.journals_days),
            ("operations_days", self.operations_days),
            ("idempotency_keys_days", self.idempotency_keys_days),
            ("expired_secrets_days", self.expired_secrets_days),
            ("ended_imports_days", self.ended_imports_days),
        ] {
            if !(1..=DAYS_MAX).contains(&days) {
                return wrong(key, format!("must be between 1 and {DAYS_MAX}"));
            }
        }
        let longest = self.processed_webhooks_days.max(self.dead_webhooks_days);
        if self.event_keys_days < EVENT_KEYS_DAYS_MIN.max(longest) {
            return wrong(
                "event_keys_days",
                format!(
                    "must be at least {EVENT_KEYS_DAYS_MIN}, since providers send events again for so long, and at least \
                     processed_webhooks_days and dead_webhooks_days, or what is put back has its effect twice"
                ),
            );
        }
        if self.journals_days < self.idempotency_keys_days {
            return wrong(
                "journals_days",
                "must be at least idempotency_keys_days, or a repeated request can't go on where it was".to_owned(),
            );
        }
        if self.operations_days < self.journals_days {
            return wrong(
                "operations_days",
                "must be at least journals_days: a journal is of an operation".to_owned(),
            );
        }
        Ok(())
    }
}
