//! Why a database can't be used, and what to do about it.

use std::io::ErrorKind;

use crate::bounds;
use crate::failures::plain;

/// Why a database can't be used. No text holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL isn't one.
    #[error("the URL is not of the form sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME: {0}")]
    Url(String),
    /// It is there, and can't be used, or isn't there.
    #[error("the database {name} can't be used: {reason}")]
    Unusable {
        /// The file, or the server.
        name: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// It was migrated by a newer release.
    #[error("the schema has migration {name}, which this release does not know: use the newer release")]
    NewerSchema {
        /// The migration.
        name: String,
    },
    /// An applied migration was edited.
    #[error(
        "migration {name} was changed after it was applied to this database: use the release that applied it, or a new \
         database"
    )]
    ChangedMigration {
        /// The migration.
        name: String,
    },
    /// A migration failed.
    #[error("migrating: {0}")]
    Migration(String),
}

impl OpenError {
    /// Of what a driver says.
    pub(crate) fn unusable(name: &str, error: &sqlx::Error) -> Self {
        let reason = match advice(error) {
            Some(advice) => format!("{}. {advice}", plain(error)),
            None => plain(error),
        };
        Self::Unusable {
            name: name.to_owned(),
            reason,
        }
    }

    /// Of a connection that took too long.
    pub(crate) fn too_slow(name: &str) -> Self {
        Self::Unusable {
            name: name.to_owned(),
            reason: bounds::NO_CONNECTION.to_owned(),
        }
    }
}

/// What to do about an error, where that is known: by SQLSTATE or by SQLite's code.
fn advice(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::Database(error) => match error.code()?.as_ref() {
            "28P01" | "28000" => Some("Check the user and the password in the URL"),
            "3D000" => Some("Create it with CREATE DATABASE, or check the name in the URL"),
            "42501" => Some("Give the user in the URL the right to do this"),
            "53300" => Some("Raise max_connections of the server, or run fewer hosts"),
            "5" => Some("Another process has locked the file; stop it"),
            "8" => Some("Make the file and its directory writable for this user"),
            "13" => Some("Free some space on its disk"),
            "14" => Some("Check that this user may read and write the file and its directory"),
            "26" => Some("Name another file in the URL"),
            _ => None,
        },
        sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Some("Start the server, or check host and port in the URL")
        }
        sqlx::Error::Io(_) => Some("Check the host in the URL, and the network"),
        sqlx::Error::Tls(_) => Some("Check sslmode in the URL, and the server's certificate"),
        _ => None,
    }
}
