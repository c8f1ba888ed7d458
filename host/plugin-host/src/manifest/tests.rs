use tillgate_domain::Mode;

use super::behavior::Quantity;
use super::*;

const CONTRACTS: &[&str] = &["0.1"];

const GOOD: &str = r#"
contract = "0.1"

[plugin]
name = "testpay"
version = "0.1.0"
title = "Testpay"
description = "Pays tests."

[endpoints.api]
host = "{prefix}-api.testpay.example"
path-prefix = "/v1"
port = 8443

[secrets.api_key]
description = "key"
required = true
prefixes = { live = ["live_"], test = ["test_"] }

[credentials.api_key]
scheme = "bearer"
secret = "api_key"
endpoints = ["api"]

[settings.prefix]
type = "string"
description = "prefix"
required = true
pattern = "[a-z0-9]{1,20}"

[behavior]
ordering = "snapshot"
idempotency = "full"
cancel-modes = ["immediate", "at-period-end"]

[limits]
fuel = 1000
memory = 65536
"#;

fn error_of(text: &str) -> String {
    match Manifest::parse(text.as_bytes(), CONTRACTS).unwrap_err() {
        ManifestError::Invalid(error) => error,
        ManifestError::Contract(contract) => panic!("contract {contract}"),
    }
}

#[test]
fn a_sound_manifest_is_read() {
    let manifest = Manifest::parse(GOOD.as_bytes(), CONTRACTS).unwrap();
    assert_eq!(manifest.plugin.name, "testpay");
    assert_eq!((manifest.limits.fuel, manifest.limits.memory), (1000, 65536));
    assert_eq!(manifest.behavior.coverage, Coverage::Body);
    assert_eq!(manifest.behavior.quantity, Quantity::None);
    let secret = &manifest.secrets["api_key"];
    assert_eq!(secret.prefixes.get(Mode::Live), &["live_"]);
    assert_eq!(secret.prefixes.get(Mode::Test), &["test_"]);
    let without_limits = GOOD.split("[limits]").next().unwrap();
    let manifest = Manifest::parse(without_limits.as_bytes(), CONTRACTS).unwrap();
    assert_eq!(
        (manifest.limits.fuel, manifest.limits.memory),
        (STEP_FUEL, MEMORY_BYTES)
    );
}

