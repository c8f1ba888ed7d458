//! The request target: the path a plugin gave, joined to the endpoint's prefix, and the query.

use bytes::Bytes;
use http::{Uri, uri::PathAndQuery};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::{
    bounds::MAX_TARGET_BYTES,
    credential::Credential,
    endpoint::Endpoint,
    error::{RefusedRequest, Rule},
};

/// What is encoded in query names and values: everything but RFC 3986 `unreserved`. A space becomes `%20`, which form
/// decoders and plain ones read the same; a `+` becomes `%2B` for the same reason.
pub(crate) const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the request goes. The path is appended to the endpoint's own parts and never read as a URL, so nothing in it
/// can become a host.
pub(crate) fn request_uri(
    endpoint: &Endpoint,
    path: &str,
    query: &[(String, String)],
    credential: Option<&Credential>,
) -> Result<Uri, RefusedRequest> {
    check_path(path).map_err(|wrong| RefusedRequest::new(Rule::Path, wrong))?;
    let secret_pair = credential.and_then(Credential::query_pair);
    if let Some((reserved, _)) = secret_pair {
        // Servers differ in which of two pairs wins and in whether case matters.
        if query.iter().any(|(name, _)| name.eq_ignore_ascii_case(reserved)) {
            return Err(RefusedRequest::new(Rule::Query, "a query name is the credential's"));
        }
    }
    let size = endpoint.path_prefix().len() + path.len() + query_size(query, secret_pair);
    if size > MAX_TARGET_BYTES {
        return Err(RefusedRequest::new(
            Rule::TargetSize,
            format!("path and query have more than {MAX_TARGET_BYTES} bytes"),
        ));
    }
    // Sized beforehand, so that a secret in it isn't left behind in outgrown buffers.
    let mut target = Zeroizing::new(String::with_capacity(size));
    target.push_str(endpoint.path_prefix());
    target.push_str(path);
    let mut separator = '?';
    for (name, value) in pairs(query, secret_pair) {
        target.push(separator);
        target.extend(utf8_percent_encode(name, QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, QUERY));
        separator = '&';
    }
    let wrong = || RefusedRequest::new(Rule::Path, "it isn't a request target");
    // Shared instead of copied, so that a secret in it is wiped with the last reference.
    let target = PathAndQuery::from_maybe_shared(Bytes::from_owner(target)).map_err(|_| wrong())?;
    let origin = endpoint.origin();
    Uri::builder()
        .scheme(origin.scheme.name())
        .authority(origin.authority())
        .path_and_query(target)
        .build()
        .map_err(|_| wrong())
}

fn pairs<'a>(
    query: &'a [(String, String)],
    secret: Option<(&'a str, &'a crate::SecretText)>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let given = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    given.chain(secret.map(|(name, value)| (name, value.expose())))
}

fn query_size(query: &[(String, String)], secret: Option<(&str, &crate::SecretText)>) -> usize {
    let encoded = |text| utf8_percent_encode(text, QUERY).map(str::len).sum::<usize>();
    pairs(query, secret)
        .map(|(name, value)| encoded(name) + encoded(value) + "?=".len())
        .sum()
}

