//! Checkout and the portal: exact requests, and what comes of their answers.

use crate::fixture::{Usual, refusal, with};
use serde_json::{Value, json};
use tillgate_plugin_sdk::checkout::{CheckoutRequest, CheckoutSession, CheckoutTarget, CheckoutType, PaymentStatus};
use tillgate_plugin_sdk::portal::PortalRequest;
use tillgate_plugin_sdk::testing::Script;
use tillgate_plugin_sdk::types::{ErrorKind, Field, GatewayError, Reached, RetryAdvice};
use tillgate_plugin_sdk::{Checkout, Portal};
use tillgate_plugin_stripe::Stripe;

const SESSIONS: &str = "/v1/checkout/sessions";

fn pair(name: &str, value: &str) -> Field {
    (name.to_owned(), value.to_owned())
}

fn request() -> CheckoutRequest {
    CheckoutRequest {
        checkout_type: CheckoutType::Subscription,
        price_reference: "price_seat".into(),
        seats: 5,
        customer_reference: Some("cus_1".into()),
        customer_email: None,
        trial_period_days: Some(14),
        success_url: "https://app/ok?s={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://app/no".into(),
        correlation_id: "tenant-1".into(),
        metadata: vec![pair("org", "o1")],
        extra: vec![],
    }
}

fn session() -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/1", "status": "open",
        "payment_status": "unpaid", "mode": "subscription", "customer": "cus_1", "subscription": null,
        "metadata": {"org": "o1", "tillgate_checkout_session": "tenant-1"}, "expires_at": 1_700_086_400,
    })
}

fn create(script: Script, request: &CheckoutRequest) -> Result<CheckoutSession, GatewayError> {
    script.run(async |ctx| <Stripe as Checkout>::create_session(ctx, request.clone()).await)
}

fn expected() -> Script {
    Script::new().expect_post(SESSIONS).keyed("key")
}

/// The captured request of Stripe's own library, without what it doesn't share with ours.
fn library_request(index: usize) -> Vec<Field> {
    let file: Value = serde_json::from_str(include_str!("../data/library_requests.json")).expect("a JSON file");
    let body = file["requests"][index]["body"].as_str().expect("a body").to_owned();
    let pairs = body.split('&').map(|field| field.split_once('=').expect("a field"));
    pairs.map(|(name, value)| pair(name, value)).collect()
}

#[test]
fn a_subscription_is_asked_for_as_stripes_library_does() {
    let mut fields = vec![];
    for (name, value) in library_request(0) {
        if name == "allow_promotion_codes" {
            continue;
        }
        fields.push((name.clone(), value));
        if let Some(map) = name.strip_suffix("[org]") {
            fields.push((format!("{map}[tillgate_checkout_session]"), "tenant-1".into()));
        }
    }
    let fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let script = expected().with_whole_form(&fields).with_account("acct_1");
    let script = script
        .with_header("Stripe-Account", "acct_1")
        .respond(200, session())
        .dated();
    let created = create(script, &request()).unwrap();
    assert_eq!(created.reference, "cs_1");
    let url = "https://checkout.stripe.com/c/1".to_owned();
    assert_eq!(created.target, CheckoutTarget::Redirect(url));
    assert_eq!(created.payment_status, PaymentStatus::Unpaid);
    assert_eq!(created.customer_reference.as_deref(), Some("cus_1"));
    assert_eq!(created.expires_at, Some(1_700_086_400_000));
    assert_eq!(created.metadata, [pair("org", "o1")]);
}

