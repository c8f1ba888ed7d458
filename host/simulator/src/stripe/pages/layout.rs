//! What all pages share: the frame, escaping, and how amounts read.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::stripe::clock::Interval;
use crate::stripe::model::catalog::Recurring;

const STYLE: &str = include_str!("style.css");

/// Nothing but our own style: what is shown comes from whoever calls the API.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// Currencies whose smallest unit is the whole
/// (<https://docs.stripe.com/currencies#zero-decimal>).
const ZERO_DECIMAL: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf",
];

/// Text that is safe between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A whole page; `title` is escaped here, `body` is HTML already.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A page that says one thing.
pub(super) fn message(
    status: StatusCode,
    badge: (&str, &str),
    title: &str,
    text: &str,
    link: Option<(&str, &str)>,
) -> Response {
    let link = link.map_or_else(String::new, |(url, label)| {
        format!("<a class=\"button\" href=\"{}\">{}</a>", escape(url), escape(label))
    });
    let body = format!(
        "<main class=\"state\"><div class=\"panel\"><span class=\"badge {}\">{}</span><h1>{}</h1><p class=\"soft\">{}</p>{link}</div></main>",
        badge.0,
        escape(badge.1),
        escape(title),
        escape(text),
    );
    page(status, title, &body)
}

/// Sends a browser somewhere with a `GET`.
pub(super) fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        Err(_) => message(
            StatusCode::OK,
            ("good", "Done"),
            "Done",
            "The address to return to cannot be followed.",
            None,
        ),
    }
}

/// An amount for people, e.g. `$1,234.50` or `1,500 JPY`.
pub(super) fn amount(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "−" } else { "" };
    let minor = minor.unsigned_abs();
    let number = if ZERO_DECIMAL.contains(&currency) {
        grouped(minor)
    } else {
        format!("{}.{:02}", grouped(minor / 100), minor % 100)
    };
    match currency {
        "usd" => format!("{sign}${number}"),
        "eur" => format!("{sign}€{number}"),
        "gbp" => format!("{sign}£{number}"),
        other => format!("{sign}{number} {}", other.to_ascii_uppercase()),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `per month`, `every 3 months`.
pub(super) fn cycle(recurring: Recurring) -> String {
    let name = match recurring.interval {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
        Interval::Year => "year",
    };
    if recurring.count == 1 {
        format!("per {name}")
    } else {
        format!("every {} {name}s", recurring.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_cannot_be_smuggled_in() {
        assert_eq!(escape("<b a=\"x\">'&'"), "&lt;b a=&quot;x&quot;&gt;&#39;&amp;&#39;");
    }

    #[test]
    fn amounts_read_well() {
        assert_eq!(amount(123_450, "usd"), "$1,234.50");
        assert_eq!(amount(1_500, "jpy"), "1,500 JPY");
        assert_eq!(amount(-5, "eur"), "−€0.05");
    }
}
