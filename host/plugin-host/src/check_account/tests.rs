use tillgate_application::ports::Secret as Opened;
use tillgate_domain::Mode;

use super::*;

const MANIFEST: &str = r#"
contract = "0.1"
[plugin]
name = "testpay"
version = "0.1.0"
title = "Testpay"
[endpoints.api]
host = { live = "{prefix}-live.testpay.example", test = "test.testpay.example" }
[secrets.api_key]
description = "The key of the API."
required = true
prefixes = { live = ["live_", "l_"], test = ["test_"] }
[secrets.signing]
description = "Signs webhooks."
prefixes = ["whsec_"]
key = "base64"
[secrets.mac]
description = "Signs webhooks of old."
key = "hex"
[settings.prefix]
type = "string"
description = "Prefix of the host."
required = true
pattern = "[a-z0-9.]{1,20}"
[settings.pages]
type = "integer"
description = "How many pages."
[settings.strict]
type = "boolean"
description = "Whether to be strict."
[behavior]
ordering = "snapshot"
idempotency = "full"
"#;

struct Given<'a> {
    mode: Mode,
    secrets: &'a [(&'a str, &'a str)],
    settings: &'a [(&'a str, &'a str)],
    overrides: &'a [(&'a str, &'a str)],
    complete: bool,
}

const GOOD: Given<'static> = Given {
    mode: Mode::Live,
    secrets: &[("api_key", "live_1"), ("signing", "whsec_MfKQ9r8G"), ("mac", "0a0b")],
    settings: &[("prefix", "shop1"), ("pages", "-3"), ("strict", "true")],
    overrides: &[("api", "http://127.0.0.1:12111")],
    complete: true,
};

fn check(given: &Given<'_>) -> Vec<(String, String)> {
    let fields = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let (settings, overrides) = (fields(given.settings), fields(given.overrides));
    let secrets: Vec<(String, Opened)> = fields(given.secrets)
        .into_iter()
        .map(|(name, text)| (name, Opened::new(text)))
        .collect();
    let input = AccountInput {
        mode: given.mode,
        settings: &settings,
        endpoint_overrides: &overrides,
        secrets: &secrets,
        complete: given.complete,
    };
    let manifest = Manifest::parse(MANIFEST.as_bytes(), &["0.1"]).unwrap();
    let allowed = OriginOverrides::parse(["http://127.0.0.1:12111"]).unwrap();
    check_account(&manifest, &allowed, &input)
        .into_iter()
        .map(|wrong| (wrong.field, wrong.message))
        .collect()
}

#[test]
fn a_good_account_has_nothing_wrong() {
    assert_eq!(check(&GOOD), []);
    let test = Given {
        mode: Mode::Test,
        secrets: &[("api_key", "test_1")],
        ..GOOD
    };
    assert_eq!(check(&test), []);
}

#[test]
fn secrets_are_checked_and_never_repeated() {
    for (name, text, named) in [
        ("api_key", "", "blank"),
        ("api_key", "  ", "blank"),
        ("api_key", " live_CANARY", "white space"),
        ("api_key", "live_CANARY\n", "white space"),
        ("api_key", "live_CAN\u{7}ARY", "control characters"),
        (
            "api_key",
            "test_CANARY",
            "must begin with live_ or l_ for a tenant in live mode",
        ),
        ("api_key", "CANARY", "must begin with"),
        ("api_key", "live_", "more than its prefix"),
        ("signing", "whsec_CANARY!", "base64"),
        ("mac", "CANARY", "hex"),
        ("other", "CANARY", "no such secret; it has api_key, mac, signing"),
    ] {
        let wrong = check(&Given {
            secrets: &[(name, text)],
            complete: false,
            ..GOOD
        });
        assert_eq!(wrong.len(), 1, "{text:?}: {wrong:?}");
        assert_eq!(wrong[0].0, format!("secrets.{name}"));
        assert!(wrong[0].1.contains(named), "{text:?}: {wrong:?}");
        assert!(!wrong[0].1.contains("CANARY"), "{wrong:?}");
    }
}

#[test]
fn required_secrets_are_missed_only_where_all_are_given() {
    let replaced = Given {
        secrets: &[("signing", "whsec_MfKQ9r8G")],
        complete: false,
        ..GOOD
    };
    assert_eq!(check(&replaced), []);
    let wrong = check(&Given {
        complete: true,
        ..replaced
    });
    let missing = (
        "secrets.api_key".to_owned(),
        "is required: The key of the API.".to_owned(),
    );
    assert_eq!(wrong, [missing]);
}

#[test]
fn settings_are_checked() {
    let long = "1".repeat(1025);
    for (name, value, named) in [
        ("prefix", "Shop", "must match [a-z0-9.]{1,20}"),
        ("prefix", "", "blank"),
        ("prefix", " shop", "white space"),
        ("prefix", "a.b", "they make no host for endpoint api: setting prefix"),
        ("prefix", "a\u{0}", "control characters"),
        ("pages", "many", "whole number"),
        ("pages", "1.5", "whole number"),
        ("pages", long.as_str(), "1024 bytes"),
        ("strict", "yes", "true or false"),
        ("colour", "red", "no such setting; it has pages, prefix, strict"),
    ] {
        let prefix = if name == "prefix" { value } else { "shop" };
        let wrong = check(&Given {
            settings: &[("prefix", prefix), (name, value)][usize::from(name == "prefix")..],
            ..GOOD
        });
        assert_eq!(wrong.len(), 1, "{name} {value:?}: {wrong:?}");
        assert!(wrong[0].1.contains(named), "{name} {value:?}: {wrong:?}");
    }
    let wrong = check(&Given { settings: &[], ..GOOD });
    assert_eq!(wrong[0].0, "settings.prefix");
    assert!(wrong[0].1.starts_with("is required: "), "{wrong:?}");
}

#[test]
fn only_listed_origins_take_the_place_of_known_endpoints() {
    for (name, origin, named) in [
        ("api", "http://127.0.0.1:1", "egress.origin_overrides"),
        ("api", "https://api.testpay.example", "egress.origin_overrides"),
        ("api", "nonsense", "an origin starts with"),
        ("web", "http://127.0.0.1:12111", "no such endpoint; it has api"),
    ] {
        let wrong = check(&Given {
            overrides: &[(name, origin)],
            ..GOOD
        });
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].0, format!("endpoint_overrides.{name}"));
        assert!(wrong[0].1.contains(named), "{wrong:?}");
    }
}
