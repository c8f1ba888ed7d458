//! JSON of which only some fields matter.
//!
//! [`Response::json`](crate::Response::json) fills any type that `serde` can. That is convenient, and each type makes
//! the plugin larger; a plugin that reads many shapes stays small with [`Json`], which is one type for all of them.
//!
//! It is read here rather than by `serde_json`: that costs a plugin 19 KB, and a fifth more fuel for a usual webhook.
//! The tests hold the two against each other.

mod reader;

use std::borrow::Cow;
use std::fmt;

use reader::Reader;

/// A value. Text is borrowed from what was read, where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number that fits.
    Integer(i64),
    /// Any other number, as it was written.
    Number(&'a str),
    /// Text.
    Text(Cow<'a, str>),
    /// Values in order.
    List(Vec<Json<'a>>),
    /// Named values, in the order they came. Where a name is repeated, the first counts.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a document isn't JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// What is wrong.
    pub why: &'static str,
    /// At which byte, counted from 0.
    pub at: usize,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

impl std::error::Error for NotJson {}

/// What a missing field is.
static NULL: Json<'static> = Json::Null;

impl<'a> Json<'a> {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Where it isn't JSON (RFC 8259), isn't UTF-8, or is nested more than 127 levels deep.
    pub fn read(document: &'a [u8]) -> Result<Self, NotJson> {
        Reader::read(document)
    }

    /// A field of an object; [`Json::Null`] where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Json<'a> {
        let found = self.pairs().iter().find(|(key, _)| key == name);
        found.map_or(&NULL, |(_, value)| value)
    }

    /// All fields of an object, none of anything else.
    #[must_use]
    pub fn pairs(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        match self {
            Self::Object(pairs) => pairs,
            _ => &[],
        }
    }

    /// The items of a list, none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Json<'a>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Text, where it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, where it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// True or false, where it is that.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn same(ours: &Json<'_>, theirs: &Value) -> bool {
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Integer(a), Value::Number(b)) => Some(*a) == b.as_i64() || (*a == 0 && b.as_f64() == Some(0.0)),
            (Json::Number(a), Value::Number(b)) => {
                b.as_i64().is_none() && serde_json::from_str(a).ok().as_ref() == Some(b)
            }
            (Json::Text(a), Value::String(b)) => a == b,
            (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Json::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, v)| b.get(&**k).is_some_and(|b| same(v, b)))
            }
            _ => false,
        }
    }

    /// Whether both read it, to the same, or both refuse it.
    fn agree(bytes: &[u8]) -> bool {
        match (Json::read(bytes), serde_json::from_slice::<Value>(bytes)) {
            // A repeated name is one field for them; what counts is compared elsewhere.
            (Ok(ours), Ok(theirs)) => same(&ours, &theirs) || has_repeated_names(&ours),
            (Err(_), Err(_)) => true,
            // They refuse numbers that no float can hold; here they stay text.
            (Ok(_), Err(error)) => error.to_string().contains("number out of range"),
            (Err(_), Ok(_)) => false,
        }
    }

    fn has_repeated_names(json: &Json<'_>) -> bool {
        let pairs = json.pairs();
        let repeated = pairs
            .iter()
            .enumerate()
            .any(|(i, (name, _))| pairs[..i].iter().any(|(k, _)| k == name));
        repeated || pairs.iter().map(|(_, v)| v).chain(json.items()).any(has_repeated_names)
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let json = Json::read(br#"{"a":{"b":[1,"x",true]},"a":2}"#).unwrap();
        let list = json.get("a").get("b");
        assert_eq!(list.items()[0].integer(), Some(1));
        assert_eq!(list.items()[1].text(), Some("x"));
        assert_eq!(list.items()[2].boolean(), Some(true));
        assert!(json.get("c").get("d").is_null());
        assert_eq!(json.get("a").text(), None);
        assert_eq!(list.integer(), None);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(100_000);
        assert!(Json::read(deep.as_bytes()).is_err());
        let closed = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert!(Json::read(closed.as_bytes()).is_ok());
        let closed = format!("{}{}", "[".repeat(128), "]".repeat(128));
        assert!(Json::read(closed.as_bytes()).is_err());
    }

    #[test]
    fn escapes_are_read() {
        let text = json!("a\"\\\n\u{1f600}é").to_string();
        assert_eq!(Json::read(text.as_bytes()).unwrap().text(), Some("a\"\\\n\u{1f600}é"));
        assert!(Json::read(b"\"\xff\"").is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(value in values()) {
            // Read back, because the last digit of a fraction may be lost on the way.
            let text = value.to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(same(&Json::read(text.as_bytes()).unwrap(), &value));
        }

        #[test]
        fn it_reads_and_refuses_what_serde_json_does(
            value in values(), at in any::<prop::sample::Index>(), put in "[\\[\\]{}\",:\\\\/u0-9a-fA-FeEtrnl+. \t\n-]{0,3}",
            cut in 0_usize..3, bytes in prop::collection::vec(any::<u8>(), 0..60), letters in "[\\[\\]{}\",:\\\\u0-9deE. +-]{0,20}",
        ) {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), put.bytes());
            prop_assert!(agree(&text), "{}", String::from_utf8_lossy(&text));
            prop_assert!(agree(&bytes));
            prop_assert!(agree(letters.as_bytes()), "{letters}");
        }
    }

    #[test]
    fn corners_are_read_and_refused_as_serde_json_does() {
        for text in [
            "",
            " ",
            "nul",
            "null",
            " true\r\n",
            "false,",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "-1",
            "1.",
            ".1",
            "1.5",
            "1e",
            "1e5",
            "1E+5",
            "1e-5",
            "1e+",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "+1",
            "[",
            "[]",
            "[,]",
            "[1,]",
            "[1 2]",
            "{",
            "{}",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            "{1:2}",
            r#"{"a":1 "b":2}"#,
            "\"",
            r#""\""#,
            r#""\u0041""#,
            r#""\u00""#,
            r#""\u00zz""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83dx""#,
            r#""\ud83d\u0041""#,
            r#""\ud83d\n""#,
            r#""\x""#,
            r#""\b\f\n\r\t\/\\\"""#,
            "\"\t\"",
            "\"\u{7f}\"",
            "\u{feff}null",
            "\u{a0}1",
            "NaN",
            "Infinity",
            "'a'",
            "1 1",
            "\"a\\u0000b\"",
            "1e999",
        ] {
            assert!(agree(text.as_bytes()), "{text}");
        }
        for bytes in [
            b"\"\xff\"".as_slice(),
            b"\"\xc3\"",
            b"\xef\xbb\xbf1",
            b"\"\xed\xa0\x80\"",
        ] {
            assert!(agree(bytes), "{bytes:?}");
        }
    }
}
