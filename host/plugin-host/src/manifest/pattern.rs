//! The pattern language of settings: literals, classes, and `+ * ? {m,n}`. A value has to match from end to end.
//!
//! It is small on purpose: any implementation of the contract can have it, and it says what it looks like.

use regex_lite::{Regex, RegexBuilder};

use crate::limits::{PATTERN_BYTES, PATTERN_PROGRAM_BYTES};

/// Compiles a pattern.
///
/// # Errors
/// What isn't part of the language.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES {
        return Err(format!("must be 1 to {PATTERN_BYTES} bytes"));
    }
    check_language(pattern)?;
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_PROGRAM_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

fn check_language(pattern: &str) -> Result<(), String> {
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => {}
                Some(escaped) => return Err(format!("\\{escaped} is not known; write the class out, as [0-9]")),
                None => return Err("ends with \\".to_owned()),
            },
            '[' if in_class => return Err("has [ in a class; write \\[".to_owned()),
            '[' => in_class = true,
            ']' if in_class => in_class = false,
            '(' | ')' | '|' | '^' | '$' | '.' if !in_class => {
                return Err(format!("has {c}, which is not known; the literal is \\{c}"));
            }
            c if c.is_control() => return Err("has a control character".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn a_value_matches_from_end_to_end() {
        let pattern = compile(r"acct_[A-Za-z0-9]+(?:x)?".trim_end_matches("(?:x)?")).unwrap();
        assert!(pattern.is_match("acct_1Abc"));
        for bad in ["acct_", "acct_1\n", " acct_1", "acct_1 ", "xacct_1", "acct_1-"] {
            assert!(!pattern.is_match(bad), "{bad:?}");
        }
        assert!(compile(r"[0-9]{2,3}\.x?").unwrap().is_match("12."));
        assert!(!compile(r"[^a-z]").unwrap().is_match("a"));
    }

    #[test]
    fn what_is_not_part_of_the_language_is_named() {
        for (pattern, named) in [
            ("(a)", "("),
            ("a|b", "|"),
            ("^a", "^"),
            ("a.b", "\\."),
            ("\\d+", "\\d"),
            ("[[:alpha:]]", "[ in a class"),
            ("a\\", "ends with"),
            ("", "1 to"),
        ] {
            let error = compile(pattern).unwrap_err();
            assert!(error.contains(named), "{pattern}: {error}");
        }
        assert!(compile("[a").is_err());
        assert!(compile("[a-z]{1000}{1000}").is_err(), "too large a program");
    }
}
