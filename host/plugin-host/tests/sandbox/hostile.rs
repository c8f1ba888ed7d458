use std::io::Write;
use std::sync::{Arc, Mutex};

use tillgate_application::ports::{
    CheckoutRequest, GatewayError, PaymentGateway as _, PluginFault, Plugins as _, PortalRequest,
    ProviderPortalSession, WebhookDecision, WebhookRequest,
};
use tillgate_domain::{CheckoutType, Timestamp};
use tillgate_egress::OriginOverrides;
use tillgate_plugin_host::{Grants, PluginHost, PluginHostOptions};

use crate::common::{MemoryJournal, account, call, client};
use crate::components::{MANIFEST, data, done, portal, webhooks_that_ask_nobody, with_limits, with_manifest};

const PAGE: &str = "https://pay.example/";

async fn run(host: &PluginHost, bytes: Vec<u8>) -> Result<ProviderPortalSession, GatewayError> {
    let info = host.install(bytes).await.unwrap();
    let account = account(&info, &[], None);
    let request = PortalRequest {
        customer_reference: "cus_1".to_owned(),
        return_url: "https://shop.example".to_owned(),
    };
    let mut journal = MemoryJournal::default();
    host.create_portal_session(call(&account, &mut journal), &request).await
}

fn fault_of(result: Result<ProviderPortalSession, GatewayError>) -> PluginFault {
    match result.unwrap_err() {
        GatewayError::PluginFault(fault) => *fault,
        other => panic!("{other:?}"),
    }
}

/// A host for one test. `name` tells its plugins apart.
fn host(directory: &tempfile::TempDir, grants: Grants) -> PluginHost {
    let mut options = PluginHostOptions::new(directory.path().to_owned(), OriginOverrides::none());
    options.grants = grants;
    PluginHost::open(options, client()).unwrap().0
}

fn named(name: &str) -> String {
    MANIFEST.replace("\"testpay\"", &format!("\"{name}\""))
}

#[tokio::test]
async fn whatever_a_plugin_does_harms_its_own_step_alone() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    let endless_growth = "(drop (memory.grow (i32.const 60000))) unreachable";
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))";
    let out_of_bounds = "(i32.const 100000000)";
    let not_utf8 = data("\\ff\\fe");
    let far_list = format!("(i32.store (i32.const 68) (i32.const 2147483647)) {}", done(20));
    let cases = [
        ("trap", portal(2, "", "unreachable"), "trapped", "unreachable"),
        (
            "division",
            portal(2, "", "(i32.div_u (i32.const 1) (i32.const 0))"),
            "trapped",
            "divide",
        ),
        (
            "loop",
            portal(2, "", "(loop $l (br $l)) unreachable"),
            "out_of_fuel",
            "fuel",
        ),
        ("bomb", portal(2, "", endless_growth), "trapped", "memory"),
        (
            "recursion",
            portal(2, deep, "(call $deep (i32.const 0))"),
            "trapped",
            "stack",
        ),
        (
            "result",
            portal(200, "", &done(8 << 20)),
            "result_too_large",
            "fuel allocated for hostcalls",
        ),
        ("pointer", portal(2, "", out_of_bounds), "trapped", ""),
        ("text", portal(2, &not_utf8, &done(2)), "trapped", "utf-8"),
        ("list", portal(2, &data(PAGE), &far_list), "trapped", ""),
        (
            "case",
            portal(2, "", "(i32.store8 (i32.const 16) (i32.const 9)) (i32.const 16)"),
            "trapped",
            "",
        ),
        (
            "script",
            portal(2, &data("javascript:alert(1)"), &done(19)),
            "malformed_answer",
            "url must be",
        ),
    ];
    for (name, component, kind, told) in cases {
        let fault = fault_of(run(&host, with_manifest(component, &named(name))).await);
        assert_eq!(fault.kind, kind, "{fault:?}");
        assert!(fault.message.to_lowercase().contains(told), "{told}: {fault:?}");
        assert!(fault.message.len() <= 1024);
        let who = (fault.plugin.as_str(), fault.version.as_str(), fault.operation.as_str());
        assert_eq!(who, (name, "0.1.0", "portal.create-session"));
        assert_eq!(fault.digest.len(), 64);
        // The others go on.
        let good = with_manifest(portal(2, &data(PAGE), &done(20)), MANIFEST);
        assert_eq!(run(&host, good).await.unwrap().url, PAGE);
    }
}

#[tokio::test]
async fn a_plugin_with_endless_fuel_is_stopped_by_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let fuel = 1 << 50;
    let grants = Grants {
        fuel,
        ..Grants::default()
    };
    let host = host(&directory, grants);
    let endless = with_manifest(
        portal(2, "", "(loop $l (br $l)) unreachable"),
        &with_limits(fuel, 1 << 20),
    );
    assert_eq!(fault_of(run(&host, endless).await).kind, "timed_out");
}

