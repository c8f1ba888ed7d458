use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tillgate_application::account::ProviderAccount;
use tillgate_application::ports::Secret;
use tillgate_domain::{Mode, ProviderAccountId, TenantId};

use super::*;

/// A manifest with these secrets, each `name = key form`.
fn manifest(secrets: &[(&str, &str, &str)], coverage: &str) -> Manifest {
    let mut text = format!(
        "contract = \"0.1\"\n[plugin]\nname = \"testpay\"\nversion = \"0.1.0\"\ntitle = \"Testpay\"\n\
         [behavior]\nordering = \"snapshot\"\nidempotency = \"full\"\ncoverage = \"{coverage}\"\n"
    );
    for (name, key, prefixes) in secrets {
        text += &format!("[secrets.{name}]\ndescription = \"\"\nkey = \"{key}\"\nprefixes = [{prefixes}]\n");
    }
    Manifest::parse(text.as_bytes(), &["0.1"]).unwrap()
}

fn account(secrets: &[(&str, &[&str])]) -> ConnectedAccount {
    let now = Timestamp::from_millis(0);
    let opened = |texts: &[&str]| texts.iter().map(|text| Secret::new((*text).to_owned())).collect();
    ConnectedAccount {
        account: ProviderAccount {
            id: ProviderAccountId::from_bits(1),
            tenant_id: TenantId::from_bits(2),
            name: "main".to_owned(),
            plugin: "testpay".to_owned(),
            plugin_version: "0.1.0".to_owned(),
            plugin_digest: "d1".to_owned(),
            is_default: true,
            settings: Vec::new(),
            endpoint_overrides: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        },
        mode: Mode::Live,
        webhook_url: "https://pay.example/webhooks/1".to_owned(),
        secrets: secrets
            .iter()
            .map(|(name, texts)| ((*name).to_owned(), opened(texts)))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn literal(text: &str) -> Part {
    Part::Literal(text.as_bytes().to_vec())
}

fn signed(scheme: Scheme, secret: &str, message: Vec<Part>, signatures: &[&[u8]]) -> Proof {
    Proof::Signed {
        scheme,
        secret: secret.to_owned(),
        message,
        signatures: signatures.iter().map(|signature| signature.to_vec()).collect(),
    }
}

fn plan(proofs: Vec<Proof>) -> Plan {
    Plan {
        proofs,
        ..Plan::default()
    }
}

fn hex_of(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

struct Case {
    manifest: Manifest,
    account: ConnectedAccount,
    body: Vec<u8>,
    now: i64,
}

impl Case {
    fn judge(&self, plan: Plan) -> Result<WebhookDecision, InvalidPlan> {
        let judge = Judge {
            manifest: &self.manifest,
            account: &self.account,
            body: &self.body,
            now: Timestamp::from_millis(self.now),
        };
        judge.judge(plan)
    }

    fn reason(&self, plan: Plan) -> Option<WebhookRejection> {
        match self.judge(plan).unwrap() {
            WebhookDecision::Rejected { reason, .. } => Some(reason),
            _ => None,
        }
    }

    fn index(&self, plan: Plan) -> Option<usize> {
        match self.judge(plan).unwrap() {
            WebhookDecision::Proven { secret_index, .. } => secret_index,
            other => panic!("{other:?}"),
        }
    }
}

/// stripe-dotnet, src/StripeTests/Services/Events/EventUtilityTest.cs and Resources/event_test_signature.json.
fn stripe() -> (Case, Vec<u8>) {
    let body = include_str!("testdata/stripe_event_test_signature.json");
    let signature = hex_of("2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7");
    let case = Case {
        manifest: manifest(&[("webhook_secret", "utf8", "")], "body"),
        account: account(&[("webhook_secret", &["webhook_secret"])]),
        body: body.as_bytes().to_vec(),
        now: 1_533_204_720_000,
    };
    (case, signature)
}

fn stripe_plan(signatures: &[&[u8]]) -> Plan {
    let message = vec![literal("1533204620."), Part::Body];
    Plan {
        proofs: vec![signed(Scheme::HmacSha256, "webhook_secret", message, signatures)],
        signed_time: Some(SignedTime {
            at: 1_533_204_620_000,
            tolerance_past: 300_000,
            tolerance_future: 300_000,
        }),
        on_failure: None,
    }
}

#[test]
fn a_stripe_signature_of_its_own_tests_is_proven() {
    let (case, signature) = stripe();
    let proven = WebhookDecision::Proven {
        secret_index: Some(0),
        fetch_back: false,
    };
    assert_eq!(case.judge(stripe_plan(&[&signature])), Ok(proven.clone()));
    // While a secret is rolled there are several signatures, and one of them has to be right.
    assert_eq!(case.judge(stripe_plan(&[b"potato", &signature])), Ok(proven));
}

#[test]
fn a_changed_body_signature_time_or_secret_proves_nothing() {
    let (mut case, signature) = stripe();
    let invalid = Some(WebhookRejection::SignatureInvalid);
    for byte in 0..signature.len() {
        let mut changed = signature.clone();
        changed[byte] ^= 1;
        assert_eq!(case.reason(stripe_plan(&[&changed])), invalid);
    }
    assert_eq!(
        case.reason(stripe_plan(&[&signature[..31]])),
        invalid,
        "no part of it is enough"
    );
    assert_eq!(case.reason(stripe_plan(&[&[]])), invalid);
    assert_eq!(case.reason(stripe_plan(&[])), invalid);
    let mut other_time = stripe_plan(&[&signature]);
    other_time.proofs = vec![signed(
        Scheme::HmacSha256,
        "webhook_secret",
        vec![literal("1533204621."), Part::Body],
        &[&signature],
    )];
    assert_eq!(case.reason(other_time), invalid);
    case.body.push(b' ');
    assert_eq!(case.reason(stripe_plan(&[&signature])), invalid, "one space more");
    case.body.pop();
    case.account = account(&[("webhook_secret", &["webhook_secreT"])]);
    assert_eq!(case.reason(stripe_plan(&[&signature])), invalid);
}

#[test]
fn each_active_secret_is_tried_newest_first() {
    let (mut case, signature) = stripe();
    case.account = account(&[("webhook_secret", &["newer", "webhook_secret", "older"])]);
    assert_eq!(case.index(stripe_plan(&[&signature])), Some(1));
    case.account = account(&[("webhook_secret", &["newer", "older"])]);
    let WebhookDecision::Rejected { message, .. } = case.judge(stripe_plan(&[&signature])).unwrap() else {
        panic!("it isn't proven");
    };
    assert!(message.contains("2 active webhook_secrets"), "{message}");
    for none in [account(&[]), account(&[("webhook_secret", &[])])] {
        case.account = none;
        let WebhookDecision::Rejected { message, .. } = case.judge(stripe_plan(&[&signature])).unwrap() else {
            panic!("it isn't proven");
        };
        assert!(message.contains("no webhook_secret yet"), "{message}");
    }
}

#[test]
fn an_empty_secret_proves_nothing() {
    let (mut case, _) = stripe();
    case.account = account(&[("webhook_secret", &["", "   "])]);
    // What an HMAC under the empty key would be.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"").unwrap();
    mac.update(b"1533204620.");
    mac.update(&case.body);
    let signature = mac.finalize().into_bytes();
    assert_eq!(
        case.reason(stripe_plan(&[&signature])),
        Some(WebhookRejection::SignatureInvalid)
    );
}

#[test]
fn a_signed_time_is_judged_in_both_directions_after_the_proof() {
    let (mut case, signature) = stripe();
    let signed_at = 1_533_204_620_000;
    for (now, reason) in [
        (signed_at, None),
        (signed_at + 300_000, None),
        (signed_at + 300_001, Some(WebhookRejection::TooOld)),
        (signed_at - 300_000, None),
        (signed_at - 300_001, Some(WebhookRejection::TooNew)),
        (i64::MAX, Some(WebhookRejection::TooOld)),
        (i64::MIN, Some(WebhookRejection::TooNew)),
    ] {
        case.now = now;
        assert_eq!(case.reason(stripe_plan(&[&signature])), reason, "{now}");
        let invalid = Some(WebhookRejection::SignatureInvalid);
        assert_eq!(case.reason(stripe_plan(&[b"wrong"])), invalid, "the proof comes first");
    }
    let day = 24 * 60 * 60 * 1000;
    let mut generous = stripe_plan(&[&signature]);
    generous.signed_time = Some(SignedTime {
        at: signed_at,
        tolerance_past: u64::MAX,
        tolerance_future: u64::MAX,
    });
    case.now = signed_at + day;
    assert_eq!(case.reason(generous.clone()), None);
    case.now = signed_at + day + 1;
    assert_eq!(
        case.reason(generous.clone()),
        Some(WebhookRejection::TooOld),
        "a day at most"
    );
    generous.signed_time = Some(SignedTime {
        at: i64::MIN,
        tolerance_past: 0,
        tolerance_future: 0,
    });
    assert_eq!(case.reason(generous), Some(WebhookRejection::TooOld));
}

/// standard-webhooks, libraries/javascript/src/webhook.test.ts.
#[test]
fn a_standard_webhook_is_proven() {
    let case = Case {
        manifest: manifest(&[("secret", "base64", "\"whsec_\"")], "body"),
        account: account(&[("secret", &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]),
        body: b"{\"test\": 2432232314}".to_vec(),
        now: 0,
    };
    let message = || vec![literal("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."), Part::Body];
    let right = STANDARD.decode("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=").unwrap();
    let decoy = STANDARD.decode("Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=").unwrap();
    let proof = |signatures: &[&[u8]]| plan(vec![signed(Scheme::HmacSha256, "secret", message(), signatures)]);
    assert_eq!(case.index(proof(&[&decoy, &right])), Some(0));
    assert_eq!(case.reason(proof(&[&decoy])), Some(WebhookRejection::SignatureInvalid));
}

/// svix-webhooks, server/svix-server/src/worker.rs, `test_asymmetric_key_signing`.
#[test]
fn an_ed25519_signature_is_proven() {
    let mut case = Case {
        manifest: manifest(&[("public_key", "base64", "\"whpk_\"")], "body"),
        account: account(&[("public_key", &["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="])]),
        body: b"{\"test\": 2432232314}".to_vec(),
        now: 0,
    };
    let right = STANDARD
        .decode("hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")
        .unwrap();
    let message = || vec![literal("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."), Part::Body];
    let proof = |signatures: &[&[u8]]| plan(vec![signed(Scheme::Ed25519, "public_key", message(), signatures)]);
    let invalid = Some(WebhookRejection::SignatureInvalid);
    assert_eq!(case.index(proof(&[b"short", &right])), Some(0));
    let mut changed = right.clone();
    changed[0] ^= 1;
    assert_eq!(case.reason(proof(&[&changed])), invalid);
    case.body.push(b' ');
    assert_eq!(case.reason(proof(&[&right])), invalid);
    case.account = account(&[("public_key", &["whpk_AAAA"])]);
    assert_eq!(case.reason(proof(&[&right])), invalid, "a key of another length");
    // A key of small order, under which the zero signature is right unless it is verified strictly.
    case.account = account(&[("public_key", &["whpk_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])]);
    let mut zero = [0_u8; 64];
    zero[0] = 1;
    assert_eq!(case.reason(proof(&[&zero])), invalid);
}

/// RFC 2202 (test case 2) and RFC 4231 (test case 2): key "Jefe".
#[test]
fn each_hash_is_that_of_its_rfc() {
    let case = Case {
        manifest: manifest(&[("secret", "utf8", "")], "body"),
        account: account(&[("secret", &["Jefe"])]),
        body: b"what do ya want for nothing?".to_vec(),
        now: 0,
    };
    for (scheme, expected) in [
        (Scheme::HmacSha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            Scheme::HmacSha256,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            Scheme::HmacSha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ] {
        let proof = signed(scheme, "secret", vec![Part::Body], &[&hex_of(expected)]);
        assert_eq!(case.index(plan(vec![proof])), Some(0), "{scheme:?}");
    }
}

#[test]
fn a_plan_has_to_cover_the_body_or_ask_back() {
    let (mut case, signature) = stripe();
    let bodiless = || signed(Scheme::HmacSha256, "webhook_secret", vec![literal("x")], &[&signature]);
    let covering = || stripe_plan(&[&signature]).proofs.remove(0);
    let basic = || Proof::Basic {
        secret: "webhook_secret".to_owned(),
        credentials: b"webhook_secret".to_vec(),
    };
    assert!(case.judge(plan(Vec::new())).unwrap_err().contains("0 proofs"));
    for proofs in [
        vec![bodiless()],
        vec![covering(), bodiless()],
        vec![basic(), bodiless()],
    ] {
        let error = case.judge(plan(proofs)).unwrap_err();
        assert!(error.contains("doesn't hold the body"), "{error}");
    }
    let many = vec![Proof::FetchBack; PROOFS_MAX + 1];
    assert!(case.judge(plan(many)).is_err());
    let unknown = signed(Scheme::HmacSha256, "other", vec![Part::Body], &[]);
    assert!(case.judge(plan(vec![unknown])).unwrap_err().contains("\"other\""));
    // By its CRC-32, or beside asking the provider.
    let crc = signed(
        Scheme::HmacSha256,
        "webhook_secret",
        vec![Part::BodyCrc32],
        &[&signature],
    );
    assert!(case.judge(plan(vec![crc])).is_ok());
    assert!(case.judge(plan(vec![bodiless(), Proof::FetchBack])).is_ok());
    // Where the manifest says so, and the operator sees it.
    case.manifest = manifest(&[("webhook_secret", "utf8", "")], "fields");
    assert!(case.judge(plan(vec![bodiless()])).is_ok());
}

#[test]
fn basic_credentials_and_asking_back() {
    let (case, _) = stripe();
    let basic = |credentials: &[u8]| Proof::Basic {
        secret: "webhook_secret".to_owned(),
        credentials: credentials.to_vec(),
    };
    assert_eq!(case.index(plan(vec![basic(b"webhook_secret")])), Some(0));
    for wrong in [&b""[..], b"webhook_secre", b"webhook_secrett", b"Webhook_secret"] {
        assert_eq!(
            case.reason(plan(vec![basic(wrong)])),
            Some(WebhookRejection::SignatureInvalid)
        );
    }
    assert_eq!(
        case.judge(plan(vec![Proof::FetchBack])),
        Ok(WebhookDecision::Proven {
            secret_index: None,
            fetch_back: true
        })
    );
}

#[test]
fn all_proofs_have_to_hold_and_a_flood_of_signatures_is_not_computed() {
    let (case, signature) = stripe();
    let right = || stripe_plan(&[&signature]).proofs.remove(0);
    let wrong = || stripe_plan(&[b"wrong"]).proofs.remove(0);
    assert_eq!(case.reason(plan(vec![right(), right()])), None);
    for proofs in [
        vec![right(), wrong()],
        vec![wrong(), right()],
        vec![Proof::FetchBack, wrong()],
    ] {
        assert_eq!(case.reason(plan(proofs)), Some(WebhookRejection::SignatureInvalid));
    }
    let mut flood = vec![&b"x"[..]; SIGNATURES_MAX];
    flood.push(&signature);
    assert_eq!(
        case.reason(stripe_plan(&flood)),
        Some(WebhookRejection::SignatureMalformed)
    );
}

#[test]
fn the_plugins_answer_comes_with_a_rejection_and_no_secret_does() {
    let (case, _) = stripe();
    let ack = Ack {
        status: 498,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let mut plan = stripe_plan(&[b"wrong"]);
    plan.on_failure = Some(ack.clone());
    let decision = case.judge(plan).unwrap();
    let text = format!("{decision:?}");
    let WebhookDecision::Rejected { ack: given, .. } = decision else {
        panic!("it isn't proven");
    };
    assert_eq!(given, Some(ack));
    // The secret's text is its name here: it must not be there as anything but the name.
    assert_eq!(text.matches("webhook_secret").count(), 1, "{text}");
}

#[test]
fn crc32_is_that_of_rfc_1952() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(b""), 0);
}
