//! Scheme, host and port: what is written in configuration, and the list of origins that may replace an endpoint's.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use crate::{
    bounds::{MAX_HOST_BYTES, MAX_LABEL_BYTES},
    endpoint::EndpointError,
};

/// The origins an account may put in place of a manifest endpoint (`egress.origin_overrides`). Only an origin listed
/// here may be plain http or a private address.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OriginOverrides(BTreeSet<Origin>);

impl OriginOverrides {
    /// None: every endpoint is the manifest's.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads origins like `http://127.0.0.1:12111`, `https://[::1]:8443` or `http://simulator:8080`.
    ///
    /// # Errors
    ///
    /// The first entry that isn't an origin.
    pub fn parse<I>(origins: I) -> Result<Self, EndpointError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        origins
            .into_iter()
            .map(|origin| Origin::parse(origin.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn lists(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// Whether `origin` is listed, in any spelling of it (the default port given or not).
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        Origin::parse(origin).is_ok_and(|origin| self.lists(&origin))
    }

    /// Whether none is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(EndpointError::Scheme);
        };
        // One slash is how people write origins; everything else after the port is a mistake.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(EndpointError::NotAnOrigin);
        }
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (address, after) = bracketed.split_once(']').ok_or(EndpointError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| EndpointError::Host)?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or(EndpointError::NotAnOrigin)?),
            };
            (Host::Address(address.into()), port)
        } else {
            let (host, port) = rest
                .split_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port)));
            match host.parse() {
                Ok(address) => (Host::Address(IpAddr::V4(address)), port),
                Err(_) => {
                    check_dns_name(host)?;
                    (Host::Name(host.to_owned()), port)
                }
            }
        };
        let port = match port {
            None => scheme.default_port(),
            Some(port) => parse_port(port)?,
        };
        Ok(Self { scheme, host, port })
    }

    /// `host` or `host:port`, as a `host` header has it.
    pub(crate) fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(address)) => address.to_string(),
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        };
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    // `parse` alone would take a `+`.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(EndpointError::Port),
    }
}

/// RFC 1123 section 2.1 names in lowercase, without a dot at the end. Names whose last label is a number are IPv4
/// addresses to some parsers (WHATWG URL, "ends in a number"), so they are refused.
pub(crate) fn check_dns_name(host: &str) -> Result<(), EndpointError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Err(EndpointError::AddressHost);
    }
    if host.is_empty() || host.len() > MAX_HOST_BYTES {
        return Err(EndpointError::Host);
    }
    for label in host.split('.') {
        let plain = label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if label.is_empty() || label.len() > MAX_LABEL_BYTES || !plain || label.starts_with('-') || label.ends_with('-')
        {
            return Err(EndpointError::Host);
        }
    }
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(EndpointError::AddressHost);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_nothing_but_scheme_host_and_port() {
        for bad in [
            "127.0.0.1:1",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://a//",
            "http://u@a",
            "http://a?b",
            "http://a#b",
            "http://a:",
            "http://a:0",
            "http://a:+1",
            "http://a:65536",
            "http://a:1:2",
            "http://[::1",
            "http://[::1]x",
            "http://[a]",
            "http://A",
            "HTTP://a",
            "http://a\\b",
            "http://127.1",
            "http://::1",
        ] {
            assert!(OriginOverrides::parse([bad]).is_err(), "{bad}");
        }
    }
}
