//! Where a request may go: scheme, host, port and path prefix, checked once.

use std::fmt;

use crate::{
    origin::{Host, Origin, OriginOverrides, Scheme, check_dns_name},
    target::check_path,
};

/// Where a request may go. Its parts never come from a plugin's request, and a request's path can't change them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    origin: Origin,
    path_prefix: String,
    overridden: bool,
}

impl Endpoint {
    /// An endpoint of a manifest.
    ///
    /// `host` is a lowercase ASCII DNS name of at least two labels, not an IP address. `port` is 443 unless given.
    /// `path_prefix` is empty or like `/v1`, under the same rules as a request's path; one `/` at its end is dropped.
    ///
    /// # Errors
    ///
    /// A part breaks these rules.
    pub fn https(host: &str, port: Option<u16>, path_prefix: &str) -> Result<Self, EndpointError> {
        check_dns_name(host)?;
        if !host.contains('.') {
            return Err(EndpointError::SingleLabelHost);
        }
        let port = port.unwrap_or(Scheme::Https.default_port());
        if port == 0 {
            return Err(EndpointError::Port);
        }
        Ok(Self {
            origin: Origin {
                scheme: Scheme::Https,
                host: Host::Name(host.to_owned()),
                port,
            },
            path_prefix: checked_prefix(path_prefix)?,
            overridden: false,
        })
    }

    /// An endpoint of an account that replaces the manifest's origin, like `http://127.0.0.1:12111`. Its addresses
    /// aren't judged: the operator listed them.
    ///
    /// # Errors
    ///
    /// `origin` isn't one, isn't listed in `allowed`, or the path prefix breaks the rules of [`Endpoint::https`].
    pub fn from_override(origin: &str, path_prefix: &str, allowed: &OriginOverrides) -> Result<Self, EndpointError> {
        let origin = Origin::parse(origin)?;
        if !allowed.lists(&origin) {
            return Err(EndpointError::NotListed);
        }
        Ok(Self {
            origin,
            path_prefix: checked_prefix(path_prefix)?,
            overridden: true,
        })
    }

    /// The host name, or the IP address of an override as text (IPv6 without brackets).
    #[must_use]
    pub fn host(&self) -> String {
        match &self.origin.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }

    /// The port, the scheme's default included.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.origin.port
    }

    /// Empty, or like `/v1`.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// Whether the exchange is encrypted. Only an override can be plain.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.scheme == Scheme::Https
    }

    /// Whether it comes from [`Endpoint::from_override`].
    #[must_use]
    pub fn is_override(&self) -> bool {
        self.overridden
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The origin and the path prefix.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path_prefix)
    }
}

/// Why something isn't an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Neither `https://` nor `http://`.
    #[error("an origin starts with `https://` or `http://`")]
    Scheme,
    /// An origin with a path, query, user or anything else than scheme, host and port.
    #[error("an origin is a scheme, a host and a port, and nothing else")]
    NotAnOrigin,
    /// Not a lowercase ASCII DNS name (an international name is written as `xn--…`).
    #[error("the host isn't a lowercase ASCII DNS name")]
    Host,
    /// A manifest endpoint names an IP address.
    #[error("the host is an IP address; only a listed override may be one")]
    AddressHost,
    /// A manifest endpoint names a host without a dot, which only a local network knows.
    #[error("the host has a single label; only a listed override may have one")]
    SingleLabelHost,
    /// Port 0, or not a number.
    #[error("the port isn't from 1 to 65535")]
    Port,
    /// The path prefix breaks the rules for paths.
    #[error("the path prefix: {0}")]
    PathPrefix(&'static str),
    /// The origin isn't one of `egress.origin_overrides`.
    #[error("the origin isn't listed in `egress.origin_overrides`")]
    NotListed,
}

fn checked_prefix(path_prefix: &str) -> Result<String, EndpointError> {
    let prefix = path_prefix.strip_suffix('/').unwrap_or(path_prefix);
    if !prefix.is_empty() {
        check_path(prefix).map_err(EndpointError::PathPrefix)?;
        if prefix.ends_with('/') {
            return Err(EndpointError::PathPrefix("it has an empty segment"));
        }
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_endpoint_is_a_dns_name_with_at_least_two_labels() {
        for good in ["api.stripe.com", "a-1.xn--bcher-kva.example", "3ds.example"] {
            assert!(Endpoint::https(good, None, "").is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "API.stripe.com",
            "api.stripe.com.",
            "127.0.0.1",
            "127.1",
            "0x7f.0x1",
            "2130706433",
            "::1",
            "[::1]",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a.b:443",
            "user@a.b",
            "a.b/c",
            "a.b?c",
            "a.b#c",
            "a b.c",
            "ä.example",
            "a.b\r\nx",
            "a\\b.c",
            "a%2eb.c",
        ] {
            assert!(Endpoint::https(bad, None, "").is_err(), "{bad}");
        }
        assert!(Endpoint::https(&format!("{}.com", "a".repeat(64)), None, "").is_err());
        assert!(Endpoint::https(&format!("{}com", "a.".repeat(126)), None, "").is_err());
        assert_eq!(Endpoint::https("a.b", Some(0), ""), Err(EndpointError::Port));
    }

    #[test]
    fn a_path_prefix_is_a_path_without_its_last_slash() {
        for (given, kept) in [("", ""), ("/", ""), ("/v1", "/v1"), ("/v1/", "/v1"), ("/a/b", "/a/b")] {
            let endpoint = Endpoint::https("a.example", None, given).unwrap();
            assert_eq!(endpoint.path_prefix(), kept);
        }
        for bad in ["v1", "//", "/v1//", "/a//b", "/../x", "/a?b", "/%2e%2e"] {
            assert!(Endpoint::https("a.example", None, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_override_must_be_listed() {
        let allowed =
            OriginOverrides::parse(["http://127.0.0.1:12111", "https://[::1]:8443/", "http://simulator"]).unwrap();
        for listed in ["http://127.0.0.1:12111", "https://[::1]:8443", "http://simulator:80"] {
            let endpoint = Endpoint::from_override(listed, "/v1", &allowed).unwrap();
            assert!(endpoint.is_override());
        }
        for other in [
            "https://127.0.0.1:12111",
            "http://127.0.0.1:12112",
            "http://127.0.0.1",
            "http://localhost:12111",
            "https://api.stripe.com",
        ] {
            assert_eq!(
                Endpoint::from_override(other, "", &allowed),
                Err(EndpointError::NotListed),
                "{other}"
            );
        }
        let none = OriginOverrides::none();
        assert!(Endpoint::from_override("http://127.0.0.1:12111", "", &none).is_err());
    }
}
