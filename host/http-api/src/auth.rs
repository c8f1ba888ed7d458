//! Who calls: a tenant by its key, or the operator by the token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tillgate_application::operation::IdempotencyKey;
use tillgate_application::{Caller, authenticate_api_key};
use tillgate_domain::TenantId;

use crate::bounds::AUTHORIZATION_MAX_BYTES;
use crate::codes::Code;
use crate::problem::Problem;
use crate::state::Api;

/// What every tenant key begins with.
const TENANT_KEY_PREFIXES: [&str; 2] = ["tg_live_", "tg_test_"];

/// A tenant, by its key.
pub(crate) struct TenantCaller {
    pub(crate) id: TenantId,
}

impl TenantCaller {
    pub(crate) fn caller(&self, idempotency_key: Option<IdempotencyKey>) -> Caller {
        Caller {
            tenant_id: Some(self.id),
            idempotency_key,
        }
    }
}

impl FromRequestParts<Api> for TenantCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let presented = bearer(&parts.headers)?;
        if !TENANT_KEY_PREFIXES.iter().any(|prefix| presented.starts_with(prefix)) {
            return Err(unauthorized(
                "this is no tenant's key: those begin with tg_live_ or tg_test_",
            ));
        }
        let found = authenticate_api_key(&api.app, presented).await?;
        let Some(found) = found else {
            return Err(unauthorized("this key is unknown or revoked"));
        };
        let id = found.tenant.id;
        tracing::Span::current().record("tenant.id", tracing::field::display(id));
        Ok(Self { id })
    }
}

/// The operator, by the token.
pub(crate) struct Operator;

impl Operator {
    pub(crate) const fn caller(idempotency_key: Option<IdempotencyKey>) -> Caller {
        Caller {
            tenant_id: None,
            idempotency_key,
        }
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Some(token) = &api.options.admin_token else {
            return Err(Problem::new(Code::OperatorApiOff, "no operator token is configured"));
        };
        let presented = bearer(&parts.headers)?;
        if same(presented, token.expose()) {
            return Ok(Self);
        }
        let is_tenant_key = TENANT_KEY_PREFIXES.iter().any(|prefix| presented.starts_with(prefix));
        Err(unauthorized(if is_tenant_key {
            "a tenant's key does not open the operator API: send the operator's token"
        } else {
            "this is not the operator's token"
        }))
    }
}

/// Compares in a time that depends on neither text: their hashes have one length.
fn same(presented: &str, expected: &str) -> bool {
    let (presented, expected) = (Sha256::digest(presented), Sha256::digest(expected));
    presented.as_slice().ct_eq(expected.as_slice()).into()
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(unauthorized("exactly one Authorization header is needed"));
    };
    value
        .to_str()
        .ok()
        .filter(|text| text.len() <= AUTHORIZATION_MAX_BYTES)
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim_matches(' '))
        .filter(|token| !token.is_empty())
        .ok_or_else(|| unauthorized("the Authorization header is not of the form 'Bearer <key>'"))
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_one_bearer_token_is_taken() {
        assert_eq!(bearer(&headers(&["Bearer abc"])).unwrap(), "abc");
        assert_eq!(bearer(&headers(&["bearer  abc "])).unwrap(), "abc");
        for bad in [
            &[][..],
            &["Bearer "],
            &["Bearer"],
            &["Basic abc"],
            &["Bearer a", "Bearer b"],
        ] {
            assert!(bearer(&headers(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tokens_are_the_same_or_not() {
        assert!(same("a-long-token", "a-long-token"));
        assert!(!same("a-long-token", "a-long-tokem"));
        assert!(!same("", "a-long-token"));
    }
}
