//! Reading JSON, as RFC 8259 has it.

use std::borrow::Cow;

use super::{Json, NotJson};

/// How deep values may be nested. A plugin's stack is small, and no provider comes near.
const DEEPEST: usize = 127;

/// A document, and how far it was read.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Reads a whole document.
    pub(super) fn read(document: &'a [u8]) -> Result<Json<'a>, NotJson> {
        let text = std::str::from_utf8(document).map_err(|error| NotJson {
            why: "invalid UTF-8",
            at: error.valid_up_to(),
        })?;
        let mut reader = Reader {
            text,
            bytes: document,
            at: 0,
            depth: 0,
        };
        let value = reader.value()?;
        match reader.next_token() {
            None => Ok(value),
            Some(_) => reader.wrong("something after the end"),
        }
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, NotJson> {
        Err(NotJson { why, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips white space; the byte after it isn't consumed.
    fn next_token(&mut self) -> Option<u8> {
        let mut token = self.peek();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = token {
            self.at += 1;
            token = self.peek();
        }
        token
    }

    fn value(&mut self) -> Result<Json<'a>, NotJson> {
        match self.next_token() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => self.wrong("not a value"),
            None => self.wrong("the end where a value should be"),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, NotJson> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.wrong("not a value");
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Json<'a>, NotJson>) -> Result<Json<'a>, NotJson> {
        if self.depth == DEEPEST {
            return self.wrong("nested too deep");
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Json<'a>, NotJson> {
        let mut items = Vec::new();
        if self.next_token() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.ends(b']')? {
                return Ok(Json::List(items));
            }
        }
    }

    fn object(&mut self) -> Result<Json<'a>, NotJson> {
        let mut pairs = Vec::new();
        if self.next_token() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(pairs));
        }
        loop {
            if self.next_token() != Some(b'"') {
                return self.wrong("not a name");
            }
            let name = self.string()?;
            if self.next_token() != Some(b':') {
                return self.wrong("no colon after a name");
            }
            self.at += 1;
            pairs.push((name, self.value()?));
            if self.ends(b'}')? {
                return Ok(Json::Object(pairs));
            }
        }
    }

    /// After an item: whether the list or object ends, or goes on after a comma.
    fn ends(&mut self, end: u8) -> Result<bool, NotJson> {
        match self.next_token() {
            Some(byte) if byte == end => self.at += 1,
            Some(b',') => {
                self.at += 1;
                return Ok(false);
            }
            _ => return self.wrong("neither a comma nor the end of a list or an object"),
        }
        Ok(true)
    }

    fn number(&mut self) -> Result<Json<'a>, NotJson> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let first = self.at;
        let (whole, value) = self.digits()?;
        if whole > 1 && self.bytes[first] == b'0' {
            self.at = first;
            return self.wrong("a zero in front of a number");
        }
        let mut is_whole = true;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            is_whole = false;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            is_whole = false;
        }
        // Eighteen digits always fit; where there are more, they may.
        let text = &self.text[start..self.at];
        let integer = match is_whole {
            true if whole <= 18 => Some(if negative { -value } else { value }),
            true => text.parse().ok(),
            false => None,
        };
        Ok(integer.map_or(Json::Number(text), Json::Integer))
    }

    /// Skips digits, at least one. Says how many, and what the first eighteen are worth.
    fn digits(&mut self) -> Result<(usize, i64), NotJson> {
        let mut count = 0;
        let mut value = 0;
        for byte in &self.bytes[self.at..] {
            if !byte.is_ascii_digit() {
                break;
            }
            if count < 18 {
                value = value * 10 + i64::from(byte - b'0');
            }
            count += 1;
        }
        if count == 0 {
            return self.wrong("no digit where one should be");
        }
        self.at += count;
        Ok((count, value))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.at += 1;
        let start = self.plain();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(&self.text[start..self.at - 1]))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            Some(_) => self.wrong("a control character in text"),
            None => self.wrong("text without an end"),
        }
    }

    /// Skips what stands for itself; says where it began. Eight bytes at a time, as long as all of them do.
    fn plain(&mut self) -> usize {
        let start = self.at;
        let rest = &self.bytes[start..];
        let (words, _) = rest.as_chunks();
        let plain = words.iter().take_while(|word| is_plain(u64::from_le_bytes(**word)));
        let skipped = 8 * plain.count();
        let rest = &rest[skipped..];
        let stops = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
        self.at += skipped + rest.iter().position(stops).unwrap_or(rest.len());
        start
    }

    /// Reads on at the first escape of a text.
    fn escaped(&mut self, start: usize) -> Result<String, NotJson> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(b' '..) => {
                    let start = self.plain();
                    text.push_str(&self.text[start..self.at]);
                }
                Some(_) => return self.wrong("a control character in text"),
                None => return self.wrong("text without an end"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        let Some(byte) = self.peek() else {
            return self.wrong("text without an end");
        };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return self.wrong("no such escape"),
        })
    }

    /// Four hex digits, or twice four where the first are half of a surrogate pair.
    fn code_point(&mut self) -> Result<char, NotJson> {
        let mut code = self.four_digits()?;
        if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let low = self.four_digits()?;
            if !(0xdc00..0xe000).contains(&low) {
                return self.wrong("half of a surrogate pair");
            }
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.wrong("half of a surrogate pair"),
        }
    }

    fn four_digits(&mut self) -> Result<u32, NotJson> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return self.wrong("no hex digit where one should be");
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Whether none of eight bytes is a control character, a quote or a backslash. The high bit of a byte is set where
/// taking 32 from it, or 1 from its difference to the other two, borrowed.
fn is_plain(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (quote, backslash) = (word ^ (EACH * 0x22), word ^ (EACH * 0x5c));
    let control = word.wrapping_sub(EACH * 0x20) & !word;
    let quote = quote.wrapping_sub(EACH) & !quote;
    let backslash = backslash.wrapping_sub(EACH) & !backslash;
    (control | quote | backslash) & (EACH * 0x80) == 0
}
