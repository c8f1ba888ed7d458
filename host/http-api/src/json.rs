//! Takes JSON bodies, naming the field that is wrong, and the idempotency key they come with.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use sha2::{Digest, Sha256};
use tillgate_application::operation::IdempotencyKey;

use crate::body::{self, BodyLimits};
use crate::bounds::IDEMPOTENCY_KEY_MAX;
use crate::codes::Code;
use crate::extract::refuse_query;
use crate::problem::Problem;
use crate::state::Api;

/// The header that makes a write safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What can be asked for in a body.
pub(crate) trait RequestBody: DeserializeOwned {
    /// Whether no body at all is the same as `{}`: where no field is required.
    const MAY_BE_EMPTY: bool = false;
}

/// A body, and the idempotency key it came with.
pub(crate) struct Json<T> {
    pub(crate) value: T,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl<T: RequestBody> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        refuse_query(&parts.uri)?;
        let limits = BodyLimits {
            max_bytes: api.options.body_max_bytes,
            timeout: api.options.body_timeout,
        };
        let bytes = body::read(&parts.headers, body, limits).await?;
        let empty = T::MAY_BE_EMPTY && bytes.is_empty();
        if !empty {
            expect_media_type(&parts.headers, "application/json")?;
        }
        let idempotency_key = idempotency_key(&parts.headers, &parts.method, parts.uri.path(), &bytes)?;
        let value = parse(if empty { b"{}" } else { &bytes })?;
        Ok(Self { value, idempotency_key })
    }
}

/// Refuses a body of another media type. Parameters such as `charset` say nothing about JSON, and are let through.
pub(crate) fn expect_media_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let given = if given.is_empty() { "none" } else { given };
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!("the body's Content-Type is {given}, not {wanted}"),
    ))
}

/// The key, bound to what is asked with it.
pub(crate) fn idempotency_key(
    headers: &HeaderMap,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    let (Some(key), None) = (key, given.next()) else {
        return Err(Problem::invalid_as(
            Code::InvalidIdempotencyKey,
            "Idempotency-Key",
            format!("must be one header of 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters"),
        ));
    };
    // Neither a method nor a path holds a line break, so that no two requests run together.
    let fingerprint = Sha256::new()
        .chain_update(method.as_str())
        .chain_update("\n")
        .chain_update(path)
        .chain_update("\n")
        .chain_update(body)
        .finalize()
        .into();
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        fingerprint,
    }))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take an array for an object, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| problem_of(".", &error))?;
        return Err(Problem::invalid("body", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        problem_of(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| problem_of(".", &error))?;
    Ok(value)
}

fn problem_of(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Problem::new(Code::MalformedJson, text),
        Category::Data => {
            let message = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(message, _)| message);
            let field = field_of(path, message);
            // The text repeats a value of the wrong type.
            if field.split('.').any(|part| part.starts_with("secret")) && message.starts_with("invalid ") {
                return Problem::invalid(field, "is not of its type");
            }
            Problem::invalid(field, message)
        }
    }
}

/// Names the field. One that is missing or unknown isn't in the path but in the message, in backticks.
pub(crate) fn field_of(path: &str, message: &str) -> String {
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|begin| message.strip_prefix(begin))
        .and_then(|rest| rest.split('`').next());
    match (named, path) {
        (Some(field), ".") => field.to_owned(),
        (Some(field), path) if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        (Some(field), path) => format!("{path}.{field}"),
        (None, ".") => "body".to_owned(),
        (None, path) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "read by no test")]
        seats: u64,
        #[expect(dead_code, reason = "read by no test")]
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read by no test")]
        kind: Kind,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Good,
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        #[derive(serde::Deserialize, Debug)]
        struct Account {
            #[expect(dead_code, reason = "read by no test")]
            secrets: std::collections::BTreeMap<String, u8>,
        }
        impl RequestBody for Account {}
        for bad in [
            "{\"secrets\":\"sk_live_canary\"}",
            "{\"secrets\":{\"api_key\":\"sk_live_canary\"}}",
        ] {
            let problem = parse::<Account>(bad.as_bytes()).unwrap_err();
            assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
            assert!(format!("{problem:?}").contains("secrets"), "{problem:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed_with_its_place() {
        for bad in ["", "{", "{\"seats\":1,}", "{\"seats\":1} x", "nul", "{\"seats\":\u{1}}"] {
            let problem = parse::<Order>(bad.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::MalformedJson, "{bad}");
            assert!(problem.cause().contains("line 1 column"), "{}", problem.cause());
        }
        assert_eq!(
            parse::<Order>(b"{\"seats\":\"\xff\"}").unwrap_err().code(),
            Code::MalformedJson
        );
    }

    #[test]
    fn wrong_fields_are_named_by_their_path() {
        for (bad, field) in [
            ("{}", "seats"),
            ("{\"seats\":1,\"seat\":2}", "seat"),
            ("{\"seats\":1,\"seats\":2}", "seats"),
            ("{\"seats\":-1}", "seats"),
            ("{\"seats\":1.5}", "seats"),
            ("{\"seats\":\"1\"}", "seats"),
            ("{\"seats\":99999999999999999999}", "seats"),
            ("{\"seats\":1,\"inner\":{}}", "inner.kind"),
            ("{\"seats\":1,\"inner\":{\"kind\":\"bad\"}}", "inner.kind"),
            ("{\"seats\":1,\"inner\":{\"kind\":\"good\",\"x\":1}}", "inner.x"),
            ("[]", "body"),
            ("[3, null]", "body"),
            ("7", "body"),
        ] {
            let problem = parse::<Order>(bad.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidRequest, "{bad}");
            assert!(
                problem.cause().starts_with(&format!("{field}: ")),
                "{bad}: {}",
                problem.cause()
            );
        }
    }

    #[test]
    fn a_fingerprint_binds_method_path_and_body() {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, "k-1".parse().unwrap());
        let of = |method, path, body: &str| {
            let key = idempotency_key(&headers, &method, path, body.as_bytes()).unwrap();
            key.unwrap().fingerprint
        };
        let first = of(Method::POST, "/a", "{}");
        assert_eq!(first, of(Method::POST, "/a", "{}"));
        assert_ne!(first, of(Method::PUT, "/a", "{}"));
        assert_ne!(first, of(Method::POST, "/b", "{}"));
        assert_ne!(first, of(Method::POST, "/a", "{ }"));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for bad in ["", "a b", &"x".repeat(256), "ü"] {
            let mut headers = HeaderMap::new();
            headers.insert(
                IDEMPOTENCY_KEY,
                axum::http::HeaderValue::from_bytes(bad.as_bytes()).unwrap(),
            );
            assert!(idempotency_key(&headers, &Method::POST, "/", b"").is_err(), "{bad}");
        }
        assert!(
            idempotency_key(&HeaderMap::new(), &Method::POST, "/", b"")
                .unwrap()
                .is_none()
        );
    }
}
