//! How the use cases' errors become problems. Every match is exhaustive: a new error doesn't compile without a code.

use tillgate_application::ApplicationError;
use tillgate_application::ports::{InvalidField, PluginRejected, StoreError};
use tillgate_domain::DomainError;

use super::{FieldError, Problem};
use crate::codes::Code;

/// The plugins' port says with this code that the fault is not the component's.
const PLUGIN_STORAGE_FAILED: &str = "storage_failed";

impl From<ApplicationError> for Problem {
    fn from(error: ApplicationError) -> Self {
        let text = error.to_string();
        match error {
            ApplicationError::NotFound { what, .. } => Self::new(not_found_code(what), text),
            ApplicationError::Invalid(fields) => invalid(fields, text),
            ApplicationError::Domain(error) => error.into(),
            ApplicationError::Exists(_) => Self::new(Code::AlreadyExists, text),
            ApplicationError::NoProviderAccount => Self::new(Code::NoProviderAccount, text),
            ApplicationError::ProductWithoutPrice { .. } => Self::new(Code::ProductWithoutPrice, text),
            ApplicationError::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused, text),
            ApplicationError::IdempotencyKeyInUse => Self::new(Code::IdempotencyKeyInUse, text).retry_after(1),
            ApplicationError::OperationInProgress(_) => Self::new(Code::OperationInProgress, text).retry_after(10),
            ApplicationError::Gateway {
                error,
                provider,
                operation_id,
            } => Self::from_gateway(*error, provider, operation_id),
            ApplicationError::Plugin(rejected) => rejected.into(),
            ApplicationError::Seal(error) => Self::hiding(
                Code::SecretNotReadable,
                "a secret that is needed for this can't be opened",
                &error,
            ),
            ApplicationError::WebhookConflicting(_) => Self::new(Code::WebhookNotReplayable, text),
            ApplicationError::Contended(_) => Self::new(Code::ConcurrentChange, text),
            ApplicationError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::hiding(
                Code::DatabaseUnavailable,
                "the database can't be reached, or can't take this now",
                &error,
            ),
            StoreError::Corrupt(_) => Self::hiding(
                Code::StoredDataCorrupt,
                "the database holds something that can't be understood",
                &error,
            ),
        }
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        let text = error.to_string();
        match error {
            DomainError::InvalidSubscriptionStatus { .. } => Self::new(Code::InvalidSubscriptionStatus, text),
            DomainError::InvalidPurchaseStatus { .. } => Self::new(Code::InvalidPurchaseStatus, text),
            DomainError::InvalidPaymentStatus { .. } => Self::new(Code::InvalidPaymentStatus, text),
            DomainError::InvalidSeats { max, .. } => field(
                Code::InvalidSeats,
                text,
                "seats",
                format!("must be between 1 and {max}"),
            ),
            DomainError::InvalidTrial { max, .. } => field(
                Code::InvalidTrial,
                text,
                "trial_period_days",
                format!("must be between 1 and {max}"),
            ),
            DomainError::TrialWithoutSubscription => field(
                Code::InvalidTrial,
                text,
                "trial_period_days",
                "only a subscription can have a trial".to_owned(),
            ),
            DomainError::InvalidText { field: name, rule } => field(Code::InvalidRequest, text, name, rule.to_owned()),
        }
    }
}

impl From<PluginRejected> for Problem {
    fn from(rejected: PluginRejected) -> Self {
        if rejected.code == PLUGIN_STORAGE_FAILED {
            return Self::hiding(
                Code::PluginNotStored,
                "the component is good, but could not be written to the plugin directory",
                &rejected,
            );
        }
        Self::new(Code::PluginRejected, rejected.message)
            .with(|extensions| extensions.plugin_code = Some(rejected.code.to_owned()))
    }
}

fn invalid(fields: Vec<InvalidField>, text: String) -> Problem {
    Problem::new(Code::InvalidRequest, text).with(|extensions| {
        extensions.errors = fields
            .into_iter()
            .map(|InvalidField { field, message }| FieldError { field, message })
            .collect();
    })
}

fn field(code: Code, text: String, field: &str, message: String) -> Problem {
    let field = field.to_owned();
    Problem::new(code, text).with(|extensions| extensions.errors.push(FieldError { field, message }))
}

