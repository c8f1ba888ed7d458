//! The official Stripe SDKs as outside judges: of the simulator, and of which webhooks the gateway believes.

use tillgate_tests::{Database, Gateway, GatewayOptions, Provider, Tenant, node_judge, python_judge};

async fn gateway_and_tenant(provider: &Provider) -> (Gateway, Tenant) {
    let options = GatewayOptions {
        database: Database::Sqlite,
        origin_overrides: vec![provider.url.clone()],
        environment: Vec::new(),
    };
    let gateway = Gateway::start(options).await;
    let tenant = Tenant::create(&gateway, provider).await;
    (gateway, tenant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_sdk_drives_the_simulator_through_a_subscriptions_life() {
    let provider = Provider::start_delivering().await;
    print!("{}", node_judge("stripe_sdk.mjs", &[&provider.url]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_drives_the_simulator_through_a_subscriptions_life() {
    let provider = Provider::start_delivering().await;
    print!("{}", python_judge("stripe_sdk.py", &[&provider.url]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sdks_sign_is_believed_and_what_was_tampered_with_is_not() {
    let provider = Provider::start().await;
    let (_gateway, tenant) = gateway_and_tenant(&provider).await;
    let arguments = [tenant.webhook_url.as_str(), tenant.webhook_secret.as_str()];
    print!("{}", node_judge("stripe_webhooks.mjs", &arguments).await);
    print!("{}", python_judge("stripe_webhooks.py", &arguments).await);
}
