//! The real server: over TCP, with clients that misbehave, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tillgate_http_api::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use crate::fakes::World;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn start(router: Router, grace: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let ended = tokio::spawn(serve(listener, router, shutdown, grace));
    Server { address, stop, ended }
}

/// A route that says when it was entered and answers when it may.
fn slow(entered: Arc<Notify>, go_on: Arc<Notify>) -> Router {
    let handler = async move || {
        entered.notify_one();
        go_on.notified().await;
        "done"
    };
    Router::new().route("/slow", get(handler))
}

async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_running_request_finishes_before_the_server_ends() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = start(slow(Arc::clone(&entered), Arc::clone(&go_on)), LONG).await;
    let stream = send(server.address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    server.stop.send(()).unwrap();
    go_on.notify_one();
    assert!(answer(stream).await.ends_with("done"));
    server.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn the_server_ends_after_the_grace_though_a_request_still_runs() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = start(slow(Arc::clone(&entered), go_on), Duration::from_millis(20)).await;
    let _stream = send(server.address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    server.stop.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_server() {
    let server = start(Router::new().route("/", get(async || "hello")), LONG).await;
    let mut idle = send(server.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut begin = [0; 12];
    idle.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    server.stop.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn half_endless_and_overlong_webhooks_are_cut_off_over_tcp() {
    let world = World::new().await;
    let server = start(world.router.clone(), LONG).await;
    let path = world.webhook_path();
    let head = |headers: &str| format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n");
    let half = send(server.address, &format!("{}half", head("Content-Length: 100"))).await;
    assert!(answer(half).await.starts_with("HTTP/1.1 408 "));
    let endless = send(
        server.address,
        &format!("{}4\r\nmore\r\n", head("Transfer-Encoding: chunked")),
    )
    .await;
    assert!(answer(endless).await.starts_with("HTTP/1.1 408 "));
    let overlong = format!("{}{}", head("Content-Length: 100000"), "x".repeat(100_000));
    assert!(
        answer(send(server.address, &overlong).await)
            .await
            .starts_with("HTTP/1.1 413 ")
    );
    let declared = send(server.address, &head("Content-Length: 100000\r\nExpect: 100-continue")).await;
    assert!(answer(declared).await.starts_with("HTTP/1.1 413 "));
    let good = send(server.address, &format!("{}{{}}", head("Content-Length: 2"))).await;
    assert!(answer(good).await.starts_with("HTTP/1.1 204 "));
    let seen = world.provider.seen.lock().unwrap().remove(0);
    assert!(seen.remote_ip.unwrap().is_loopback());
    server.stop.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
}
