//! Reading request parameters, with Stripe's answer for each way to be wrong.

use std::collections::BTreeMap;

use super::error::{ApiError, ApiResult};
use super::form::Node;

/// The most keys of `metadata` (<https://docs.stripe.com/api/metadata>).
const MAX_METADATA_KEYS: usize = 50;
/// The longest name of a metadata key, in characters.
const MAX_METADATA_NAME: usize = 40;
/// The longest metadata value, in characters.
const MAX_METADATA_VALUE: usize = 500;
/// The longest ordinary string, in characters.
const MAX_TEXT: usize = 5_000;

/// Key-value notes of the integrator on an object.
pub(super) type Metadata = BTreeMap<String, String>;

/// One level of a request's parameters, knowing its own path for messages.
#[derive(Debug, Clone)]
pub(super) struct Params<'a> {
    parts: &'a [(String, Node)],
    path: String,
}

impl<'a> Params<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        let parts: &[(String, Node)] = match node {
            Node::Branch(parts) => parts,
            Node::Leaf(_) => &[],
        };
        Self {
            parts,
            path: String::new(),
        }
    }

    /// A parameter's full name, e.g. `line_items[0][price]`.
    pub(super) fn name(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}[{name}]", self.path)
        }
    }

    /// Refuses everything that is not named; `expand` is understood everywhere.
    pub(super) fn only(&self, known: &[&str]) -> ApiResult<()> {
        for (name, _) in self.parts {
            let is_expand = self.path.is_empty() && name == "expand";
            if !is_expand && !known.contains(&name.as_str()) {
                return Err(ApiError::unknown(&self.name(name)));
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        self.parts.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Text as it was given; the empty text is how Stripe's clients unset.
    pub(super) fn text(&self, name: &str) -> ApiResult<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Node::Leaf(text)) if text.chars().count() <= MAX_TEXT => Ok(Some(text)),
            Some(Node::Leaf(_)) => Err(ApiError::invalid(
                self.name(name),
                format!("Invalid string: must be at most {MAX_TEXT} characters"),
            )),
            Some(Node::Branch(_)) => Err(ApiError::invalid(self.name(name), "Invalid string: must be a string")),
        }
    }

    /// Text that says something: the empty one counts as absent.
    pub(super) fn filled(&self, name: &str) -> ApiResult<Option<&'a str>> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    pub(super) fn required(&self, name: &str) -> ApiResult<&'a str> {
        let text = self.text(name)?.ok_or_else(|| ApiError::missing(&self.name(name)))?;
        if text.is_empty() {
            let full = self.name(name);
            return Err(ApiError::invalid(
                &full,
                format!(
                    "You passed an empty string for '{full}'. We assume empty values are an attempt to unset a parameter; however '{full}' cannot be unset. You should remove '{full}' from your request or supply a non-empty value."
                ),
            )
            .code("parameter_invalid_empty"));
        }
        Ok(text)
    }

    pub(super) fn integer(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.filled(name)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            ApiError::invalid(self.name(name), format!("Invalid integer: {text}")).code("parameter_invalid_integer")
        })
    }

    /// An integer that is not negative.
    pub(super) fn count(&self, name: &str) -> ApiResult<Option<i64>> {
        match self.integer(name)? {
            Some(number) if number < 0 => {
                Err(ApiError::invalid(self.name(name), "Invalid non-negative integer")
                    .code("parameter_invalid_integer"))
            }
            other => Ok(other),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> ApiResult<Option<bool>> {
        match self.filled(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid(self.name(name), format!("Invalid boolean: {other}"))),
        }
    }

    /// One of a few words.
    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> ApiResult<Option<&'a str>> {
        match self.filled(name)? {
            Some(word) if !words.contains(&word) => Err(ApiError::invalid(
                self.name(name),
                format!("Invalid {}: must be one of {}", self.name(name), spoken(words)),
            )),
            other => Ok(other),
        }
    }

    /// A web address people are sent to.
    pub(super) fn url(&self, name: &str) -> ApiResult<Option<&'a str>> {
        match self.filled(name)? {
            Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => Err(ApiError::invalid(
                self.name(name),
                "Invalid URL: An explicit scheme (such as https) must be provided.",
            )
            .code("url_invalid")),
            Some(url) if url.chars().any(|c| c.is_control() || c == ' ') => {
                Err(ApiError::invalid(self.name(name), "Not a valid URL").code("url_invalid"))
            }
            other => Ok(other),
        }
    }

    /// An ISO currency code, lower case.
    pub(super) fn currency(&self, name: &str) -> ApiResult<String> {
        let given = self.required(name)?.to_ascii_lowercase();
        if given.len() == 3 && given.bytes().all(|letter| letter.is_ascii_lowercase()) {
            return Ok(given);
        }
        Err(ApiError::invalid(
            self.name(name),
            format!(
                "Invalid currency: {given}. Stripe currently supports these currencies: usd, eur, gbp, jpy and others"
            ),
        ))
    }

    /// The parameters inside a hash; an empty text (unset) counts as absent.
    pub(super) fn hash(&self, name: &str) -> ApiResult<Option<Params<'a>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Node::Branch(parts)) => Ok(Some(Params {
                parts,
                path: self.name(name),
            })),
            Some(Node::Leaf(text)) if text.is_empty() => Ok(None),
            Some(Node::Leaf(_)) => Err(ApiError::invalid(self.name(name), "Invalid object")),
        }
    }

    /// The elements of a list of hashes, in the order of their indices.
    pub(super) fn hashes(&self, name: &str) -> ApiResult<Vec<Params<'a>>> {
        let Some(list) = self.hash(name)? else {
            return Ok(Vec::new());
        };
        let mut elements = Vec::new();
        for (index, _) in list.sorted() {
            match list.hash(index)? {
                Some(element) => elements.push(element),
                None => return Err(ApiError::invalid(list.name(index), "Invalid object")),
            }
        }
        Ok(elements)
    }

    /// The elements of a list of texts.
    pub(super) fn texts(&self, name: &str) -> ApiResult<Vec<&'a str>> {
        let Some(list) = self
            .hash(name)
            .map_err(|_| ApiError::invalid(self.name(name), "Invalid array"))?
        else {
            return Ok(Vec::new());
        };
        list.sorted().iter().map(|(index, _)| list.required(index)).collect()
    }

    fn sorted(&self) -> Vec<&'a (String, Node)> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(index, _)| index.parse::<usize>().unwrap_or(usize::MAX));
        parts
    }

    /// Applies `metadata[...]` to what is there: named keys are merged, an
    /// empty value removes its key, an empty `metadata` removes all.
    pub(super) fn merge_metadata(&self, name: &str, into: &mut Metadata) -> ApiResult<()> {
        let Some(given) = self.hash(name)? else {
            if self.has(name) {
                into.clear();
            }
            return Ok(());
        };
        let mut merged = into.clone();
        for (key, _) in given.parts {
            let value = given.text(key)?.unwrap_or_default();
            check_metadata(&given.name(key), key, value)?;
            if value.is_empty() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.to_owned());
            }
        }
        if merged.len() > MAX_METADATA_KEYS {
            return Err(ApiError::invalid(
                self.name(name),
                format!(
                    "Metadata can have up to {MAX_METADATA_KEYS} keys; this object would have {}.",
                    merged.len()
                ),
            ));
        }
        *into = merged;
        Ok(())
    }

    pub(super) fn metadata(&self, name: &str) -> ApiResult<Metadata> {
        let mut metadata = Metadata::new();
        self.merge_metadata(name, &mut metadata)?;
        Ok(metadata)
    }
}

