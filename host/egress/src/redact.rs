//! Blanking a credential that a provider echoes back.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use zeroize::Zeroizing;

use crate::{bounds::MIN_REDACTED_BYTES, target::QUERY};

const BLANK: &[u8] = b"[redacted]";

/// The spellings of a credential to look for. A plugin never sees the credential it names, so an answer that echoes it
/// (an error page quoting the request, a debugging endpoint) must not show it either.
#[derive(Default)]
pub(crate) struct Redactor {
    needles: Vec<Zeroizing<Vec<u8>>>,
}

impl Redactor {
    /// Looks for `secret` as it is, as it is in a query, and as JSON writers that escape slashes spell it. Secrets
    /// shorter than [`MIN_REDACTED_BYTES`] aren't looked for.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() < MIN_REDACTED_BYTES {
            return;
        }
        let spellings = [
            secret.to_owned(),
            utf8_percent_encode(secret, QUERY).to_string(),
            secret.replace('/', "\\/"),
        ];
        for spelling in spellings {
            let needle = Zeroizing::new(spelling.into_bytes());
            if !self.needles.contains(&needle) {
                self.needles.push(needle);
            }
        }
        // Longest first: a secret that is part of another spelling must not leave its rest standing.
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// `text` with every spelling replaced by `[redacted]`; borrowed where there was none.
    pub(crate) fn scrub<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut clean = Cow::Borrowed(text);
        for needle in &self.needles {
            if let Some(replaced) = replace(&clean, needle) {
                clean = Cow::Owned(replaced);
            }
        }
        clean
    }

    /// As [`Redactor::scrub`], without copying a clean body. Whether there was something to replace comes second.
    pub(crate) fn scrub_body(&self, body: Bytes) -> (Bytes, bool) {
        match self.scrub(&body) {
            Cow::Borrowed(_) => (body, false),
            Cow::Owned(clean) => (clean.into(), true),
        }
    }
}

fn replace(text: &[u8], needle: &[u8]) -> Option<Vec<u8>> {
    let mut found = find(text, needle)?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        out.extend_from_slice(&rest[..found]);
        out.extend_from_slice(BLANK);
        rest = &rest[found + needle.len()..];
        match find(rest, needle) {
            Some(next) => found = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The first place of `needle` (never empty). Skips to candidates by the first byte, which keeps a megabyte cheap.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let last = text.len().checked_sub(needle.len())?;
    let mut from = 0;
    while from <= last {
        from += text[from..=last].iter().position(|byte| *byte == needle[0])?;
        if text[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(secrets: &[&str], text: &str) -> String {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(secret);
        }
        String::from_utf8(redactor.scrub(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn every_spelling_is_blanked() {
        assert_eq!(
            scrubbed(&["sk_live_1/2+3"], "sk_live_1/2+3 sk_live_1%2F2%2B3 sk_live_1\\/2+3."),
            "[redacted] [redacted] [redacted]."
        );
    }

    #[test]
    fn a_secret_inside_another_does_not_leave_its_rest() {
        assert_eq!(
            scrubbed(&["abcdefgh", "abcdefgh_more"], "abcdefgh_more abcdefgh"),
            "[redacted] [redacted]"
        );
    }

    #[test]
    fn short_secrets_and_clean_text_stay() {
        assert_eq!(scrubbed(&["short", ""], "short text"), "short text");
        assert_eq!(scrubbed(&["abcdefgh"], "abcdefg abcdefg"), "abcdefg abcdefg");
        assert_eq!(scrubbed(&["abcdefgh"], ""), "");
    }
}
