//! Takes paths and queries apart, naming what is wrong.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tillgate_application::ApplicationError;
use tillgate_application::ports::PAGE_LIMIT_MAX;
use tillgate_domain::{DomainError, Timestamp};
use utoipa::IntoParams;

use crate::codes::Code;
use crate::json::field_of;
use crate::problem::Problem;
use crate::state::Api;

/// The parts of a path that are its parameters.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, api).await;
        path.map(|path| Self(path.0))
            .map_err(|_| Problem::new(Code::RouteNotFound, "the path is not valid UTF-8"))
    }
}

/// An id from a path. What isn't of its form can't exist, and is answered like that.
pub(crate) fn id<T: FromStr>(what: &'static str, text: &str) -> Result<T, Problem> {
    let shown: String = text.chars().take(64).collect();
    text.parse()
        .map_err(|_| ApplicationError::not_found(what, shown).into())
}

/// An id from a body or a query. What isn't of its form is the field's fault.
pub(crate) fn id_field<T: FromStr<Err: ToString>>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::invalid(field, error.to_string()))
}

/// The same of what may be missing.
pub(crate) fn optional_id<T: FromStr<Err: ToString>>(field: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(|text| id_field(field, text)).transpose()
}

/// One of a few words in a query.
pub(crate) fn optional_word<T: FromStr<Err = DomainError>>(
    field: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    let word = text.map(str::parse).transpose();
    word.map_err(|error: DomainError| match error {
        DomainError::InvalidText { rule, .. } => Problem::invalid(field, rule),
        error => Problem::invalid(field, error.to_string()),
    })
}

/// A time in a query.
pub(crate) fn time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse::<jiff::Timestamp>()
        .map(|time| Timestamp::from_millis(time.as_millisecond()))
        .map_err(|_| Problem::invalid(field, "must be a time as in RFC 3339, e.g. 2030-01-31T12:00:00Z"))
}

/// A yes or no in a query.
pub(crate) fn flag(field: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::invalid(field, "must be true or false")),
    }
}

/// A query, each of whose parameters is a text given at most once.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let mut given = Map::new();
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if given
                .insert(name.clone().into_owned(), Value::String(value.into_owned()))
                .is_some()
            {
                return Err(Problem::invalid(name, "must be given once"));
            }
        }
        serde_path_to_error::deserialize(Value::Object(given))
            .map(Self)
            .map_err(|error| {
                let message = error.inner().to_string();
                Problem::invalid(field_of(&error.path().to_string(), &message), message)
            })
    }
}

/// No query at all.
pub(crate) struct NoQuery;

impl FromRequestParts<Api> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        refuse_query(&parts.uri).map(|()| Self)
    }
}

/// A parameter that means nothing here is a mistake, and may be one that matters.
pub(crate) fn refuse_query(uri: &Uri) -> Result<(), Problem> {
    match uri.query() {
        None | Some("") => Ok(()),
        Some(query) => {
            let (name, _) = url::form_urlencoded::parse(query.as_bytes()).next().unwrap_or_default();
            Err(Problem::invalid(name, "this route takes no query parameters"))
        }
    }
}

/// Which page of a list is wanted.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: Option<String>,
    /// Only those after this id: the `next` of the page before.
    pub(crate) after: Option<String>,
}

impl PageQuery {
    /// The page, of a list whose ids are of one kind.
    pub(crate) fn page<Id: FromStr>(self) -> Result<tillgate_application::ports::PageRequest, Problem> {
        crate::list::page(self.limit.as_deref(), self.after, |after| after.parse::<Id>().is_ok())
    }
}

const _: () = assert!(PAGE_LIMIT_MAX == 100, "the documented maximum of limit");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_refused_by_name_where_none_is_taken() {
        let problem = refuse_query(&"/v1/x?refesh=true".parse().unwrap()).unwrap_err();
        assert!(problem.cause().starts_with("refesh"));
        assert!(refuse_query(&"/v1/x?".parse().unwrap()).is_ok());
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(
            time("t", "2023-11-14T22:13:20Z").unwrap(),
            Timestamp::from_seconds(1_700_000_000)
        );
        assert!(time("t", "tomorrow").is_err());
        assert!(time("t", "2023-11-14").is_err());
    }
}