/// The code for something of this kind that isn't there.
fn not_found_code(what: &str) -> Code {
    match what {
        "tenant" => Code::TenantNotFound,
        "API key" => Code::ApiKeyNotFound,
        "provider account" => Code::ProviderAccountNotFound,
        "plugin" => Code::PluginNotFound,
        "organization" => Code::OrganizationNotFound,
        "user" => Code::UserNotFound,
        "product" => Code::ProductNotFound,
        "checkout session" => Code::CheckoutSessionNotFound,
        "customer" => Code::CustomerNotFound,
        "subscription" => Code::SubscriptionNotFound,
        "purchase" => Code::PurchaseNotFound,
        "payment" => Code::PaymentNotFound,
        "refund" => Code::RefundNotFound,
        "event" => Code::EventNotFound,
        "event endpoint" => Code::EventEndpointNotFound,
        "webhook" => Code::WebhookNotFound,
        _ => Code::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(error: impl Into<Problem>) -> &'static str {
        error.into().code().info().code
    }

    #[test]
    fn every_error_of_the_use_cases_has_its_code() {
        let account_id = "pac_1".to_owned();
        let cases: Vec<(ApplicationError, &str)> = vec![
            (ApplicationError::not_found("API key", "key_1"), "api_key_not_found"),
            (ApplicationError::not_found("something new", "x"), "not_found"),
            (ApplicationError::invalid("name", "is wrong"), "invalid_request"),
            (ApplicationError::Exists("account"), "already_exists"),
            (ApplicationError::NoProviderAccount, "no_provider_account"),
            (
                ApplicationError::ProductWithoutPrice {
                    product_id: "p".into(),
                    account_id,
                },
                "product_without_price",
            ),
            (ApplicationError::IdempotencyKeyReused, "idempotency_key_reused"),
            (ApplicationError::IdempotencyKeyInUse, "idempotency_key_in_use"),
            (
                ApplicationError::OperationInProgress("sub_1".into()),
                "operation_in_progress",
            ),
            (
                ApplicationError::WebhookConflicting(tillgate_domain::InboxId::from_bits(1)),
                "webhook_not_replayable",
            ),
            (ApplicationError::Contended("subscription"), "concurrent_change"),
            (StoreError::Unavailable("x".into()).into(), "database_unavailable"),
            (StoreError::Corrupt("x".into()).into(), "stored_data_corrupt"),
            (
                tillgate_application::ports::SealError::Broken.into(),
                "secret_not_readable",
            ),
        ];
        for (error, code) in cases {
            assert_eq!(code_of(error.clone()), code, "{error}");
        }
    }

    #[test]
    fn every_rule_of_the_domain_has_its_code() {
        let (status, action) = ("canceled", "cancel");
        for (error, code) in [
            (
                DomainError::InvalidSubscriptionStatus { status, action },
                "invalid_subscription_status",
            ),
            (
                DomainError::InvalidPurchaseStatus { status, action },
                "invalid_purchase_status",
            ),
            (
                DomainError::InvalidPaymentStatus { status, action },
                "invalid_payment_status",
            ),
            (DomainError::InvalidSeats { given: 0, max: 9 }, "invalid_seats"),
            (DomainError::InvalidTrial { given: 0, max: 9 }, "invalid_trial"),
            (DomainError::TrialWithoutSubscription, "invalid_trial"),
            (
                DomainError::InvalidText {
                    field: "mode",
                    rule: "is wrong",
                },
                "invalid_request",
            ),
        ] {
            assert_eq!(code_of(error), code);
        }
    }

    #[test]
    fn what_the_database_says_is_for_the_log_alone() {
        let problem = Problem::from(StoreError::Unavailable("secret-host:5432 refused".into()));
        assert!(!problem.0.detail.contains("secret-host"));
        assert!(problem.cause().contains("secret-host"));
        assert_eq!(problem.0.retry_after_seconds, Some(crate::bounds::RETRY_AFTER_SECONDS));
    }

    #[test]
    fn a_refused_component_keeps_its_own_code() {
        let refused = |code| PluginRejected {
            code,
            message: "imports wasi:sockets".into(),
        };
        let problem = Problem::from(refused("import_refused"));
        assert_eq!(problem.0.extensions.plugin_code.as_deref(), Some("import_refused"));
        assert_eq!(code_of(refused("storage_failed")), "plugin_not_stored");
    }
}
