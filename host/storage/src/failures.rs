//! What the databases' errors mean. They are told apart by their codes: SQLSTATE is five characters long, SQLite's
//! codes are numbers of at most four digits, so that none means two things.

use sqlx::error::{DatabaseError, ErrorKind};
use tillgate_application::ports::{CommitError, Conflict, StoreError};

use crate::bounds;

/// A text with a NUL, which PostgreSQL doesn't store.
const UNTRANSLATABLE_CHARACTER: &str = "22021";
/// PostgreSQL: two transactions wait for each other, or can't be put in an order.
const DEADLOCK: &str = "40P01";
const SERIALIZATION_FAILURE: &str = "40001";
/// PostgreSQL's class of values that don't fit their type.
const DATA_EXCEPTION: &str = "22";
/// SQLite: a value larger than a value can be.
const TOO_BIG: &str = "18";

/// What a driver says, for people. Drivers don't repeat passwords; URLs, which hold them, are never passed on.
pub(crate) fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (code {code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => bounds::NO_CONNECTION.to_owned(),
        other => other.to_string(),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .map(std::borrow::Cow::into_owned)
}

/// Whether what was asked for can't be stored, and so isn't.
pub(crate) fn is_unstorable_text(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == UNTRANSLATABLE_CHARACTER)
}

/// What a failed query means.
pub(crate) fn query_failed(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::Corrupt(error.to_string())
        }
        error => StoreError::Unavailable(plain(error)),
    }
}

/// What a failed statement means for its unit of work.
pub(crate) fn statement_failed(error: &sqlx::Error, what: &'static str) -> CommitError {
    let kind = error.as_database_error().map(DatabaseError::kind);
    let code = code(error).unwrap_or_default();
    let misfit = (code.len() == 5 && code.starts_with(DATA_EXCEPTION)) || code == TOO_BIG;
    match kind {
        Some(ErrorKind::UniqueViolation) => CommitError::Conflict(Conflict::Version(what)),
        Some(ErrorKind::ForeignKeyViolation) => CommitError::Conflict(Conflict::Reference(what)),
        // Read and decide again.
        Some(_) if code == DEADLOCK || code == SERIALIZATION_FAILURE => CommitError::Conflict(Conflict::Version(what)),
        // Trying again wouldn't help. The database's text may repeat the value; only its code is told.
        Some(_) if misfit => {
            StoreError::Corrupt(format!("the {what} holds a value that can't be stored (code {code})")).into()
        }
        _ => query_failed(error).into(),
    }
}

/// Whether the database answered and said no, such as where another process has the file: asking again at once only
/// waits once more. PostgreSQL's class 57P says that the server ended the connection.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some() && !code(error).is_some_and(|code| code.starts_with("57P"))
}
