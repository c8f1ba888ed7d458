//! Which headers a plugin may set, and which of the response it gets to see.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT},
};

use crate::{
    bounds::{MAX_REQUEST_HEADER_BYTES, MAX_REQUEST_HEADERS},
    credential::Credential,
    error::{RefusedRequest, Rule},
    redact::Redactor,
};

/// Headers of the connection or the message's framing (RFC 9110 section 7.6.1, RFC 9112): two opinions about them is
/// how requests are smuggled. `http2-settings` belongs to the upgrade of RFC 7540.
const TRANSPORT: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept-encoding",
];

/// Headers that say who asks and from where. Those are the host's to say.
const IDENTITY: [&str; 6] = ["authorization", "cookie", "cookie2", "forwarded", "via", "x-real-ip"];

/// Headers of the response that mean something to the connection only (RFC 9110 section 7.6.1), and cookies: the
/// gateway keeps none.
const HIDDEN: [&str; 9] = [
    "connection",
    "keep-alive",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header, in lowercase, steers the transport, which neither plugins nor credentials do.
pub(crate) fn is_transport_header(name: &str) -> bool {
    TRANSPORT.contains(&name) || name.starts_with("proxy-")
}

/// The headers of the request: the plugin's, the host's and the credential.
pub(crate) fn request_headers(
    given: &[(String, String)],
    credential: Option<&Credential>,
    user_agent: &HeaderValue,
) -> Result<HeaderMap, RefusedRequest> {
    check_size(given)?;
    let reserved = credential.and_then(Credential::header_name);
    let mut headers = HeaderMap::with_capacity(given.len() + 3);
    for (at, (name, value)) in given.iter().enumerate() {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| name_refused(format!("header {at} has a name that isn't a token")))?;
        check_name(&name, reserved)?;
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return Err(RefusedRequest::new(
                Rule::HeaderValue,
                format!("`{name}` has a value that isn't visible ASCII"),
            ));
        }
        if name == CONTENT_TYPE && headers.contains_key(CONTENT_TYPE) {
            return Err(name_refused("`content-type` is given twice".to_owned()));
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| RefusedRequest::new(Rule::HeaderValue, format!("`{name}` has a malformed value")))?;
        headers.append(name, value);
    }
    headers.entry(USER_AGENT).or_insert_with(|| user_agent.clone());
    // Without it a server may choose any coding (RFC 9110 section 12.5.3), and a credential echoed in a compressed
    // body couldn't be found.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some((name, value)) = credential.map(Credential::header).transpose()?.flatten() {
        headers.insert(name, value);
    }
    Ok(headers)
}

fn check_size(given: &[(String, String)]) -> Result<(), RefusedRequest> {
    if given.len() > MAX_REQUEST_HEADERS {
        return Err(RefusedRequest::new(
            Rule::HeaderSize,
            format!("more than {MAX_REQUEST_HEADERS} headers"),
        ));
    }
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_REQUEST_HEADER_BYTES {
        return Err(RefusedRequest::new(
            Rule::HeaderSize,
            format!("more than {MAX_REQUEST_HEADER_BYTES} bytes of headers"),
        ));
    }
    Ok(())
}

fn check_name(name: &HeaderName, reserved: Option<&str>) -> Result<(), RefusedRequest> {
    let text = name.as_str();
    if is_transport_header(text) || IDENTITY.contains(&text) || text.starts_with("x-forwarded-") {
        return Err(name_refused(format!("`{text}` is the host's to set")));
    }
    if reserved.is_some_and(|reserved| reserved.eq_ignore_ascii_case(text)) {
        return Err(name_refused(format!("`{text}` carries the credential")));
    }
    Ok(())
}

fn name_refused(detail: String) -> RefusedRequest {
    RefusedRequest::new(Rule::HeaderName, detail)
}

