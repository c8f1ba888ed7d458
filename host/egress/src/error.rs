//! Why there is no response, and what that says about the request.

use std::{fmt, io};

/// No response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The request broke a rule and was never sent.
    #[error(transparent)]
    Refused(#[from] RefusedRequest),
    /// The exchange failed on the way.
    #[error(transparent)]
    Failed(#[from] TransportFailure),
}

/// A request that broke a rule. Never sent. Its text quotes no value of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("request refused ({rule}): {detail}")]
pub struct RefusedRequest {
    /// The rule it broke.
    pub rule: Rule,
    /// What exactly is wrong, for the plugin's author.
    pub detail: String,
}

impl RefusedRequest {
    pub(crate) fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

/// The rules a request is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// One of the six methods providers use.
    Method,
    /// An absolute path of plain segments that can't climb out of the endpoint's prefix.
    Path,
    /// Query names don't collide with the credential's.
    Query,
    /// Path and query fit [`MAX_TARGET_BYTES`](crate::bounds::MAX_TARGET_BYTES).
    TargetSize,
    /// Header names are tokens and not the host's to set.
    HeaderName,
    /// Header values are visible ASCII, spaces and tabs.
    HeaderValue,
    /// Number and size of headers.
    HeaderSize,
    /// The body fits [`MAX_REQUEST_BODY_BYTES`](crate::bounds::MAX_REQUEST_BODY_BYTES).
    BodySize,
    /// The credential can be written as a header or query pair.
    Credential,
    /// The timeout isn't zero.
    Timeout,
}

impl Rule {
    /// Its name in messages and logs: `path`, `header-name`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Query => "query",
            Self::TargetSize => "target-size",
            Self::HeaderName => "header-name",
            Self::HeaderValue => "header-value",
            Self::HeaderSize => "header-size",
            Self::BodySize => "body-size",
            Self::Credential => "credential",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An exchange that failed. Its text holds neither URL, headers, body, address nor secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exchange failed ({stage}, {kind}): {message}")]
pub struct TransportFailure {
    /// How far the request got: what decides whether it may be sent again.
    pub stage: Stage,
    /// What went wrong.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

/// How far a request got. When in doubt it is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// No byte of it left the gateway: no connection was ready yet.
    NotSent,
    /// It was handed to a connection and no response head came back. The provider may have acted on it.
    MaybeSent,
    /// The provider began to answer it.
    Sent,
}

impl Stage {
    /// As in the contract: `not-sent`, `maybe-sent`, `sent`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not-sent",
            Self::MaybeSent => "maybe-sent",
            Self::Sent => "sent",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong in an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The host name couldn't be resolved.
    Dns,
    /// The host resolved to an address requests may not go to; always [`Stage::NotSent`].
    AddressRefused,
    /// No address accepted a connection.
    Connect,
    /// The TLS handshake failed, an untrusted certificate included.
    Tls,
    /// The connect timeout or the request's own ran out.
    Timeout,
    /// The connection was closed or reset.
    Reset,
    /// The response is larger than allowed; always [`Stage::Sent`].
    TooLarge,
    /// The response isn't HTTP, or is compressed though that was declined.
    Protocol,
}

impl FailureKind {
    /// Its name in messages and logs: `dns`, `address-refused`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::AddressRefused => "address-refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::TooLarge => "too-large",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate of [`Options::extra_roots`](crate::Options::extra_roots) isn't usable.
    #[error("extra root certificate {index} isn't usable: {reason}")]
    Root {
        /// Its place in the list, from 0.
        index: usize,
        /// From the TLS library.
        reason: String,
    },
    /// The TLS library refused the configuration.
    #[error("TLS isn't available: {0}")]
    Tls(String),
    /// The user agent isn't a header value.
    #[error("the user agent isn't visible ASCII")]
    UserAgent,
}

/// The words of an I/O error without its numbers and paths.
pub(crate) fn io_words(error: &io::Error) -> String {
    error.kind().to_string()
}
