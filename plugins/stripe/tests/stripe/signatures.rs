//! The signature rule against known signatures, and against what Stripe's own libraries accept.

use serde_json::Value;
use tillgate_plugin_sdk::Webhooks;
use tillgate_plugin_sdk::testing::{self, Unproven, establish};
use tillgate_plugin_sdk::webhooks::{Authentication, Hash, RejectionReason};
use tillgate_plugin_stripe::Stripe;

const VECTOR_BODY: &[u8] = include_bytes!("../data/event_test_signature.json");

/// How a request fared with plugin and host together.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Missing,
    Malformed,
    NotAWebhook,
    Unproven(Unproven),
}

fn verdict(headers: &[(&str, &[u8])], body: &[u8], secret: &str, now_seconds: i64) -> Verdict {
    let request = testing::webhook(headers, body);
    match Stripe::authenticate(&testing::call(), &request) {
        Authentication::Prove(plan) => {
            let secrets = [("webhook_secret", secret.as_bytes())];
            match establish(&plan, body, &secrets, now_seconds * 1000) {
                Ok(()) => Verdict::Accepted,
                Err(why) => Verdict::Unproven(why),
            }
        }
        Authentication::Rejected(rejection) => match rejection.reason {
            RejectionReason::SignatureMissing => Verdict::Missing,
            RejectionReason::SignatureMalformed => Verdict::Malformed,
            RejectionReason::NotAWebhook => Verdict::NotAWebhook,
        },
        Authentication::Handshake(_) => panic!("Stripe makes no handshakes"),
    }
}

fn signed(header: &[u8], body: &[u8], secret: &str, now_seconds: i64) -> Verdict {
    verdict(&[("Stripe-Signature", header)], body, secret, now_seconds)
}

