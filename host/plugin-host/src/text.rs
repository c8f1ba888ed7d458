//! Texts for people.

/// Cuts a text at a character's border.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_at_a_characters_border() {
        assert_eq!(cut("abc".to_owned(), 3), "abc");
        assert_eq!(cut("abc".to_owned(), 2), "ab");
        assert_eq!(cut("aä".to_owned(), 2), "a");
        assert_eq!(cut("ä".to_owned(), 1), "");
    }
}