#[test]
fn one_payment_is_asked_for() {
    let request = CheckoutRequest {
        checkout_type: CheckoutType::OneTime,
        customer_reference: None,
        customer_email: Some("a+b@example.com".into()),
        trial_period_days: None,
        seats: 1,
        ..request()
    };
    let script = expected().without_header("Stripe-Account").with_whole_form(&[
        ("mode", "payment"),
        ("line_items[0][price]", "price_seat"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://app/ok?s={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://app/no"),
        ("customer_email", "a+b@example.com"),
        ("client_reference_id", "tenant-1"),
        ("metadata[org]", "o1"),
        ("metadata[tillgate_checkout_session]", "tenant-1"),
        ("payment_intent_data[metadata][org]", "o1"),
        ("payment_intent_data[metadata][tillgate_checkout_session]", "tenant-1"),
        ("customer_creation", "always"),
    ]);
    let answer = with(
        session(),
        json!({"mode": "payment", "customer": null, "payment_status": "no_payment_required"}),
    );
    let created = create(script.respond(200, answer), &request).unwrap();
    assert_eq!(created.payment_status, PaymentStatus::NoPaymentRequired);
    assert_eq!(created.customer_reference, None);
    for (name, value) in library_request(1) {
        let same = [
            "mode",
            "line_items[0][quantity]",
            "metadata[org]",
            "payment_intent_data[metadata][org]",
        ];
        if same.contains(&name.as_str()) {
            let script = expected().with_form(&name, &value).respond(200, session());
            create(script, &request).unwrap();
        }
    }
}

#[test]
fn nothing_empty_is_sent_and_a_customer_needs_no_address() {
    let request = CheckoutRequest {
        customer_email: Some("a@example.com".into()),
        trial_period_days: Some(0),
        metadata: vec![
            pair("empty", ""),
            pair("full", "1"),
            pair("tillgate_checkout_session", "forged"),
        ],
        ..request()
    };
    let script = expected()
        .with_form("customer", "cus_1")
        .without_form("customer_email")
        .without_form("customer_creation")
        .without_form("metadata[empty]")
        .with_form("metadata[full]", "1")
        .with_form("metadata[tillgate_checkout_session]", "tenant-1")
        .without_form("subscription_data[trial_period_days]")
        .without_form("payment_intent_data[metadata][full]");
    create(script.respond(200, session()), &request).unwrap();

    let nobody = CheckoutRequest {
        customer_reference: Some(String::new()),
        customer_email: None,
        ..request
    };
    let script = expected()
        .without_form("customer")
        .without_form("customer_email")
        .without_form("customer_creation");
    create(script.respond(200, session()), &nobody).unwrap();
}

#[test]
fn what_can_not_be_bought_is_refused_without_asking() {
    let refused = |request: CheckoutRequest, parameter: &str| {
        let error = create(Script::new(), &request).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.parameter.as_deref(), Some(parameter));
    };
    refused(CheckoutRequest { seats: 0, ..request() }, "seats");
    refused(
        CheckoutRequest {
            checkout_type: CheckoutType::OneTime,
            ..request()
        },
        "trial-period-days",
    );
    refused(
        CheckoutRequest {
            metadata: vec![pair("a][b", "c")],
            ..request()
        },
        "metadata",
    );
    refused(
        CheckoutRequest {
            metadata: vec![pair("", "c")],
            ..request()
        },
        "metadata",
    );
}

#[test]
fn an_answer_without_a_page_is_malformed() {
    for url in [Value::Null, json!("")] {
        let script = expected().respond(200, with(session(), json!({"url": url}))).dated();
        let error = create(script, &request()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MalformedResponse);
        assert_eq!(error.request_id.as_deref(), Some("req_1"));
        assert!(error.message.contains("cs_1"), "{error}");
    }
}

#[test]
fn an_answer_nobody_can_read_leaves_the_outcome_open() {
    for body in [
        "",
        "<html>",
        "{}",
        "[]",
        "null",
        r#"{"id":5}"#,
        r#"{"id":"cs_1","customer":7}"#,
    ] {
        let script = expected().respond_bytes(200, body).dated();
        let error = create(script, &request()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UnknownOutcome, "{body}");
        assert_eq!(error.retry, RetryAdvice::Allowed);
        assert_eq!(error.request_id.as_deref(), Some("req_1"));
    }
}

#[test]
fn transport_failures_say_what_may_have_happened() {
    let kind = |reached| {
        create(expected().fail(reached, "timeout"), &request())
            .unwrap_err()
            .kind
    };
    assert_eq!(kind(Reached::NotSent), ErrorKind::Unavailable);
    assert_eq!(kind(Reached::MaybeSent), ErrorKind::UnknownOutcome);
    assert_eq!(kind(Reached::Sent), ErrorKind::UnknownOutcome);
}

/// Each class of refusal, by status, `type` and `code`.
#[test]
fn refusals_are_told_apart() {
    use ErrorKind as K;
    use RetryAdvice as R;
    let cases = [
        (
            400,
            "invalid_request_error",
            Some("parameter_missing"),
            K::InvalidRequest,
            R::Never,
        ),
        (
            400,
            "invalid_request_error",
            Some("resource_missing"),
            K::NotFound,
            R::Never,
        ),
        (404, "invalid_request_error", None, K::NotFound, R::Never),
        (400, "idempotency_error", None, K::Conflict, R::Never),
        (401, "invalid_request_error", None, K::Unauthorized, R::Never),
        (403, "invalid_request_error", None, K::Unauthorized, R::Never),
        (402, "card_error", Some("card_declined"), K::Declined, R::Never),
        (
            409,
            "idempotency_error",
            Some("idempotency_key_in_use"),
            K::Conflict,
            R::Allowed,
        ),
        (409, "invalid_request_error", None, K::Conflict, R::Allowed),
        (
            429,
            "invalid_request_error",
            Some("rate_limit"),
            K::RateLimited,
            R::Allowed,
        ),
        (
            400,
            "invalid_request_error",
            Some("rate_limit"),
            K::RateLimited,
            R::Allowed,
        ),
        (
            429,
            "invalid_request_error",
            Some("lock_timeout"),
            K::Conflict,
            R::Allowed,
        ),
        (424, "api_error", None, K::UnknownOutcome, R::Allowed),
        (500, "api_error", None, K::UnknownOutcome, R::Allowed),
        (503, "api_error", None, K::UnknownOutcome, R::Allowed),
    ];
    for (status, class, code, kind, retry) in cases {
        let script = expected().respond(status, refusal(class, code)).dated();
        let error = create(script, &request()).unwrap_err();
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {class} {code:?}");
        assert_eq!(error.http_status, Some(status));
        assert_eq!(error.request_id.as_deref(), Some("req_1"));
        assert_eq!(error.provider_code.as_deref(), code.or(Some(class)));
        assert_eq!(error.message, format!("said {class}"));
    }
}

