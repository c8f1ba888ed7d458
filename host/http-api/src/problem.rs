//! Problems: what a caller is told when something goes wrong (RFC 9457), and how the use cases' errors become that.

mod from_application;
mod from_gateway;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bounds::RETRY_AFTER_SECONDS;
use crate::codes::Code;

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where, e.g. `seats` or `secrets.webhook_secret`.
    #[schema(example = "seats")]
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// What a problem says beyond its code, where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Extensions {
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldError>,
    /// The recorded operation: what to name in a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation_id: Option<String>,
    /// The provider that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    /// What the provider lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capability: Option<String>,
    /// The provider's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_request_id: Option<String>,
    /// The provider's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_code: Option<String>,
    /// The provider's parameter that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_parameter: Option<String>,
    /// Why a payment was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decline_code: Option<String>,
    /// Why a component isn't accepted as a plugin, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plugin_code: Option<String>,
}

/// What went wrong. It becomes its JSON only in [`Problem::render`], where the request's id is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    detail: String,
    extensions: Extensions,
    retry_after_seconds: Option<u64>,
    cause: Option<String>,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Where the code is explained, relative to this API.
    #[schema(example = "/docs/errors#invalid_seats")]
    r#type: String,
    /// What it is, in a few words; the same for every problem with this code.
    #[schema(example = "The number of seats is out of bounds")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened this time.
    #[schema(example = "seats must be between 1 and 2147483647, not 0")]
    detail: &'a str,
    /// Its stable name, to branch on.
    #[schema(example = "invalid_seats")]
    code: &'a str,
    /// The request's id, as in the X-Request-Id header and in the log.
    #[schema(example = "req_0192f3a0c5d24b7e8f1a2b3c4d5e6f70")]
    request_id: &'a str,
    /// What to check or to do.
    #[schema(example = "Send a whole number from 1 to 2147483647.")]
    help: &'a str,
    #[serde(flatten)]
    extensions: &'a Extensions,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        // What is over soon says when to come back.
        let retry_after_seconds = (code.info().status == 503).then_some(RETRY_AFTER_SECONDS);
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            extensions: Extensions::default(),
            retry_after_seconds,
            cause: None,
        }))
    }

    /// One field that is wrong.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_as(Code::InvalidRequest, field, message)
    }

    /// One field that is wrong in a way with a code of its own.
    pub(crate) fn invalid_as(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(code, format!("{field}: {message}")).with(|extensions| {
            extensions.errors.push(FieldError { field, message });
        })
    }

    /// The database failed, or another fault of ours: the caller is told that, and the log why.
    fn hiding(code: Code, detail: &str, cause: &dyn std::error::Error) -> Self {
        let mut problem = Self::new(code, detail);
        problem.0.cause = Some(cause.to_string());
        problem
    }

    fn with(mut self, fill: impl FnOnce(&mut Extensions)) -> Self {
        fill(&mut self.0.extensions);
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// The same under another code, where callers know no other. What it was begins the detail.
    pub(crate) fn retold_as(self, code: Code) -> Self {
        let mut problem = Self::new(code, format!("{}: {}", self.0.code.info().code, self.0.detail));
        problem.0.cause = self.0.cause;
        problem
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What the log is told beyond the detail.
    pub(crate) fn cause(&self) -> &str {
        self.0.cause.as_deref().unwrap_or(&self.0.detail)
    }

    /// Puts its JSON into the response that carries it.
    pub(crate) fn render(&self, response: &mut Response<Body>, request_id: &str) {
        let info = self.0.code.info();
        let body = ProblemBody {
            r#type: format!("/docs/errors#{}", info.code),
            title: info.title,
            status: info.status,
            detail: &self.0.detail,
            code: info.code,
            request_id,
            help: info.help,
            extensions: &self.0.extensions,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(json);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.0.code.info().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(seconds) = self.0.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self.0.code, Code::Unauthorized) {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