#[test]
fn the_static_vectors_hold() {
    let file: Value = serde_json::from_str(include_str!("../data/signature_vectors.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let header = case["header"].as_str().unwrap().as_bytes();
        let secret = case["secret"].as_str().unwrap_or("webhook_secret");
        let now = case["now"].as_i64().unwrap_or(1_533_204_620);
        let expected = match case["expect"].as_str().unwrap() {
            "ok" => Verdict::Accepted,
            "reject-timestamp" => Verdict::Unproven(Unproven::TooOld),
            // PHP and .NET refuse the future as we do; Node, Python, Ruby and Go don't look.
            "sdk-dependent" => Verdict::Unproven(Unproven::TooNew),
            "reject-no-v1" | "reject-malformed" => Verdict::Malformed,
            other => panic!("{other}"),
        };
        assert_eq!(signed(header, VECTOR_BODY, secret, now), expected, "{case}");
    }
}

const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
const SECRET: &str = "whsec_test";
const T: i64 = 1_700_000_000;

fn v1(time_text: &str, body: &[u8]) -> String {
    let message = [time_text.as_bytes(), b".", body].concat();
    testing::hex(&testing::sign(Hash::Sha256, SECRET.as_bytes(), &message))
}

/// What the Node and the Python library say to a case.
fn libraries(case: &str) -> [bool; 2] {
    let file: Value = serde_json::from_str(include_str!("../data/sdk_edge_behaviour.json")).expect("a JSON file");
    let said = |library: &str| file["cases"][case][library].as_str().map(|word| word == "ACCEPT");
    ["node", "python"].map(|library| said(library).expect(case))
}

#[test]
fn where_the_libraries_agree_so_do_we() {
    let good = v1("1700000000", BODY);
    let bad = "0".repeat(64);
    let header = |text: String| signed(text.as_bytes(), BODY, SECRET, T);
    let plain = format!("t={T},v1={good}");
    let at = |now| signed(plain.as_bytes(), BODY, SECRET, now);
    let cases = [
        ("valid", header(plain.clone())),
        ("two v1 (good last)", header(format!("t={T},v1={bad},v1={good}"))),
        ("v1 good + v0", header(format!("t={T},v1={good},v0={bad}"))),
        ("only v0", header(format!("t={T},v0={good}"))),
        ("order v1 first", header(format!("v1={good},t={T}"))),
        ("age 300", at(T + 300)),
        ("age 301", at(T + 301)),
        ("t empty", header(format!("t=,v1={good}"))),
        ("trailing comma", header(format!("t={T},v1={good},"))),
        ("unknown key no =", header(format!("t={T},v1={good},scheme"))),
        ("t=0T", header(format!("t=0{T},v1={}", v1("01700000000", BODY)))),
    ];
    for (case, ours) in cases {
        // Node and Python render the time anew or not; a zero in front is signed as it came by whoever sends it.
        assert_eq!([ours == Verdict::Accepted; 2], libraries(case), "{case}: {ours:?}");
    }
}

/// Where we differ from both or either of the libraries, and why:
///
/// - Spaces around items and upper-case hex are accepted: they change nothing about what is proven (PHP, .NET and Ruby
///   trim; Go decodes hex).
/// - A second `t`, or one that isn't plain digits, is refused: which time was signed must not depend on who reads.
/// - More after a second `=` in a signature is refused: it is no hex.
/// - The future is refused as the past is (PHP and .NET do so).
/// - The body is bytes: a byte order mark or invalid UTF-8 that was signed is proven; what it says is another matter.
/// - A tolerance of nothing can't be configured, and blank secrets are the host's to refuse.
#[test]
fn where_we_differ_it_is_on_purpose() {
    let good = v1("1700000000", BODY);
    let header = |text: String| signed(text.as_bytes(), BODY, SECRET, T);
    let malformed = |text: String| assert_eq!(header(text.clone()), Verdict::Malformed, "{text}");

    assert_eq!(libraries("space after comma"), [false, false]);
    assert_eq!(header(format!("t={T}, v1={good}")), Verdict::Accepted);
    assert_eq!(libraries("space around all"), [false, false]);
    assert_eq!(header(format!(" \tt={T} , v1={good} ")), Verdict::Accepted);
    assert_eq!(libraries("v1 uppercase hex"), [false, false]);
    let upper = good.to_ascii_uppercase();
    assert_eq!(header(format!("t={T},v1={upper}")), Verdict::Accepted);

    assert_eq!(libraries("dup t: good first, bad last"), [false, true]);
    malformed(format!("t={T},t=1,v1={good}"));
    assert_eq!(libraries("dup t: bad first, good last"), [true, false]);
    malformed(format!("t=1,t={T},v1={good}"));
    assert_eq!(libraries("t=<T>abc"), [true, false]);
    malformed(format!("t={T}abc,v1={}", v1("1700000000abc", BODY)));
    assert_eq!(libraries("t=+T"), [true, true]);
    malformed(format!("t=+{T},v1={good}"));
    assert_eq!(libraries("t float"), [true, false]);
    malformed(format!("t={T}.5,v1={good}"));
    malformed(format!("t=1{},v1={good}", "0".repeat(12)));
    malformed(format!("t=-1,v1={good}"));
    assert_eq!(libraries("v1=<sig>=extra"), [true, true]);
    malformed(format!("t={T},v1={good}=extra"));

    let plain = format!("t={T},v1={good}");
    let at = |now| signed(plain.as_bytes(), BODY, SECRET, now);
    assert_eq!(libraries("future 301"), [true, true]);
    assert_eq!(at(T - 300), Verdict::Accepted);
    assert_eq!(at(T - 301), Verdict::Unproven(Unproven::TooNew));
    assert_eq!(libraries("future 1 day"), [true, true]);
    assert_eq!(at(T - 86_400), Verdict::Unproven(Unproven::TooNew));
    assert_eq!(libraries("tolerance 0, very old"), [true, true]);
    assert_eq!(at(T + 86_400), Verdict::Unproven(Unproven::TooOld));

    for (case, body, said) in [
        ("BOM body", b"\xef\xbb\xbf{}".as_slice(), [false, true]),
        ("invalid utf8 body", b"{\"a\":\"\xff\"}".as_slice(), [false, false]),
    ] {
        assert_eq!(libraries(case), said);
        let header = format!("t={T},v1={}", v1("1700000000", body));
        assert_eq!(signed(header.as_bytes(), body, SECRET, T), Verdict::Accepted, "{case}");
    }
    assert_eq!(libraries("secret trailing newline"), [false, false]);
    let newline = signed(plain.as_bytes(), BODY, "whsec_test\n", T);
    assert_eq!(newline, Verdict::Unproven(Unproven::Mismatch));
}

#[test]
fn one_header_is_needed_and_no_more() {
    let good = format!("t={T},v1={}", v1("1700000000", BODY));
    let header = good.as_bytes();
    assert_eq!(verdict(&[], BODY, SECRET, T), Verdict::Missing);
    let other = [("x-signature", header)];
    assert_eq!(verdict(&other, BODY, SECRET, T), Verdict::Missing);
    let twice = [("stripe-signature", header), ("Stripe-Signature", header)];
    assert_eq!(verdict(&twice, BODY, SECRET, T), Verdict::Malformed);
    assert_eq!(signed(b"\xff\xfe", BODY, SECRET, T), Verdict::Malformed);
}

#[test]
fn another_body_time_or_secret_proves_nothing() {
    let good = format!("t={T},v1={}", v1("1700000000", BODY));
    let mismatch = Verdict::Unproven(Unproven::Mismatch);
    assert_eq!(signed(good.as_bytes(), b"{}", SECRET, T), mismatch);
    assert_eq!(signed(good.as_bytes(), BODY, "whsec_other", T), mismatch);
    let shifted = good.replace("t=1700000000", "t=1700000001");
    assert_eq!(signed(shifted.as_bytes(), BODY, SECRET, T), mismatch);
}

#[test]
fn only_posts_are_webhooks() {
    let mut request = testing::webhook(&[("stripe-signature", b"t=1,v1=x")], BODY);
    request.method = "GET".to_owned();
    let Authentication::Rejected(rejection) = Stripe::authenticate(&testing::call(), &request) else {
        panic!("it was not refused");
    };
    assert_eq!(rejection.reason, RejectionReason::NotAWebhook);
}

proptest::proptest! {
    #[test]
    fn no_header_makes_it_panic(header in proptest::collection::vec(0_u8..=255, 0..200), tail in "[tv01=,a-f0-9 ]{0,90}") {
        _ = signed(&header, BODY, SECRET, T);
        _ = signed(tail.as_bytes(), BODY, SECRET, T);
    }

    #[test]
    fn what_is_signed_now_is_accepted(body in proptest::collection::vec(0_u8..=255, 0..200), at in 0_i64..99_999_999_999) {
        let header = format!("t={at},v1={}", v1(&at.to_string(), &body));
        proptest::prop_assert_eq!(signed(header.as_bytes(), &body, SECRET, at), Verdict::Accepted);
    }
}
