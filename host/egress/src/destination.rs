//! Where a URL goes that a tenant gave: held to the same rules as everything else that leaves.

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::{
    endpoint::{Endpoint, EndpointError},
    origin::OriginOverrides,
    target::check_path,
};

/// A URL, taken apart and checked. Names are resolved, and addresses judged, when something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Scheme, host and port.
    pub endpoint: Endpoint,
    /// The path, as given.
    pub path: String,
    /// The pairs of the query, decoded.
    pub query: Vec<(String, String)>,
}

/// A URL that nothing is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It isn't `https://host[:port]/path[?query]`.
    #[error("it isn't an absolute URL like https://app.example/events")]
    NotAUrl,
    /// It names who calls.
    #[error("it has a user name or password: events are signed instead")]
    UserInfo,
    /// Its origin is none that may be reached.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Its path means different things to different servers.
    #[error("its path can't be used: {0}")]
    Path(&'static str),
    /// Its query isn't of pairs.
    #[error("its query isn't UTF-8 text of the form name=value&name=value")]
    Query,
}

impl Destination {
    /// Takes a URL apart. It is https to a DNS name, unless its origin is listed in `overrides`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(url: &str, overrides: &OriginOverrides) -> Result<Self, DestinationError> {
        if url.contains(['#', '\\']) {
            return Err(DestinationError::NotAUrl);
        }
        let uri: Uri = url.parse().map_err(|_| DestinationError::NotAUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(DestinationError::NotAUrl);
        };
        if authority.as_str().contains('@') {
            return Err(DestinationError::UserInfo);
        }
        let origin = format!("{scheme}://{authority}");
        let endpoint = if overrides.contains(&origin) {
            Endpoint::from_override(&origin, "", overrides)?
        } else if scheme == "https" {
            let host = authority.host().to_ascii_lowercase();
            if host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok() {
                return Err(EndpointError::AddressHost.into());
            }
            let port = authority.port_u16();
            if port.is_none() && authority.as_str().len() > host.len() {
                return Err(EndpointError::Port.into());
            }
            Endpoint::https(&host, port, "")?
        } else {
            return Err(EndpointError::NotListed.into());
        };
        let path = match uri.path() {
            "" => "/",
            path => path,
        };
        check_path(path).map_err(DestinationError::Path)?;
        Ok(Self {
            endpoint,
            path: path.to_owned(),
            query: pairs(uri.query().unwrap_or_default())?,
        })
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, DestinationError> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| DestinationError::Query)
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_https_url_is_taken_apart() {
        let none = OriginOverrides::none();
        let found = Destination::parse("https://App.example:8443/a/b%20c?x=1&y=a+b%26&z", &none).unwrap();
        assert_eq!(found.endpoint.to_string(), "https://app.example:8443");
        assert_eq!(found.path, "/a/b%20c");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.query, [pair("x", "1"), pair("y", "a b&"), pair("z", "")]);
        assert_eq!(Destination::parse("https://app.example", &none).unwrap().path, "/");
    }

    #[test]
    fn what_could_go_elsewhere_is_refused() {
        let none = OriginOverrides::none();
        for bad in [
            "",
            "/events",
            "app.example/events",
            "http://app.example/events",
            "ftp://app.example/",
            "https://",
            "https:///events",
            "https://user:pass@app.example/",
            "https://app.example@evil.example/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://app.example./",
            "https://app.example:/",
            "https://app.example:0/",
            "https://app.example:99999/",
            "https://app.example/a/../b",
            "https://app.example/a//b",
            "https://app.example/%2e%2e/b",
            "https://app.example/a\\b",
            "https://app.example\\@evil.example/",
            "https://app.example/#x",
            "https://app.example/?x=%ff",
            "https://app.example/a b",
            "https://app.example/\r\nx: y",
            "https://ä.example/",
            "file:///etc/passwd",
        ] {
            assert!(Destination::parse(bad, &none).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_listed_origin_may_be_plain_and_private() {
        let listed = OriginOverrides::parse(["http://127.0.0.1:9000"]).unwrap();
        assert!(Destination::parse("http://127.0.0.1:9000/events", &listed).is_ok());
        assert!(Destination::parse("http://127.0.0.1:9001/events", &listed).is_err());
        assert!(Destination::parse("https://127.0.0.1:9000/events", &listed).is_err());
    }
}
