//! Forms: `application/x-www-form-urlencoded`, with brackets for what is nested.

use std::fmt::Write;

use crate::types::Field;

/// A form in the making. Fields keep their order.
///
/// ```
/// use tillgate_plugin_sdk::Form;
///
/// let form = Form::new()
///     .field("mode", "subscription")
///     .nested(&["line_items", "0", "quantity"], 5.to_string())
///     .optional("customer", None::<String>);
/// assert_eq!(form.encode(), "mode=subscription&line_items[0][quantity]=5");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    encoded: String,
}

impl Form {
    /// An empty form.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn field(self, name: &str, value: impl AsRef<str>) -> Self {
        self.nested(&[name], value)
    }

    /// Adds a field where there is a value.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Adds a nested field: `["items", "0", "id"]` is `items[0][id]`. What a part holds can't break out of it.
    #[must_use]
    pub fn nested(mut self, path: &[&str], value: impl AsRef<str>) -> Self {
        if !self.encoded.is_empty() {
            self.encoded.push('&');
        }
        for (depth, part) in path.iter().enumerate() {
            if depth == 0 {
                encode_into(&mut self.encoded, part);
            } else {
                self.encoded.push('[');
                encode_into(&mut self.encoded, part);
                self.encoded.push(']');
            }
        }
        self.encoded.push('=');
        encode_into(&mut self.encoded, value.as_ref());
        self
    }

    /// Adds a map: each of its pairs is one level below `path`.
    #[must_use]
    pub fn map(self, path: &[&str], pairs: &[Field]) -> Self {
        pairs.iter().fold(self, |form, (name, value)| {
            let mut path = path.to_vec();
            path.push(name);
            form.nested(&path, value)
        })
    }

    /// The form as it is sent.
    #[must_use]
    pub fn encode(&self) -> String {
        self.encoded.clone()
    }
}

/// Percent-encodes as the URL standard's form serializer does.
fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            // Writing to a string can't fail.
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_maps_and_optional_fields() {
        let metadata = [("org id".to_owned(), "a&b=c".to_owned())];
        let form = Form::new()
            .map(&["subscription_data", "metadata"], &metadata)
            .optional("email", Some("a+b@example.com"))
            .optional("nothing", None::<&str>);
        let expected = "subscription_data[metadata][org+id]=a%26b%3Dc&email=a%2Bb%40example.com";
        assert_eq!(form.encode(), expected);
    }

    #[test]
    fn a_part_can_not_break_out_of_its_brackets() {
        let form = Form::new().nested(&["metadata", "a][b"], "x");
        assert_eq!(form.encode(), "metadata[a%5D%5Bb]=x");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(pairs in prop::collection::vec((".*", ".*"), 0..8)) {
            let form = pairs.iter().fold(Form::new(), |form, (name, value)| form.field(name, value));
            let decoded: Vec<(String, String)> =
                url::form_urlencoded::parse(form.encode().as_bytes()).into_owned().collect();
            prop_assert_eq!(decoded, pairs);
        }

        #[test]
        fn only_safe_characters_leave(name in ".*", value in ".*") {
            let encoded = Form::new().nested(&["a", &name], &value).encode();
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"*-._+%[]=".contains(&b)));
        }
    }
}
