//! What a script expects of one request.

use std::collections::BTreeMap;

use crate::types::{Effect, Field, HttpMethod, HttpRequest};

/// An expectation. What it doesn't mention may be anything.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) method: HttpMethod,
    pub(crate) path: String,
    pub(crate) form: Vec<(String, Option<String>)>,
    pub(crate) whole_form: Option<Vec<Field>>,
    pub(crate) query: Vec<Field>,
    pub(crate) headers: Vec<(String, Option<String>)>,
    pub(crate) json: Option<serde_json::Value>,
    pub(crate) effect: Option<Effect>,
    pub(crate) credential: Option<String>,
}

impl Expectation {
    pub(crate) fn new(method: HttpMethod, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            form: Vec::new(),
            whole_form: None,
            query: Vec::new(),
            headers: Vec::new(),
            json: None,
            effect: None,
            credential: None,
        }
    }

    /// Panics where the request is another.
    pub(crate) fn check(&self, index: usize, request: &HttpRequest) {
        let at = format!("request {index}, {:?} {}", request.method, request.path);
        assert_eq!((request.method, &request.path), (self.method, &self.path), "{at}");
        check_contract(&at, request);
        let body = request.body.as_deref().unwrap_or_default();
        let form = decode_form(body);
        let fields: BTreeMap<_, _> = form.iter().cloned().collect();
        for (name, value) in &self.form {
            assert_eq!(fields.get(name), value.as_ref(), "{at}: field {name} of {form:#?}");
        }
        if let Some(whole) = &self.whole_form {
            assert_eq!(&form, whole, "{at}: form");
        }
        for pair in &self.query {
            assert!(request.query.contains(pair), "{at}: {pair:?} in {:?}", request.query);
        }
        for (name, value) in &self.headers {
            let mut named = request.headers.iter();
            let found = named.find(|(key, _)| key.eq_ignore_ascii_case(name));
            assert_eq!(found.map(|(_, v)| v), value.as_ref(), "{at}: header {name}");
        }
        if let Some(json) = &self.json {
            let sent: Option<serde_json::Value> = serde_json::from_slice(body).ok();
            assert_eq!(sent.as_ref(), Some(json), "{at}: JSON");
        }
        if let Some(effect) = self.effect {
            assert_eq!(request.effect, effect, "{at}: effect");
        }
        if self.credential.is_some() {
            assert_eq!(request.credential, self.credential, "{at}: credential");
        }
    }
}

/// What the host refuses of any request.
fn check_contract(at: &str, request: &HttpRequest) {
    let path = request.path.as_str();
    let harmless = path.starts_with('/')
        && !["..", "//", "\\", "?", "#"].iter().any(|bad| path.contains(bad))
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(harmless, "{at}: the host refuses this path");
    const OWNED: [&str; 8] = [
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "proxy-authorization",
        "te",
        "transfer-encoding",
    ];
    for (name, value) in &request.headers {
        let owned = OWNED.iter().any(|owned| name.eq_ignore_ascii_case(owned));
        assert!(!owned, "{at}: the host refuses the header {name}");
        let plain = value.bytes().all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte));
        assert!(plain, "{at}: the host refuses this value of the header {name}");
    }
    let size = request.body.as_ref().map_or(0, Vec::len);
    assert!(size <= 1 << 20, "{at}: a body of {size} bytes");
}

/// Decodes a form. What isn't one gives fields nobody expects.
pub(crate) fn decode_form(body: &[u8]) -> Vec<Field> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let decode = |pair: &[u8]| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (
            percent_decode(&pair[..at]),
            percent_decode(pair.get(at + 1..).unwrap_or_default()),
        )
    };
    pairs.map(decode).collect()
}

fn percent_decode(text: &[u8]) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
