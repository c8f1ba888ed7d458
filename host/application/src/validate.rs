//! Checks of what callers give, each naming the field.

use tillgate_domain::valid_external_id;

use crate::ApplicationError;
use crate::bounds::{METADATA_ENTRIES_MAX, METADATA_KEY_MAX, METADATA_VALUE_MAX, NAME_MAX, URL_MAX};
use crate::ports::Field;

/// Metadata keys that are the gateway's own.
const RESERVED_KEYS: [&str; 2] = ["organization_id", "user_id"];
const RESERVED_PREFIX: &str = "tillgate_";

pub(crate) fn external_id(field: &str, text: &str) -> Result<(), ApplicationError> {
    if valid_external_id(text) {
        return Ok(());
    }
    Err(ApplicationError::invalid(
        field,
        "must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -",
    ))
}

pub(crate) fn name(field: &str, text: &str) -> Result<(), ApplicationError> {
    let length = text.chars().count();
    if length == 0 || length > NAME_MAX || text.trim() != text || text.chars().any(char::is_control) {
        return Err(ApplicationError::invalid(
            field,
            format!("must be 1 to {NAME_MAX} characters, without control characters or white space around it"),
        ));
    }
    Ok(())
}

/// An address: something, an @, something. The provider decides the rest.
pub(crate) fn email(field: &str, text: &str) -> Result<(), ApplicationError> {
    let good = text.len() <= 254
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if good {
        Ok(())
    } else {
        Err(ApplicationError::invalid(field, "must be an e-mail address"))
    }
}

/// An absolute http or https URL. Providers put placeholders in braces into them, so no stricter grammar is asked.
pub(crate) fn url(field: &str, text: &str) -> Result<(), ApplicationError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = text.len() <= URL_MAX
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if good {
        return Ok(());
    }
    Err(ApplicationError::invalid(
        field,
        format!("must be an absolute http or https URL of at most {URL_MAX} bytes"),
    ))
}

pub(crate) fn metadata(entries: &[Field]) -> Result<(), ApplicationError> {
    if entries.len() > METADATA_ENTRIES_MAX {
        return Err(ApplicationError::invalid(
            "metadata",
            format!("must have at most {METADATA_ENTRIES_MAX} entries"),
        ));
    }
    for (key, value) in entries {
        let field = format!("metadata.{}", key.chars().take(METADATA_KEY_MAX).collect::<String>());
        let key_length = key.chars().count();
        if key_length == 0 || key_length > METADATA_KEY_MAX || key.contains(['[', ']']) {
            return Err(ApplicationError::invalid(
                field,
                format!("a key must be 1 to {METADATA_KEY_MAX} characters, without [ and ]"),
            ));
        }
        if RESERVED_KEYS.contains(&key.as_str()) || key.starts_with(RESERVED_PREFIX) {
            return Err(ApplicationError::invalid(field, "is a key the gateway sets itself"));
        }
        if value.is_empty() || value.chars().count() > METADATA_VALUE_MAX {
            return Err(ApplicationError::invalid(
                field,
                format!("must be 1 to {METADATA_VALUE_MAX} characters"),
            ));
        }
    }
    Ok(())
}

/// A text of others as it can be stored: PostgreSQL takes no NUL character.
pub(crate) fn storable(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "\u{fffd}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_absolute_and_may_hold_placeholders() {
        assert!(url("u", "https://app.example/ok?session={CHECKOUT_SESSION_ID}").is_ok());
        for bad in [
            "",
            "/ok",
            "ftp://x",
            "https://",
            "https:///x",
            "https://a b",
            "javascript:alert(1)",
        ] {
            assert!(url("u", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_of_the_gateway_is_refused_by_name() {
        let error = metadata(&[("user_id".into(), "x".into())]).unwrap_err();
        assert!(error.to_string().starts_with("metadata.user_id"), "{error}");
        assert!(metadata(&[("tillgate_x".into(), "x".into())]).is_err());
        assert!(metadata(&[("plan".into(), "team".into())]).is_ok());
    }
}
