//! Serving: webhooks by themselves, and an end that waits for nobody.

use axum::Router;
use axum::extract::State;
use serde_json::json;
use tillgate_simulator::stripe::{Options, Simulator};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn webhooks_go_out_by_themselves_and_are_retried() {
    let (answers, mut received) = mpsc::unbounded_channel::<String>();
    let (hooks, hooks_url) = listener().await;
    let refuse_all = Router::new()
        .fallback(
            async |State(answers): State<mpsc::UnboundedSender<String>>, body: String| {
                answers.send(body).unwrap();
                axum::http::StatusCode::SERVICE_UNAVAILABLE
            },
        )
        .with_state(answers);
    tokio::spawn(async move { axum::serve(hooks, refuse_all).await });
    let (api, base) = listener().await;
    let options = Options {
        webhook_retry_scale: 0.000_01,
        webhook_max_attempts: 3,
        ..Options::default()
    };
    tokio::spawn(Simulator::new(options).serve(api, std::future::pending()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, form: String| {
        let request = client
            .post(format!("{base}{path}"))
            .header("authorization", "Bearer sk_test_x");
        assert_eq!(request.body(form).send().await.unwrap().status(), 200);
    };
    post("/v1/webhook_endpoints", format!("url={hooks_url}/h&enabled_events[]=*")).await;
    post("/v1/customers", "email=a@b.co".to_owned()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let event: serde_json::Value = serde_json::from_str(&received.recv().await.unwrap()).unwrap();
        ids.push(event["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn shutting_down_ends_requests_that_hang() {
    let (api, base) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let simulator = Simulator::new(Options::default());
    let served = tokio::spawn(simulator.serve(api, async {
        stopped.await.unwrap();
    }));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let faults = json!({"next": {"status": "hang"}}).to_string();
    client
        .post(format!("{base}/_simulator/faults"))
        .body(faults)
        .send()
        .await
        .unwrap();
    let hanging = client
        .get(format!("{base}/v1/products"))
        .header("authorization", "Bearer sk_test_x");
    let hanging = tokio::spawn(hanging.send());
    loop {
        let log = client.get(format!("{base}/_simulator/requests")).send().await.unwrap();
        if log.text().await.unwrap().contains("/v1/products") {
            break;
        }
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(hanging.await.unwrap().unwrap().status(), 504);
}