#[tokio::test]
async fn a_plugin_has_the_memory_and_fuel_its_manifest_asks_for() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    let grows = |pages: u32| {
        let body = format!("(drop (memory.grow (i32.const {pages}))) {}", done(20));
        portal(2, &data(PAGE), &body)
    };
    let asked =
        |name: &str, fuel: u64, memory: usize| with_limits(fuel, memory).replace("\"testpay\"", &format!("\"{name}\""));
    let enough = with_manifest(grows(1), &asked("enough", 10_000, 3 << 16));
    assert_eq!(run(&host, enough).await.unwrap().url, PAGE);
    let little_memory = with_manifest(grows(2), &asked("memory", 10_000, 3 << 16));
    assert_eq!(fault_of(run(&host, little_memory).await).kind, "trapped");
    let counts = format!(
        "(local $n i32)
         (loop $more
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 10000))))
         {}",
        done(20)
    );
    let counts = portal(2, &data(PAGE), &counts);
    let little_fuel = with_manifest(counts.clone(), &asked("little", 10_000, 3 << 16));
    assert_eq!(fault_of(run(&host, little_fuel).await).kind, "out_of_fuel");
    let more_fuel = with_manifest(counts, &asked("more", 100_000, 3 << 16));
    assert_eq!(run(&host, more_fuel).await.unwrap().url, PAGE);
}

#[tokio::test]
async fn nothing_of_a_step_is_left_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    // Traps if it finds what it leaves behind.
    let body = format!(
        "(if (i32.load (i32.const 65536)) (then unreachable))
         (i32.store (i32.const 65536) (i32.const 42))
         (global.set $top (i32.const 99999))
         {}",
        done(20)
    );
    let forgetful = with_manifest(portal(2, &data(PAGE), &body), MANIFEST);
    for _ in 0..200 {
        assert_eq!(run(&host, forgetful.clone()).await.unwrap().url, PAGE);
    }
}

#[tokio::test]
async fn a_capability_that_is_missing_and_a_plugin_that_is_not_loaded_are_said() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    let info = host
        .install(with_manifest(portal(2, &data(PAGE), &done(20)), MANIFEST))
        .await
        .unwrap();
    let request = CheckoutRequest {
        checkout_type: CheckoutType::OneTime,
        price_reference: "price_1".to_owned(),
        seats: 1,
        customer_reference: None,
        customer_email: None,
        trial_period_days: None,
        success_url: "https://shop.example/ok".to_owned(),
        cancel_url: "https://shop.example/no".to_owned(),
        correlation_id: "chk_1".to_owned(),
        metadata: Vec::new(),
    };
    let known = account(&info, &[], None);
    let mut journal = MemoryJournal::default();
    let error = host
        .create_checkout_session(call(&known, &mut journal), &request)
        .await
        .unwrap_err();
    let unsupported = GatewayError::Unsupported {
        provider: "testpay".to_owned(),
        capability: "checkout".to_owned(),
    };
    assert_eq!(error, unsupported);
    let mut other = info.clone();
    other.digest = "0".repeat(64);
    let unknown = account(&other, &[], None);
    let error = host
        .create_checkout_session(call(&unknown, &mut journal), &request)
        .await
        .unwrap_err();
    assert!(matches!(error, GatewayError::PluginMissing { digest, .. } if digest == other.digest));
}

#[tokio::test]
async fn a_webhook_that_nothing_proves_is_not_believed_unless_the_provider_was_asked() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    let info = host
        .install(with_manifest(webhooks_that_ask_nobody(), MANIFEST))
        .await
        .unwrap();
    let account = account(&info, &[], None);
    let request = WebhookRequest {
        method: "POST".to_owned(),
        url: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: b"id=1".to_vec(),
        remote_ip: None,
        received_at_ms: 0,
    };
    let decided = host
        .authenticate_webhook(&account, &request, Timestamp::from_millis(0))
        .await
        .unwrap();
    let proven = WebhookDecision::Proven {
        secret_index: None,
        fetch_back: true,
    };
    assert_eq!(decided, proven);
    let mut journal = MemoryJournal::default();
    let error = host
        .parse_webhook(call(&account, &mut journal), &request)
        .await
        .unwrap_err();
    let GatewayError::PluginFault(fault) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (fault.kind.as_str(), fault.operation.as_str()),
        ("invalid_proof_plan", "webhooks.parse")
    );
    assert!(fault.message.contains("fetch-back"), "{fault:?}");
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_plugins_words_are_bounded_escaped_and_signed_with_its_name() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let directory = tempfile::tempdir().unwrap();
    let host = host(&directory, Grants::default());
    // Forty lines: an escape sequence and a line break, and then 2,000 bytes in one.
    let words = "(data (i32.const 8192) \"a\\0aFAKE LINE\\1b[31m\")";
    let body = format!(
        "(local $n i32)
         (call $log (i32.const 2) (i32.const 8192) (i32.const 16))
         (call $log (i32.const 1) (i32.const 12288) (i32.const 2000))
         (loop $more
            (call $log (i32.const 1) (i32.const 8192) (i32.const 1))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 38))))
         {}",
        done(20)
    );
    let chatty = with_manifest(portal(2, &format!("{} {words}", data(PAGE)), &body), MANIFEST);
    let guard = tracing::subscriber::set_default(subscriber);
    run(&host, chatty).await.unwrap();
    drop(guard);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("plugin: ")).collect();
    assert_eq!(lines.len(), 32, "{text}");
    assert!(!text.lines().any(|line| line.starts_with("FAKE LINE")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        lines[0].contains(" WARN ") && lines[0].contains("FAKE LINE"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].contains("plugin=testpay version=0.1.0 digest="),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1].matches("\\0").count(), 1024, "cut at a kilobyte");
}
