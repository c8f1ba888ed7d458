//! The Stripe plugin's accounts and webhooks, as `cargo xtask plugins` builds it: secrets that rotate, and secrets that
//! are mistyped.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

#[path = "common/mod.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod common;

use std::path::{Path, PathBuf};

use common::{account, client};
use tillgate_application::ports::{
    AccountInput, EventBody, InvalidField, Parsed, PaymentGateway as _, Plugins as _, Secret, WebhookDecision,
    WebhookRejection, WebhookRequest,
};
use tillgate_domain::{Mode, SubscriptionChange, Timestamp};
use tillgate_egress::OriginOverrides;
use tillgate_plugin_host::{PluginHost, PluginHostOptions};

/// stripe-dotnet, src/StripeTests/Services/Events/EventUtilityTest.cs.
const SECRET: &str = "webhook_secret";
const SIGNATURE: &str = "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7";
const BODY: &[u8] = include_bytes!("../src/proof/testdata/stripe_event_test_signature.json");
const SUBSCRIPTION_UPDATED: &[u8] = include_bytes!("../benches/webhook.json");
const SIGNED_AT: i64 = 1_533_204_620_000;

fn component() -> Vec<u8> {
    let built = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/plugins"));
    let directory = std::env::var_os("TILLGATE_PLUGINS_DIR").map_or(built, PathBuf::from);
    let path = directory.join("stripe.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask plugins`", path.display()))
}

fn options(directory: &Path) -> PluginHostOptions {
    let plugins = directory.join("plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    std::fs::write(plugins.join("stripe.wasm"), component()).unwrap();
    PluginHostOptions::new(plugins, OriginOverrides::none())
}

fn open(options: PluginHostOptions) -> PluginHost {
    let (host, rejected) = PluginHost::open(options, client()).unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    host
}

fn webhook(body: &[u8]) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        url: "https://pay.example/webhooks/1".to_owned(),
        query: Vec::new(),
        headers: vec![("stripe-signature".to_owned(), SIGNATURE.as_bytes().to_vec())],
        body: body.to_vec(),
        remote_ip: None,
        received_at_ms: SIGNED_AT,
    }
}

#[tokio::test]
async fn the_secret_that_proved_a_webhook_is_told_and_no_other_one_proves_it() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(options(directory.path()));
    let info = host.resolve("stripe", None).unwrap();
    let proven = |secret_index| WebhookDecision::Proven {
        secret_index,
        fetch_back: false,
    };
    let cases: [(&[&str], Option<usize>); 6] = [
        (&[SECRET], Some(0)),
        (&[SECRET, "older"], Some(0)),
        (&["newer", SECRET], Some(1)),
        (&["newer"], None),
        (&["", "webhook_secret "], None),
        (&[], None),
    ];
    for (secrets, index) in cases {
        let account = account(&info, &[("webhook_secret", secrets)], None);
        let now = Timestamp::from_millis(SIGNED_AT);
        let decided = host.authenticate_webhook(&account, &webhook(BODY), now).await.unwrap();
        if index.is_some() {
            assert_eq!(decided, proven(index));
            continue;
        }
        let WebhookDecision::Rejected { reason, message, .. } = decided else {
            panic!("{decided:?}")
        };
        assert_eq!(reason, WebhookRejection::SignatureInvalid, "{message}");
        assert!(
            secrets
                .iter()
                .all(|secret| secret.is_empty() || !message.contains(secret)),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_signed_time_is_good_for_five_minutes_and_a_forged_one_is_never_judged() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(options(directory.path()));
    let info = host.resolve("stripe", None).unwrap();
    let account = account(&info, &[("webhook_secret", &[SECRET])], None);
    let decide = async |request: &WebhookRequest, after: i64| {
        let now = Timestamp::from_millis(SIGNED_AT + after);
        match host.authenticate_webhook(&account, request, now).await.unwrap() {
            WebhookDecision::Proven { .. } => None,
            WebhookDecision::Rejected { reason, .. } => Some(reason),
            WebhookDecision::Handshake(ack) => panic!("{ack:?}"),
        }
    };
    let genuine = webhook(BODY);
    assert_eq!(decide(&genuine, 300_000).await, None);
    assert_eq!(decide(&genuine, 301_000).await, Some(WebhookRejection::TooOld));
    assert_eq!(decide(&genuine, -86_400_000).await, Some(WebhookRejection::TooNew));
    // A time that wasn't signed proves nothing, whatever it says.
    let mut forged = webhook(BODY);
    forged.headers[0].1 = SIGNATURE.replace("1533204620", "1533300000").into_bytes();
    assert_eq!(
        decide(&forged, 95_380_000).await,
        Some(WebhookRejection::SignatureInvalid)
    );
    // Each byte of the body counts.
    for at in 0..BODY.len() {
        let mut tampered = webhook(BODY);
        tampered.body[at] ^= 1;
        assert_eq!(
            decide(&tampered, 0).await,
            Some(WebhookRejection::SignatureInvalid),
            "{at}"
        );
    }
}

#[tokio::test]
async fn a_subscription_event_is_understood_without_asking_the_provider() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(options(directory.path()));
    let info = host.resolve("stripe", None).unwrap();
    let account = account(&info, &[], None);
    let parsed = host
        .parse_webhook_offline(&account, &webhook(SUBSCRIPTION_UPDATED))
        .await
        .unwrap();
    let Parsed::Receipt(receipt) = parsed else {
        panic!("{parsed:?}")
    };
    let [event] = receipt.events.as_slice() else {
        panic!("{receipt:?}")
    };
    let EventBody::Subscription { change, subscription } = &event.body else {
        panic!("{event:?}")
    };
    assert_eq!(*change, SubscriptionChange::Updated);
    assert_eq!(subscription.reference, "sub_1Bench00000000000000000001");
    assert_eq!(subscription.customer_reference.as_deref(), Some("cus_Bench000001"));
    assert_eq!(subscription.items.len(), 1);
}

