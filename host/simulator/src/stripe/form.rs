//! Stripe's form encoding: `a[b][0][c]=value`, in bodies and in queries.

use serde_json::{Map, Value};

/// The most parameters of one request; the largest real ones have about 300.
const MAX_PARAMETERS: usize = 2_000;
/// The deepest nesting of brackets; Stripe's own parameters end at 6.
const MAX_DEPTH: usize = 10;

/// A parameter's value: text, or named parts in the order they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Leaf(String),
    Branch(Vec<(String, Node)>),
}

impl Node {
    /// As JSON, where a branch whose names are 0, 1, 2 … is an array.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Leaf(text) => Value::String(text.clone()),
            Self::Branch(parts) => {
                let is_list = !parts.is_empty()
                    && parts
                        .iter()
                        .enumerate()
                        .all(|(index, (name, _))| *name == index.to_string());
                if is_list {
                    Value::Array(parts.iter().map(|(_, part)| part.to_json()).collect())
                } else {
                    let parts = parts.iter().map(|(name, part)| (name.clone(), part.to_json()));
                    Value::Object(parts.collect::<Map<_, _>>())
                }
            }
        }
    }
}

/// Why a form was refused, in words for the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Reads a form into a tree; the root is always a branch.
pub(super) fn parse(form: &str) -> Result<Node, Malformed> {
    let mut root = Vec::new();
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count >= MAX_PARAMETERS {
            return Err(Malformed("Too many parameters."));
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let path = segments(&decode(key)?)?;
        insert(&mut root, &path, decode(value)?)?;
    }
    Ok(Node::Branch(root))
}

/// `a[b][]` into `a`, `b` and an empty name.
fn segments(key: &str) -> Result<Vec<String>, Malformed> {
    const BAD: Malformed = Malformed("Invalid parameter name: unbalanced brackets.");
    let (head, mut rest) = key.find('[').map_or((key, ""), |at| key.split_at(at));
    if head.is_empty() {
        return Err(Malformed("Invalid parameter name: empty."));
    }
    let mut path = vec![head.to_owned()];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or(BAD)?;
        let (name, after) = inner.split_once(']').ok_or(BAD)?;
        path.push(name.to_owned());
        rest = after;
        if path.len() > MAX_DEPTH {
            return Err(Malformed("Invalid parameter name: nested too deeply."));
        }
    }
    Ok(path)
}

fn insert(parts: &mut Vec<(String, Node)>, path: &[String], value: String) -> Result<(), Malformed> {
    const CONFLICT: Malformed = Malformed("A parameter was given both as a value and as a hash.");
    let Some((name, rest)) = path.split_first() else {
        return Ok(());
    };
    // `expand[]=a&expand[]=b`: every empty name is a new element.
    let name = if name.is_empty() {
        parts.len().to_string()
    } else {
        name.clone()
    };
    let found = parts.iter_mut().find(|(known, _)| *known == name);
    match (found, rest.is_empty()) {
        (None, true) => parts.push((name, Node::Leaf(value))),
        (None, false) => {
            let mut inner = Vec::new();
            insert(&mut inner, rest, value)?;
            parts.push((name, Node::Branch(inner)));
        }
        (Some((_, Node::Leaf(text))), true) => *text = value,
        (Some((_, Node::Branch(inner))), false) => insert(inner, rest, value)?,
        (Some(_), _) => return Err(CONFLICT),
    }
    Ok(())
}

/// Undoes `application/x-www-form-urlencoded` for one name or value.
fn decode(text: &str) -> Result<String, Malformed> {
    const BAD: Malformed = Malformed("Invalid percent-encoding in a parameter.");
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => decoded.push(b' '),
            b'%' => {
                let pair = bytes.get(at + 1..at + 3).ok_or(BAD)?;
                let pair = std::str::from_utf8(pair).map_err(|_| BAD)?;
                if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(BAD);
                }
                decoded.push(u8::from_str_radix(pair, 16).map_err(|_| BAD)?);
                at += 2;
            }
            other => decoded.push(other),
        }
        at += 1;
    }
    String::from_utf8(decoded).map_err(|_| Malformed("A parameter is not UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_of(form: &str) -> Value {
        parse(form).unwrap().to_json()
    }

    #[test]
    fn nested_names_become_a_tree() {
        assert_eq!(
            json_of("mode=subscription&line_items[0][price]=p&line_items[0][quantity]=5&metadata[a%20b]=c%3D+d"),
            json!({"mode": "subscription", "line_items": [{"price": "p", "quantity": "5"}], "metadata": {"a b": "c= d"}})
        );
    }

    #[test]
    fn encoded_brackets_and_empty_ones_work() {
        assert_eq!(json_of("expand%5B%5D=a&expand[]=b"), json!({"expand": ["a", "b"]}));
    }

    #[test]
    fn an_empty_value_stays_a_value() {
        assert_eq!(json_of("pause_collection="), json!({"pause_collection": ""}));
        assert_eq!(json_of(""), json!({}));
        assert_eq!(json_of("lonely&&x=1"), json!({"lonely": "", "x": "1"}));
    }

    #[test]
    fn the_last_value_wins() {
        assert_eq!(json_of("a=1&a=2"), json!({"a": "2"}));
    }

    #[test]
    fn malformed_forms_are_refused() {
        for bad in [
            "a[b=1",
            "a]b[=1]&a[",
            "a=1&a[b]=2",
            "a[b]=1&a=2",
            "a=%zz",
            "a=%4",
            "a=%ff",
            "[a]=1",
            "a=%+1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let deep = format!("a{}=1", "[b]".repeat(11));
        assert!(parse(&deep).is_err());
        let many = "a=1&".repeat(MAX_PARAMETERS + 1);
        assert!(parse(&many).is_err());
    }
}