#[test]
fn each_wrong_key_is_named() {
    let key = "scheme = \"bearer\"\nsecret = \"api_key\"";
    for (from, to, named) in [
        ("name = \"testpay\"", "name = \"Test Pay\"", "plugin.name: \"Test Pay\""),
        ("name = \"testpay\"", "name = \"9pay\"", "plugin.name"),
        ("version = \"0.1.0\"", "version = \"one\"", "plugin.version: \"one\""),
        ("version = \"0.1.0\"", "version = \"1.0\"", "plugin.version"),
        (
            "title = \"Testpay\"",
            "titel = \"Testpay\"",
            "plugin.titel: unknown field",
        ),
        ("title = \"Testpay\"", "title = \" \"", "plugin.title"),
        ("title = \"Testpay\"", "title = \"a\\u001b[31m\"", "plugin.title"),
        ("title = \"Testpay\"\n", "", "plugin: missing field `title`"),
        ("[endpoints.api]", "[endpoints.API]", "endpoints.API"),
        ("path-prefix", "path", "endpoints.api.path: unknown field"),
        ("\"/v1\"", "\"/../v1\"", "endpoints.api: the path prefix"),
        ("port = 8443", "port = 70000", "endpoints.api.port"),
        ("port = 8443", "port = 0", "endpoints.api: the port"),
        (
            "{prefix}-api.testpay.example",
            "{other}.testpay.example",
            "endpoints.api.host: {other}",
        ),
        (
            "{prefix}-api.testpay.example",
            "{prefix}.example",
            "endpoints.api.host: a setting can't be",
        ),
        (
            "{prefix}-api.testpay.example",
            "api.{prefix}",
            "endpoints.api.host: a setting can't be",
        ),
        (
            "{prefix}-api.testpay.example",
            "{prefix-api.testpay.example",
            "{ without }",
        ),
        ("{prefix}-api.testpay.example", "127.0.0.1", "endpoints.api: the host"),
        ("{prefix}-api.testpay.example", "localhost", "endpoints.api: the host"),
        (
            "\"{prefix}-api.testpay.example\"",
            "{ live = \"a.example\" }",
            "endpoints.api.host",
        ),
        (
            "{ live = [\"live_\"], test = [\"test_\"] }",
            "[\"\"]",
            "secrets.api_key.prefixes",
        ),
        (
            "{ live = [\"live_\"], test = [\"test_\"] }",
            "{ live = [], prod = [] }",
            "secrets.api_key.prefixes",
        ),
        (
            "description = \"key\"\n",
            "",
            "secrets.api_key: missing field `description`",
        ),
        (
            "scheme = \"bearer\"",
            "scheme = \"magic\"",
            "credentials.api_key.scheme: unknown variant `magic`",
        ),
        (
            "endpoints = [\"api\"]",
            "endpoints = [\"other\"]",
            "credentials.api_key.endpoints: \"other\"",
        ),
        (
            "endpoints = [\"api\"]",
            "endpoints = []",
            "credentials.api_key.endpoints",
        ),
        (
            "secret = \"api_key\"",
            "secret = \"nothing\"",
            "credentials.api_key.secret: \"nothing\"",
        ),
        (
            key,
            "scheme = \"basic\"\nsecret = \"api_key\"",
            "credentials.api_key.username",
        ),
        (
            key,
            "scheme = \"basic\"\nusername = \"a:b\"",
            "credentials.api_key.username",
        ),
        (
            key,
            "scheme = \"header\"\nname = \"Host\"\nsecret = \"api_key\"",
            "credentials.api_key.name: \"Host\"",
        ),
        (
            key,
            "scheme = \"header\"\nname = \"a b\"\nsecret = \"api_key\"",
            "credentials.api_key.name: \"a b\"",
        ),
        (
            key,
            "scheme = \"query\"\nname = \"\"\nsecret = \"api_key\"",
            "credentials.api_key.name",
        ),
        (
            "pattern = \"[a-z0-9]{1,20}\"",
            "",
            "endpoints.api.host: {prefix} must be a required setting",
        ),
        ("[a-z0-9]{1,20}", "(a|b)", "settings.prefix.pattern"),
        (
            "type = \"string\"",
            "type = \"text\"",
            "settings.prefix.type: unknown variant `text`",
        ),
        (
            "ordering = \"snapshot\"",
            "ordering = \"never\"",
            "behavior.ordering: unknown variant `never`",
        ),
        ("idempotency = \"full\"\n", "", "behavior: missing field `idempotency`"),
        (
            "\"at-period-end\"",
            "\"later\"",
            "behavior.cancel-modes[1]: unknown variant `later`",
        ),
        ("fuel = 1000", "fuel = 0", "limits.fuel"),
        ("fuel = 1000", "fuel = \"much\"", "limits.fuel"),
        ("memory = 65536", "memory = 0", "limits.memory"),
        ("[limits]", "[more]\nx = 1\n[limits]", "more: unknown field"),
        ("contract = \"0.1\"", "contract = 1", "contract"),
        ("contract = \"0.1\"\n", "", "missing field `contract`"),
        ("[plugin]", "[plugin", "line 4"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = error_of(&GOOD.replacen(from, to, 1));
        assert!(error.contains(named), "{to}: {error:?} names no {named:?}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn only_one_setting_is_the_account_reference() {
    let more = "[settings.a]\ntype = \"string\"\ndescription = \"\"\naccount-reference = true\n\
        [settings.b]\ntype = \"string\"\ndescription = \"\"\naccount-reference = true\n[behavior]";
    let error = error_of(&GOOD.replace("[behavior]", more));
    assert_eq!(error, "settings.b.account-reference: settings.a is it already");
}

#[test]
fn a_contract_is_judged_before_its_keys() {
    let text = GOOD.replace("contract = \"0.1\"", "contract = \"0.2\"\nnovelty = true");
    let error = Manifest::parse(text.as_bytes(), CONTRACTS).unwrap_err();
    assert_eq!(error, ManifestError::Contract("0.2".to_owned()));
    assert!(error_of(std::str::from_utf8(b"\xef\xbb\xbf= ").unwrap()).contains("line 1"));
    let error = Manifest::parse(b"contract = \"\xff\"", CONTRACTS).unwrap_err();
    assert_eq!(error, ManifestError::Invalid("is not UTF-8".to_owned()));
}

#[test]
fn a_template_takes_nothing_that_would_leave_its_label() {
    let manifest = Manifest::parse(GOOD.as_bytes(), CONTRACTS).unwrap();
    let endpoint = &manifest.endpoints["api"];
    let with = |value: &str| endpoint.resolve(Mode::Live, |_| Some(value.to_owned()));
    assert_eq!(
        with("shop1").unwrap().to_string(),
        "https://shop1-api.testpay.example:8443/v1"
    );
    for bad in ["", "a.b", "evil.example/", "a@b", "A", "a b", "a%2e"] {
        assert!(with(bad).is_err(), "{bad}");
    }
    let missing = endpoint.resolve(Mode::Live, |_| None).unwrap_err();
    assert_eq!(missing, "setting prefix is missing");
}

#[test]
fn keys_are_made_as_the_manifest_says() {
    let secret = |key: KeyForm, prefixes: &[&str]| Secret {
        description: String::new(),
        required: true,
        prefixes: PerMode {
            live: prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
            test: Vec::new(),
        },
        key,
    };
    let key = |secret: &Secret, text: &str| secret.key_of(Mode::Live, text).map(|key| key.to_vec());
    assert_eq!(
        key(&secret(KeyForm::Utf8, &["whsec_"]), "whsec_a"),
        Some(b"whsec_a".to_vec())
    );
    assert_eq!(
        key(&secret(KeyForm::Base64, &["whsec_"]), "whsec_AQI="),
        Some(vec![1, 2])
    );
    assert_eq!(key(&secret(KeyForm::Base64, &["whsec_"]), "AQI"), Some(vec![1, 2]));
    assert_eq!(key(&secret(KeyForm::Hex, &[]), "0aff"), Some(vec![10, 255]));
    // SHA-1 of "abc", FIPS 180-2 appendix A.
    let sha1 = hex::decode("a9993e364706816aba3e25717850c26c9cd0d89d").unwrap();
    assert_eq!(key(&secret(KeyForm::Sha1, &[]), "abc"), Some(sha1));
    for form in [KeyForm::Utf8, KeyForm::Base64, KeyForm::Hex, KeyForm::Sha1] {
        assert_eq!(key(&secret(form, &[]), ""), None, "an empty key proves nothing");
    }
    assert_eq!(key(&secret(KeyForm::Base64, &["whsec_"]), "whsec_"), None);
    assert_eq!(key(&secret(KeyForm::Base64, &[]), "no base64!"), None);
    assert_eq!(key(&secret(KeyForm::Hex, &[]), "xyz"), None);
}