/// Whether `path` is an RFC 3986 `path-absolute` that means the same to every server: no segment that some server
/// would leave, merge or decode into another path. What is wrong is said without quoting it.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    let Some(relative) = path.strip_prefix('/') else {
        return Err("it doesn't start with `/`");
    };
    if path.len() > MAX_TARGET_BYTES {
        return Err("it is too long");
    }
    let mut segments = relative.split('/').peekable();
    while let Some(segment) = segments.next() {
        // The last segment may be empty: `/` itself, and APIs whose paths end in a slash.
        if segment.is_empty() && segments.peek().is_some() {
            return Err("it has an empty segment");
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    let bytes = segment.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            // RFC 3986 section 3.3 `pchar`.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            b'-' | b'.' | b'_' | b'~' | b':' | b'@' => {}
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => {}
            b'%' => {
                let escape = bytes.get(at + 1..at + 3).unwrap_or_default();
                if escape.len() != 2 || !escape.iter().all(u8::is_ascii_hexdigit) {
                    return Err("it has a malformed percent escape");
                }
            }
            b'\\' => return Err("it has a backslash"),
            b'?' | b'#' => return Err("it has a query or fragment; query pairs are given apart"),
            _ => return Err("it has a character that must be percent-encoded"),
        }
    }
    let decoded: Vec<u8> = percent_decode_str(segment).collect();
    if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err("it has an encoded slash");
    }
    if decoded.iter().any(u8::is_ascii_control) {
        return Err("it has an encoded control character");
    }
    // Servers behind a proxy that decodes too would decode such a segment a second time, past these checks.
    let twice = decoded
        .windows(3)
        .any(|three| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit));
    if twice {
        return Err("it is percent-encoded twice");
    }
    // Some servers drop `;parameters` before they resolve dots, so `..;x` climbs as well.
    let name = decoded.split(|byte| *byte == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") {
        return Err("it has a dot segment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretText;

    fn endpoint() -> Endpoint {
        Endpoint::https("api.example.com", None, "/v1").unwrap()
    }

    fn uri(path: &str, query: &[(&str, &str)]) -> Result<Uri, RefusedRequest> {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        request_uri(&endpoint(), path, &query, None)
    }

    #[test]
    fn plain_paths_are_joined_to_the_prefix_as_they_are() {
        for good in [
            "/",
            "/customers",
            "/customers/",
            "/customers/cus_1/a:b@c;d=1,2",
            "/a%20b",
            "/...",
            "/.well-known",
            "/a..b",
            "/100%25",
            "/%C3%A4",
            "/@evil.example",
            "/evil.example:80",
        ] {
            let uri = uri(good, &[]).unwrap();
            assert_eq!(uri.path(), format!("/v1{good}"));
            assert_eq!(uri.authority().unwrap(), "api.example.com");
            assert_eq!(uri.scheme_str(), Some("https"));
        }
    }

    #[test]
    fn paths_that_could_mean_another_are_refused() {
        for bad in [
            "",
            "customers",
            "https://evil.example/",
            "//evil.example",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e",
            "/%2E%2e/b",
            "/.%2e",
            "/..;/b",
            "/..;x=1",
            "/%2e%2e%3bx",
            "/a\\b",
            "/a\r\nb",
            "/a\tb",
            "/a b",
            "/a\0b",
            "/a\u{7f}",
            "/a#b",
            "/a?b",
            "/ä",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%0d%0ab",
            "/a%00",
            "/%252e%252e",
            "/a%252fb",
            "/a|b",
            "/a<b",
            "/a\"b",
            "/{a}",
            "/[a]",
            "*",
        ] {
            let refused = uri(bad, &[]).expect_err(bad);
            assert_eq!(refused.rule, Rule::Path, "{bad}");
        }
    }

    #[test]
    fn query_pairs_decode_to_what_was_given() {
        let pairs = [
            ("expand[0]", "data.customer"),
            ("q", "a b+c&d=e%41#?/ä"),
            ("empty", ""),
            ("line", "a\r\nb\0"),
        ];
        let uri = uri("/search", &pairs).unwrap();
        let decoded: Vec<_> = uri
            .query()
            .unwrap()
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                let decode = |text| percent_decode_str(text).decode_utf8().unwrap().into_owned();
                assert!(!pair.contains('+'), "a form decoder would read a space");
                (decode(name), decode(value))
            })
            .collect();
        let given: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(decoded, given);
    }

    #[test]
    fn the_credential_comes_last_and_its_name_is_reserved() {
        let credential = Credential::Query {
            name: "api_key".to_owned(),
            secret: SecretText::new("s e/cret"),
        };
        let query = [("a".to_owned(), "1".to_owned())];
        let uri = request_uri(&endpoint(), "/x", &query, Some(&credential)).unwrap();
        assert_eq!(uri.path_and_query().unwrap(), "/v1/x?a=1&api_key=s%20e%2Fcret");
        let query = [("API_key".to_owned(), "mine".to_owned())];
        let refused = request_uri(&endpoint(), "/x", &query, Some(&credential)).unwrap_err();
        assert_eq!(refused.rule, Rule::Query);
    }

    #[test]
    fn the_target_is_bounded_after_encoding() {
        let room = MAX_TARGET_BYTES - "/v1/x?a=".len();
        assert!(uri("/x", &[("a", &"b".repeat(room))]).is_ok());
        let refused = uri("/x", &[("a", &"b".repeat(room + 1))]).unwrap_err();
        assert_eq!(refused.rule, Rule::TargetSize);
        let refused = uri("/x", &[("a", &" ".repeat(room / 2))]).unwrap_err();
        assert_eq!(refused.rule, Rule::TargetSize);
    }
}