#[test]
fn what_was_kept_is_compiled_again_where_it_was_changed_or_the_key_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    let cache = directory.path().join("cache");
    options.cache_directory = Some(cache.clone());
    options.cache_key = [3; 32];
    assert_eq!(open(options.clone()).compiled(), 1);
    assert_eq!(open(options.clone()).compiled(), 0);

    let kept: Vec<PathBuf> = std::fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [artifact] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    let whole = std::fs::read(artifact).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for wrong in [changed.as_slice(), &whole[..whole.len() / 2], &whole[..7], b""] {
        std::fs::write(artifact, wrong).unwrap();
        assert_eq!(open(options.clone()).compiled(), 1, "{} bytes", wrong.len());
        assert_eq!(open(options.clone()).compiled(), 0, "and kept again");
    }
    options.cache_key = [4; 32];
    assert_eq!(open(options.clone()).compiled(), 1);
    assert_eq!(open(options).compiled(), 0);
}

/// What is wrong with these secrets of a test tenant.
fn wrong(host: &PluginHost, mode: Mode, secrets: &[(&str, &str)], complete: bool) -> Vec<InvalidField> {
    let secrets: Vec<(String, Secret)> = secrets
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Secret::new((*text).to_owned())))
        .collect();
    let input = AccountInput {
        mode,
        settings: &[],
        endpoint_overrides: &[],
        secrets: &secrets,
        complete,
    };
    host.check_account(&host.resolve("stripe", None).unwrap().digest, &input)
}

#[test]
fn a_mistyped_secret_is_refused_by_its_name_and_never_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(options(directory.path()));
    let cases = [
        (Mode::Test, "api_key", "", "blank"),
        (Mode::Test, "api_key", " \t\n", "blank"),
        (Mode::Test, "api_key", " sk_test_CANARY", "white space"),
        (Mode::Test, "api_key", "sk_test_CANARY\n", "white space"),
        (Mode::Test, "api_key", "sk_test_CAN\0ARY", "control characters"),
        (Mode::Test, "api_key", "sk_live_CANARY", "sk_test_ or rk_test_"),
        (Mode::Live, "api_key", "sk_test_CANARY", "sk_live_ or rk_live_"),
        (Mode::Test, "api_key", "pk_test_CANARY", "sk_test_ or rk_test_"),
        (Mode::Test, "api_key", "sk_test_", "more than its prefix"),
        (Mode::Test, "webhook_secret", "CANARY", "whsec_"),
        (Mode::Test, "password", "CANARY", "api_key, webhook_secret"),
    ];
    for (mode, name, text, told) in cases {
        let fields = wrong(&host, mode, &[(name, text)], false);
        let [field] = fields.as_slice() else {
            panic!("{name} {told}: {fields:?}")
        };
        assert_eq!(field.field, format!("secrets.{name}"));
        assert!(field.message.contains(told), "{told}: {field:?}");
        assert!(!field.message.contains("CANARY"), "{field:?}");
    }
}

#[test]
fn a_good_account_has_nothing_wrong_and_a_missing_key_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(options(directory.path()));
    let good = [("api_key", "rk_test_1"), ("webhook_secret", "whsec_1")];
    assert_eq!(wrong(&host, Mode::Test, &good, true), []);
    assert_eq!(wrong(&host, Mode::Test, &good[1..], false), []);
    let missed = wrong(&host, Mode::Test, &good[1..], true);
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].field, "secrets.api_key");
    assert!(missed[0].message.contains("required"), "{missed:?}");
}
