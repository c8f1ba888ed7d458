//! Error answers in Stripe's shape
//! (<https://docs.stripe.com/api/errors>, <https://docs.stripe.com/error-codes>).

use serde_json::{Value, json};

/// A refused request: the status and what goes under `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) decline_code: Option<&'static str>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    /// What `Stripe-Should-Retry` says, where Stripe sends it.
    pub(super) should_retry: Option<bool>,
}

pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            decline_code: None,
            param: None,
            message: message.into(),
            should_retry: None,
        }
    }

    /// A 400 without a code: most rules between parameters.
    pub(super) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message).param(param)
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::invalid(param, format!("Missing required param: {param}.")).code("parameter_missing")
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::invalid(param, format!("Received unknown parameter: {param}")).code("parameter_unknown")
    }

    /// An id in the path that nothing has.
    pub(super) fn no_such(kind: &str, id: &str) -> Self {
        let param = if kind == "payment_intent" { "intent" } else { "id" };
        Self {
            status: 404,
            ..Self::no_such_param(kind, id, param)
        }
    }

    /// An id in a parameter that nothing has: the path is fine, so it is a 400.
    pub(super) fn no_such_param(kind: &str, id: &str, param: &str) -> Self {
        Self::invalid(param, format!("No such {kind}: '{id}'")).code("resource_missing")
    }

    pub(super) fn unrecognized_url(method: &str, path: &str) -> Self {
        Self::new(
            404,
            "invalid_request_error",
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            ),
        )
    }

    pub(super) fn rate_limited() -> Self {
        Self::new(
            429,
            "invalid_request_error",
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        )
        .code("rate_limit")
    }

    pub(super) fn server_side(status: u16) -> Self {
        Self::new(
            status,
            "api_error",
            "Sorry! There was an error while talking to the API. We have been notified of the problem.",
        )
    }

    /// Whether the request was refused before anything was carried out, so
    /// that its idempotency key stays free
    /// (<https://docs.stripe.com/api/idempotent_requests>).
    pub(super) fn leaves_the_key_free(&self) -> bool {
        self.status == 401
            || self.status == 409
            || self.status == 429
            || self.kind == "idempotency_error"
            || self.code.is_some_and(|code| code.starts_with("parameter_"))
    }

    pub(super) fn body(&self, request_id: &str, now: i64) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = self.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            ));
        }
        if let Some(decline_code) = self.decline_code {
            error["decline_code"] = json!(decline_code);
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        if self.status != 401 {
            error["request_log_url"] = json!(format!("https://dashboard.stripe.com/test/logs/{request_id}?t={now}"));
        }
        json!({"error": error})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_parameter_reads_like_stripes() {
        let body = ApiError::missing("line_items").body("req_1", 9);
        let error = &body["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "parameter_missing");
        assert_eq!(error["param"], "line_items");
        assert_eq!(error["message"], "Missing required param: line_items.");
        assert_eq!(
            error["doc_url"],
            "https://stripe.com/docs/error-codes/parameter-missing"
        );
        assert_eq!(
            error["request_log_url"],
            "https://dashboard.stripe.com/test/logs/req_1?t=9"
        );
    }

    #[test]
    fn an_unknown_id_is_404_in_a_path_and_400_in_a_parameter() {
        assert_eq!(ApiError::no_such("price", "p").status, 404);
        assert_eq!(
            ApiError::no_such_param("price", "p", "line_items[0][price]").status,
            400
        );
    }
}
