//! Credentials: how a secret is attached to a request, and to which endpoints.

use serde::Deserialize;

/// How a secret is attached to a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    deny_unknown_fields,
    tag = "scheme",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(crate) enum Credential {
    /// `Authorization: Bearer …`
    Bearer { secret: String, endpoints: Vec<String> },
    /// `Authorization: Basic …`
    Basic {
        /// The user name itself,
        username: Option<String>,
        /// or the secret that is the user name.
        username_secret: Option<String>,
        /// The secret that is the password; empty where there is none.
        secret: Option<String>,
        endpoints: Vec<String>,
    },
    /// A header of its own.
    Header {
        name: String,
        secret: String,
        endpoints: Vec<String>,
    },
    /// A query parameter.
    Query {
        name: String,
        secret: String,
        endpoints: Vec<String>,
    },
}

/// Headers that say where a request goes or how it is framed: no credential is one of these.
const TRANSPORT_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Credential {
    /// The only endpoints it is sent to.
    pub(crate) fn endpoints(&self) -> &[String] {
        match self {
            Self::Bearer { endpoints, .. }
            | Self::Basic { endpoints, .. }
            | Self::Header { endpoints, .. }
            | Self::Query { endpoints, .. } => endpoints,
        }
    }

    /// The secrets it is made of.
    pub(crate) fn secrets(&self) -> Vec<&String> {
        match self {
            Self::Bearer { secret, .. } | Self::Header { secret, .. } | Self::Query { secret, .. } => vec![secret],
            Self::Basic {
                secret,
                username_secret,
                ..
            } => secret.iter().chain(username_secret).collect(),
        }
    }

    /// Whether it is sound by itself.
    ///
    /// # Errors
    /// The key below the credential that is wrong, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Bearer { .. } => Ok(()),
            Self::Basic {
                username,
                username_secret,
                ..
            } => match (username, username_secret) {
                (Some(name), None) if name.contains(':') => {
                    Err(("username", "can't have a colon (RFC 7617 section 2)".to_owned()))
                }
                (Some(_), None) | (None, Some(_)) => Ok(()),
                _ => Err(("username", "needs either username or username-secret".to_owned())),
            },
            Self::Header { name, .. } => match http::HeaderName::from_bytes(name.as_bytes()) {
                Ok(header) if TRANSPORT_HEADERS.contains(&header.as_str()) => {
                    Err(("name", format!("{name:?} belongs to the host")))
                }
                Ok(_) => Ok(()),
                Err(_) => Err(("name", format!("{name:?} is no header's name"))),
            },
            Self::Query { name, .. } if name.is_empty() => Err(("name", "is empty".to_owned())),
            Self::Query { .. } => Ok(()),
        }
    }
}