fn check_metadata(param: &str, key: &str, value: &str) -> ApiResult<()> {
    if key.chars().count() > MAX_METADATA_NAME {
        return Err(ApiError::invalid(
            param,
            format!("Metadata keys can be at most {MAX_METADATA_NAME} characters long; yours is too long: {key}"),
        ));
    }
    if value.chars().count() > MAX_METADATA_VALUE {
        return Err(ApiError::invalid(
            param,
            format!(
                "Metadata values can have up to {MAX_METADATA_VALUE} characters, but you passed in a value that is {} characters. Invalid value: {}…",
                value.chars().count(),
                value.chars().take(20).collect::<String>(),
            ),
        ));
    }
    Ok(())
}

fn spoken(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, second] => format!("{first} or {second}"),
        [first @ .., last] => format!("{}, or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::form::parse;

    #[test]
    fn unknown_parameters_are_named_with_their_path() {
        let form = parse("line_items[0][foo]=1").unwrap();
        let element = Params::root(&form).hashes("line_items").unwrap().remove(0);
        let error = element.only(&["price"]).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("line_items[0][foo]"));
        assert_eq!(error.code, Some("parameter_unknown"));
    }

    #[test]
    fn numbers_and_booleans_are_checked() {
        let form = parse("a=x&b=maybe&c=-1").unwrap();
        let params = Params::root(&form);
        assert_eq!(params.integer("a").unwrap_err().code, Some("parameter_invalid_integer"));
        assert_eq!(params.boolean("b").unwrap_err().message, "Invalid boolean: maybe");
        assert!(params.count("c").is_err());
    }

    #[test]
    fn metadata_has_limits_and_can_be_removed() {
        let many: String = (0..51).map(|n| format!("metadata[k{n}]=v&")).collect();
        let long_value = format!("metadata[a]={}", "v".repeat(501));
        let long_name = format!("metadata[{}]=v", "k".repeat(41));
        for bad in [many, long_value, long_name] {
            let form = parse(&bad).unwrap();
            assert!(Params::root(&form).metadata("metadata").is_err());
        }
        let mut metadata = Metadata::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        let form = parse("metadata[a]=&metadata[c]=3").unwrap();
        Params::root(&form).merge_metadata("metadata", &mut metadata).unwrap();
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["b", "c"]);
        let form = parse("metadata=").unwrap();
        Params::root(&form).merge_metadata("metadata", &mut metadata).unwrap();
        assert!(metadata.is_empty());
    }
}
