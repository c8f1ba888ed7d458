//! One step: parsing a 3.5 KB `customer.subscription.updated`, on a fresh instance, against the same code natively.
//!
//! Needs the component: `cargo xtask plugins`, or `cargo xtask bench`, which builds it.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use tillgate_application::account::{ConnectedAccount, ProviderAccount};
use tillgate_application::ports::{Parsed, PaymentGateway as _, Plugins as _, WebhookRequest};
use tillgate_domain::{Mode, ProviderAccountId, TenantId, Timestamp};
use tillgate_egress::{Client, Options, OriginOverrides};
use tillgate_plugin_host::{PluginHost, PluginHostOptions};
use tillgate_plugin_sdk::{Context, Step, Webhooks as _, step, testing};
use tillgate_plugin_stripe::Stripe;

const BODY: &[u8] = include_bytes!("webhook.json");

fn plugins() -> PathBuf {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    std::env::var_os("TILLGATE_PLUGINS_DIR").map_or(default, PathBuf::from)
}

fn account(digest: String) -> Arc<ConnectedAccount> {
    let now = Timestamp::from_seconds(1_795_396_000);
    Arc::new(ConnectedAccount {
        account: ProviderAccount {
            id: ProviderAccountId::from_bits(1),
            tenant_id: TenantId::from_bits(1),
            name: "main".to_owned(),
            plugin: "stripe".to_owned(),
            plugin_version: "0.1.0".to_owned(),
            plugin_digest: digest,
            is_default: true,
            settings: Vec::new(),
            endpoint_overrides: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        },
        mode: Mode::Test,
        webhook_url: "https://gateway.example/v1/webhooks/pac".to_owned(),
        secrets: BTreeMap::new(),
    })
}

fn request() -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        url: String::new(),
        query: Vec::new(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: BODY.to_vec(),
        remote_ip: None,
        received_at_ms: 1_795_396_000_000,
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = PluginHostOptions::new(plugins(), OriginOverrides::none());
    let (host, refused) = PluginHost::open(options, Client::new(Options::default()).unwrap()).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    let plugin = host.resolve("stripe", None).expect("run `cargo xtask plugins` first");
    let (account, request) = (account(plugin.digest), request());
    let parsed = runtime
        .block_on(host.parse_webhook_offline(&account, &request))
        .unwrap();
    let Parsed::Receipt(receipt) = parsed else {
        panic!("the webhook needs no exchange")
    };
    assert_eq!(receipt.events.len(), 1, "a benchmark of an error path measures nothing");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("webhook step");
    group.throughput(Throughput::Bytes(BODY.len() as u64));
    group.bench_function("fresh instance", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(host.parse_webhook_offline(black_box(&account), black_box(&request)))
                .unwrap()
        });
    });
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            let context = Context::new(testing::call(), Vec::new());
            let given = testing::webhook(&[("content-type", b"application/json")], black_box(BODY));
            match step(&context, Stripe::parse(&context, given)) {
                Step::Done(receipt) => receipt,
                Step::Send(_) | Step::Failed(_) => panic!("the webhook is understood without an exchange"),
            }
        });
    });
    group.finish();
    criterion.final_summary();
}
