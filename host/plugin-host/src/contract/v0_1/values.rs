//! The small values of which answers are made, checked.

use tillgate_domain::{Currency, Money, Timestamp};

use super::types;
use crate::limits::{MESSAGE_BYTES, REFERENCE_BYTES, TIME_MAX_MS, URL_BYTES};
use crate::text::cut;

/// What is wrong with an answer, naming the field.
pub(super) type Malformed = String;

/// An id of the provider: not empty, and not a novel.
pub(super) fn reference(field: &str, text: String) -> Result<String, Malformed> {
    if text.is_empty() || text.len() > REFERENCE_BYTES {
        return Err(format!(
            "{field} must be 1 to {REFERENCE_BYTES} bytes, not {}",
            text.len()
        ));
    }
    Ok(text)
}

pub(super) fn optional_reference(field: &str, text: Option<String>) -> Result<Option<String>, Malformed> {
    text.map(|text| reference(field, text)).transpose()
}

pub(super) fn references(field: &str, given: Vec<String>) -> Result<Vec<String>, Malformed> {
    given.into_iter().map(|id| reference(field, id)).collect()
}

/// Text for people.
pub(super) fn text(given: Option<String>) -> Option<String> {
    given.map(|text| cut(text, MESSAGE_BYTES))
}

pub(super) fn money(field: &str, money: &types::Money) -> Result<Money, Malformed> {
    let currency: Currency = money.currency.parse().map_err(|error| format!("{field}: {error}"))?;
    Ok(Money::new(money.amount, currency))
}

/// A time that can be written down.
pub(super) fn time(field: &str, millis: Option<i64>) -> Result<Option<Timestamp>, Malformed> {
    match millis {
        Some(millis) if !(0..=TIME_MAX_MS).contains(&millis) => {
            Err(format!("{field} {millis} is not in milliseconds between 1970 and 9999"))
        }
        millis => Ok(millis.map(Timestamp::from_millis)),
    }
}

/// Where a customer is sent: a web page, and nothing a browser would run.
pub(super) fn page_url(field: &str, url: String) -> Result<String, Malformed> {
    if is_page_url(&url) {
        return Ok(url);
    }
    Err(format!(
        "{field} must be an http or https URL of at most {URL_BYTES} bytes"
    ))
}

/// A page that is only shown: what isn't one is left out.
pub(super) fn optional_page_url(url: Option<String>) -> Option<String> {
    url.filter(|url| is_page_url(url))
}

fn is_page_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let printable = |c: char| !c.is_control() && !c.is_whitespace();
    url.len() <= URL_BYTES && rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(printable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_right_are_named() {
        assert_eq!(reference("id", "sub_1".to_owned()).unwrap(), "sub_1");
        assert!(reference("id", String::new()).unwrap_err().starts_with("id "));
        assert!(reference("id", "x".repeat(REFERENCE_BYTES + 1)).is_err());
        let dollars = |currency: &str| types::Money {
            amount: -1,
            currency: currency.to_owned(),
        };
        let currency = "usd".parse().unwrap();
        assert_eq!(money("total", &dollars("usd")), Ok(Money::new(-1, currency)));
        for bad in ["", "us", "dollar", "u$d"] {
            assert!(
                money("total", &dollars(bad)).unwrap_err().starts_with("total: "),
                "{bad}"
            );
        }
        assert_eq!(time("at", Some(0)), Ok(Some(Timestamp::from_millis(0))));
        for bad in [-1, TIME_MAX_MS + 1, i64::MIN, i64::MAX] {
            assert!(time("at", Some(bad)).unwrap_err().starts_with("at "), "{bad}");
        }
    }

    #[test]
    fn only_web_pages_are_pages() {
        for good in ["https://a.example/x?y=1#z", "http://127.0.0.1:1/"] {
            assert_eq!(page_url("url", good.to_owned()).unwrap(), good);
        }
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES));
        for bad in [
            "",
            "javascript:alert(1)",
            "https://",
            "//a.example",
            "https://a b",
            "https://a\n",
            "data:,",
            &long,
        ] {
            assert!(page_url("url", bad.to_owned()).is_err(), "{bad:?}");
            assert_eq!(optional_page_url(Some(bad.to_owned())), None);
        }
    }
}
