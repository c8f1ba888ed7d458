//! Attaching a credential to a request, at the last moment.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use zeroize::Zeroizing;

use crate::{
    error::{RefusedRequest, Rule},
    headers::is_transport_header,
    redact::Redactor,
    secret::SecretText,
};

/// How a request proves who sends it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// `authorization: Bearer <secret>` (RFC 6750 section 2.1).
    Bearer {
        /// The token.
        secret: SecretText,
    },
    /// `authorization: Basic <base64>` (RFC 7617). Either part may be the secret one: with some providers the key is
    /// the user name and the password is empty.
    Basic {
        /// Without a colon.
        username: SecretText,
        /// May be empty.
        password: SecretText,
    },
    /// A header of its own, with the secret as its whole value.
    Header {
        /// The header's name; `authorization` is allowed, headers that steer the transport aren't.
        name: String,
        /// The header's value.
        secret: SecretText,
    },
    /// A query pair, put last.
    Query {
        /// The pair's name.
        name: String,
        /// The pair's value.
        secret: SecretText,
    },
}

impl Credential {
    /// The header it is carried in, which a plugin can't set.
    pub(crate) fn header_name(&self) -> Option<&str> {
        match self {
            Self::Bearer { .. } | Self::Basic { .. } => Some(AUTHORIZATION.as_str()),
            Self::Header { name, .. } => Some(name),
            Self::Query { .. } => None,
        }
    }

    /// The query pair it is carried in.
    pub(crate) fn query_pair(&self) -> Option<(&str, &SecretText)> {
        match self {
            Self::Query { name, secret } => Some((name, secret)),
            _ => None,
        }
    }

    /// The header itself, marked sensitive.
    ///
    /// # Errors
    ///
    /// The name isn't one a credential may use, or the secret isn't visible ASCII.
    pub(crate) fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, RefusedRequest> {
        let (name, text) = match self {
            Self::Bearer { secret } => (AUTHORIZATION, joined("Bearer ", secret.expose())),
            Self::Basic { username, password } => {
                if username.expose().contains(':') {
                    return Err(refused("the user name has a colon (RFC 7617 section 2)"));
                }
                (AUTHORIZATION, joined("Basic ", &basic_token(username, password)))
            }
            Self::Header { name, secret } => {
                let name =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("the header's name isn't a token"))?;
                if is_transport_header(name.as_str()) {
                    return Err(refused("the header steers the transport"));
                }
                (name, joined("", secret.expose()))
            }
            Self::Query { .. } => return Ok(None),
        };
        if !text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(refused("the secret isn't visible ASCII"));
        }
        // The header shares this buffer instead of copying it, so that it is wiped with the last reference.
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
            .map_err(|_| refused("the secret isn't visible ASCII"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// Looks for the secrets in whatever comes back.
    pub(crate) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        match self {
            Self::Bearer { secret } | Self::Header { secret, .. } | Self::Query { secret, .. } => {
                redactor.add(secret.expose());
                // A header's value often leads with a scheme (`Klarna-Token abc`); the secret is what follows.
                if let Some((_, rest)) = secret.expose().split_once(' ') {
                    redactor.add(rest);
                }
            }
            Self::Basic { username, password } => {
                redactor.add(&basic_token(username, password));
                if password.expose().is_empty() {
                    redactor.add(username.expose());
                } else {
                    redactor.add(password.expose());
                }
            }
        }
        redactor
    }
}

fn refused(detail: &str) -> RefusedRequest {
    RefusedRequest::new(Rule::Credential, detail)
}

/// Allocated at once, so that no half of it stays behind in a buffer that was too small.
fn joined(scheme: &str, text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(scheme.len() + text.len()));
    bytes.extend_from_slice(scheme.as_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn basic_token(username: &SecretText, password: &SecretText) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(String::with_capacity(
        username.expose().len() + 1 + password.expose().len(),
    ));
    pair.push_str(username.expose());
    pair.push(':');
    pair.push_str(password.expose());
    Zeroizing::new(STANDARD.encode(pair.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::new(text)
    }

    #[test]
    fn credentials_are_written_as_their_rfcs_say() {
        let basic = Credential::Basic {
            username: secret("Aladdin"),
            password: secret("open sesame"),
        };
        let (name, value) = basic.header().unwrap().unwrap();
        assert_eq!(name, AUTHORIZATION);
        // The example of RFC 7617 section 2.
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        let bearer = Credential::Bearer {
            secret: secret("mF_9.B5f-4.1JqM"),
        };
        let (_, value) = bearer.header().unwrap().unwrap();
        assert_eq!(value, "Bearer mF_9.B5f-4.1JqM");
    }

    #[test]
    fn a_credential_cannot_steer_the_transport_or_split_a_header() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "a b",
            "",
            "x\r\ny",
        ] {
            let credential = Credential::Header {
                name: name.to_owned(),
                secret: secret("0123456789"),
            };
            assert_eq!(credential.header().unwrap_err().rule, Rule::Credential, "{name}");
        }
        for text in ["a\r\nx: y", "a\nb", "ä", "a\0b"] {
            let credential = Credential::Bearer { secret: secret(text) };
            assert_eq!(credential.header().unwrap_err().rule, Rule::Credential);
        }
        let colon = Credential::Basic {
            username: secret("a:b"),
            password: secret("c"),
        };
        assert!(colon.header().is_err());
    }
}
