//! What a use case can fail with.
//!
//! Which error to use where: a rule of the domain is a [`DomainError`]; something that isn't there is
//! [`ApplicationError::NotFound`]; what a caller got wrong is [`ApplicationError::Invalid`], naming the field; what the
//! world did is the port's own error, passed on. Nothing is logged here: a failure is logged once, where it is handled.

use std::fmt::Display;

use tillgate_domain::{DomainError, InboxId, OperationId};

use crate::ports::{CommitError, Conflict, GatewayError, InvalidField, PluginRejected, SealError, StoreError};

/// Why a use case gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// It doesn't exist, or not for this tenant.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// Its kind, e.g. `subscription`.
        what: &'static str,
        /// Its id, as given.
        id: String,
    },
    /// The input is wrong.
    #[error("{}", .0.iter().map(|field| format!("{}: {}", field.field, field.message)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<InvalidField>),
    /// A rule of the domain is broken.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The name is taken, or something it refers to doesn't exist.
    #[error("{0} exists already, or refers to something that does not exist")]
    Exists(&'static str),
    /// The tenant has no account to use: none was named, and none is the default.
    #[error("the tenant has no default provider account; name one, or make one the default")]
    NoProviderAccount,
    /// The product has no price at that account.
    #[error("product {product_id} has no price at provider account {account_id}")]
    ProductWithoutPrice {
        /// The product.
        product_id: String,
        /// The account.
        account_id: String,
    },
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used before with another request")]
    IdempotencyKeyReused,
    /// Another change of the same thing is under way, or its outcome isn't known yet.
    #[error("another change of {0} is under way, or its outcome is still to be settled")]
    OperationInProgress(String),
    /// The first request with this idempotency key is still running.
    #[error("a request with this idempotency key is still running")]
    IdempotencyKeyInUse,
    /// The provider or its plugin gave no result.
    #[error("{error}")]
    Gateway {
        /// Why.
        error: Box<GatewayError>,
        /// The plugin's name.
        provider: String,
        /// The operation, if it was recorded.
        operation_id: Option<OperationId>,
    },
    /// A component isn't accepted as a plugin.
    #[error(transparent)]
    Plugin(#[from] PluginRejected),
    /// A stored secret can't be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The webhook's events were taken in with other contents: which of them are true the provider alone knows.
    #[error("webhook {0} conflicts with what was taken in before, and is never applied")]
    WebhookConflicting(InboxId),
    /// Others changed the same thing again and again.
    #[error("the {0} was changed by others at the same time, again and again")]
    Contended(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApplicationError {
    /// One wrong field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![InvalidField {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// Something that isn't there.
    #[must_use]
    pub fn not_found(what: &'static str, id: impl Display) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }
}

impl From<CommitError> for ApplicationError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            CommitError::Conflict(Conflict::Version(what)) => Self::Contended(what),
            CommitError::Conflict(Conflict::Reference(what)) => Self::Exists(what),
            CommitError::Conflict(Conflict::IdempotencyKey) => Self::IdempotencyKeyInUse,
            CommitError::Conflict(Conflict::DuplicateEvent { .. }) => Self::Contended("event"),
        }
    }
}