#[test]
fn a_decline_keeps_its_reasons() {
    let body = json!({"error": {
        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "param": "source",
        "message": "Your card has insufficient funds.", "doc_url": "https://stripe.com/docs",
    }});
    let error = create(expected().respond(402, body), &request()).unwrap_err();
    assert_eq!(error.provider_code.as_deref(), Some("card_declined"));
    assert_eq!(error.decline_code.as_deref(), Some("insufficient_funds"));
    assert_eq!(error.parameter.as_deref(), Some("source"));
    assert_eq!(error.message, "Your card has insufficient funds.");
}

#[test]
fn stripes_advice_about_retries_comes_first() {
    let retry = |status, kind: &str, headers: &[(&str, &str)]| {
        let script = expected().respond(status, refusal(kind, None));
        let script = headers
            .iter()
            .fold(script, |script, (k, v)| script.respond_header(k, v));
        create(script, &request()).unwrap_err().retry
    };
    let told = "stripe-should-retry";
    assert_eq!(retry(500, "api_error", &[(told, "false")]), RetryAdvice::Never);
    assert_eq!(retry(402, "card_error", &[(told, "true")]), RetryAdvice::Allowed);
    assert_eq!(retry(429, "rate", &[("retry-after", "7")]), RetryAdvice::After(7000));
    assert_eq!(
        retry(429, "rate", &[("retry-after", "7"), (told, "true")]),
        RetryAdvice::After(7000)
    );
    assert_eq!(
        retry(429, "rate", &[("retry-after", "7"), (told, "false")]),
        RetryAdvice::Never
    );
    assert_eq!(retry(400, "invalid", &[("retry-after", "7")]), RetryAdvice::Never);
}

#[test]
fn pages_of_proxies_are_no_panic() {
    let error = |status, body: &str| create(expected().respond_bytes(status, body), &request()).unwrap_err();
    for body in [
        "",
        "<html>502</html>",
        "{\"error\":\"text\"}",
        "{\"error\":{\"type\":1}}",
    ] {
        assert_eq!(error(502, body).kind, ErrorKind::UnknownOutcome, "{body}");
        assert_eq!(error(429, body).kind, ErrorKind::RateLimited, "{body}");
        assert_eq!(error(403, body).kind, ErrorKind::MalformedResponse, "{body}");
        assert_eq!(error(302, body).kind, ErrorKind::UnknownOutcome, "{body}");
    }
    assert_eq!(
        error(400, "{\"error\":{}}").message,
        "Stripe answered 400: no reason given"
    );
}

fn portal(script: Script) -> Result<tillgate_plugin_sdk::portal::PortalSession, GatewayError> {
    let request = PortalRequest {
        customer_reference: "cus_1".into(),
        return_url: "https://app/billing".into(),
        extra: vec![],
    };
    script.run(async |ctx| <Stripe as Portal>::create_session(ctx, request.clone()).await)
}

#[test]
fn a_portal_session_is_asked_for_as_stripes_library_does() {
    let fields = library_request(2);
    let fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let answer = json!({"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.stripe.com/p/1"});
    let script = Script::new()
        .expect_post("/v1/billing_portal/sessions")
        .keyed("key")
        .with_whole_form(&fields);
    let session = portal(script.respond(200, answer)).unwrap();
    assert_eq!(session.reference.as_deref(), Some("bps_1"));
    assert_eq!(session.url, "https://billing.stripe.com/p/1");
    assert_eq!(session.expires_at, None);
}

#[test]
fn portal_failures() {
    let expected = || Script::new().expect_post("/v1/billing_portal/sessions");
    let missing = refusal("invalid_request_error", Some("resource_missing"));
    assert_eq!(
        portal(expected().respond(400, missing)).unwrap_err().kind,
        ErrorKind::NotFound
    );
    let urlless = json!({"id": "bps_1", "url": null});
    assert_eq!(
        portal(expected().respond(200, urlless)).unwrap_err().kind,
        ErrorKind::UnknownOutcome
    );
    let lost = expected().fail(Reached::MaybeSent, "reset");
    assert_eq!(portal(lost).unwrap_err().kind, ErrorKind::UnknownOutcome);
}
