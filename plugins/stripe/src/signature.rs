//! The `Stripe-Signature` header: `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`
//! (<https://docs.stripe.com/webhooks#verify-manually>).
//!
//! Stripe's own libraries differ from each other in the corners. This is the strict reading of what Stripe sends:
//! exactly one `t` of plain digits, `v1` as hex of either case, everything else ignored.

use tillgate_plugin_sdk::time;
use tillgate_plugin_sdk::types::Timestamp;

/// Length of an HMAC-SHA-256.
const LENGTH: usize = 32;

/// A header that could be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The time's text as it was signed.
    pub(crate) time_text: String,
    /// The time.
    pub(crate) at: Timestamp,
    /// All `v1` signatures. While a secret is rolled there is one for each.
    pub(crate) signatures: Vec<[u8; LENGTH]>,
}

impl Signature {
    /// Reads the header; says what is wrong where it can't be right.
    pub(crate) fn read(header: &[u8]) -> Result<Self, &'static str> {
        let mut time_text = None;
        let mut signatures = Vec::new();
        for item in header.split(|byte| *byte == b',') {
            let item = trim(item);
            let Some(at) = item.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = (&item[..at], &item[at + 1..]);
            match name {
                b"t" if time_text.is_some() => return Err("more than one time"),
                b"t" => time_text = Some(value),
                b"v1" => signatures.extend(decode(value)),
                _ => {}
            }
        }
        let text = time_text.ok_or("no time")?;
        let digits = (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(text).ok().filter(|_| digits);
        let text = text.ok_or("the time is not a number of seconds")?;
        let seconds = text.parse().map_err(|_| "the time is not a number of seconds")?;
        if signatures.is_empty() {
            return Err("no v1 signature");
        }
        Ok(Self {
            time_text: text.to_owned(),
            at: time::from_unix_seconds(seconds).ok_or("the time is too far off")?,
            signatures,
        })
    }
}

fn trim(mut item: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = item {
        item = rest;
    }
    item
}

fn decode(hex: &[u8]) -> Option<[u8; LENGTH]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = [0; LENGTH];
    if hex.len() != 2 * LENGTH {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