/// The headers a plugin gets to see. `length_changed` says that the body was redacted, so that its announced length
/// isn't true any more.
pub(crate) fn response_headers(
    headers: &HeaderMap,
    redactor: &Redactor,
    length_changed: bool,
) -> Vec<(String, Vec<u8>)> {
    let named_by_connection: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    headers
        .iter()
        .filter(|(name, _)| {
            let text = name.as_str();
            let hidden = HIDDEN.contains(&text)
                || text.starts_with("proxy-")
                || named_by_connection.iter().any(|hop| hop == text)
                || (length_changed && **name == CONTENT_LENGTH);
            !hidden
        })
        .map(|(name, value)| {
            let name = redactor.scrub(name.as_str().as_bytes());
            (
                String::from_utf8_lossy(&name).into_owned(),
                redactor.scrub(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretText;

    fn build(given: &[(&str, &str)], credential: Option<&Credential>) -> Result<HeaderMap, RefusedRequest> {
        let given: Vec<_> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        request_headers(&given, credential, &HeaderValue::from_static("tillgate/test"))
    }

    #[test]
    fn the_hosts_headers_cannot_be_set_in_any_case() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "proxy-connection",
            "HOST",
            "Connection",
            "Content-Length",
            "Transfer-Encoding",
            "TE",
            "Trailer",
            "Upgrade",
            "Keep-Alive",
            "Expect",
            "Cookie",
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-host",
            "Via",
            "Accept-Encoding",
            "X-Real-IP",
            "HTTP2-Settings",
        ] {
            let refused = build(&[(name, "x")], None).unwrap_err();
            assert_eq!(refused.rule, Rule::HeaderName, "{name}");
        }
    }

    #[test]
    fn the_credentials_header_cannot_be_set() {
        let credential = Credential::Header {
            name: "X-Api-Key".to_owned(),
            secret: SecretText::new("0123456789"),
        };
        let refused = build(&[("x-api-KEY", "mine")], Some(&credential)).unwrap_err();
        assert_eq!(refused.rule, Rule::HeaderName);
        let headers = build(&[], Some(&credential)).unwrap();
        assert_eq!(headers["x-api-key"], "0123456789");
        assert!(headers["x-api-key"].is_sensitive());
    }

    #[test]
    fn names_are_tokens_and_values_cannot_split_a_message() {
        for name in ["", "a b", "a:b", "a\r\nb", "ä", ":path", "a\0"] {
            assert_eq!(
                build(&[(name, "x")], None).unwrap_err().rule,
                Rule::HeaderName,
                "{name}"
            );
        }
        for value in ["a\r\nb: c", "a\nb", "a\0b", "\u{7f}", "ä", "\u{1}"] {
            let refused = build(&[("x-a", value)], None).unwrap_err();
            assert_eq!(refused.rule, Rule::HeaderValue, "{value:?}");
        }
        assert!(build(&[("x-a", "a\tb c"), ("x-a", "")], None).is_ok());
    }

    #[test]
    fn content_type_is_given_once() {
        let twice = [("content-type", "text/plain"), ("Content-Type", "text/html")];
        assert_eq!(build(&twice, None).unwrap_err().rule, Rule::HeaderName);
        assert!(build(&twice[..1], None).is_ok());
    }

    #[test]
    fn headers_are_bounded_in_number_and_size() {
        let many = vec![("x-a", "b"); MAX_REQUEST_HEADERS + 1];
        assert!(build(&many[1..], None).is_ok());
        assert_eq!(build(&many, None).unwrap_err().rule, Rule::HeaderSize);
        let large = "b".repeat(MAX_REQUEST_HEADER_BYTES - 2);
        assert_eq!(build(&[("x-a", &large)], None).unwrap_err().rule, Rule::HeaderSize);
        assert!(build(&[("x-a", &large[1..])], None).is_ok());
    }

    #[test]
    fn the_user_agent_is_the_hosts_unless_given() {
        assert_eq!(build(&[], None).unwrap()["user-agent"], "tillgate/test");
        let given = build(&[("User-Agent", "plugin/1")], None).unwrap();
        assert_eq!(given.get_all("user-agent").iter().count(), 1);
        assert_eq!(given["user-agent"], "plugin/1");
    }

    #[test]
    fn a_response_loses_its_hop_by_hop_headers_and_cookies() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("set-cookie", "a=b"),
            ("x-kept", "1"),
            ("location", "https://elsewhere.example/"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-kept", HeaderValue::from_bytes(b"\xff").unwrap());
        let seen = response_headers(&headers, &Redactor::default(), false);
        let expected = [
            ("x-kept", b"1".to_vec()),
            ("x-kept", b"\xff".to_vec()),
            ("location", b"https://elsewhere.example/".to_vec()),
        ];
        assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
