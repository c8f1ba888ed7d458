use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tillgate_egress::{Client, FailureKind, Options, Request, Resolve, Stage};
use tokio::{net::TcpListener, time::Instant};

use crate::{
    exchanges::failed,
    server::{Reply, SOON, Server, client, get, overridden, post},
};

const PARTIAL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = failed(client().send(get(overridden(&origin, ""))).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::Connect));
}

/// A resolver that fails, or that never answers.
struct Broken {
    hangs: bool,
}

#[async_trait::async_trait]
impl Resolve for Broken {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(io::Error::other("no such host"))
    }
}

#[tokio::test]
async fn a_lookup_that_fails_or_hangs_was_not_sent() {
    for (hangs, kind) in [(false, FailureKind::Dns), (true, FailureKind::Timeout)] {
        for (timeout, connect_timeout) in [(SOON, Duration::from_secs(20)), (Duration::from_secs(20), SOON)] {
            let resolver = Arc::new(Broken { hangs });
            let options = Options {
                resolver,
                connect_timeout,
                ..Options::default()
            };
            let request = Request {
                timeout,
                ..post(overridden("http://simulator.test", ""), "a")
            };
            let error = failed(Client::new(options).unwrap().send(request).await.unwrap_err());
            assert_eq!((error.stage, error.kind), (Stage::NotSent, kind));
        }
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let options = Options {
        connect_timeout: SOON,
        ..Options::default()
    };
    let request = post(overridden(&origin, ""), "a");
    let error = failed(Client::new(options).unwrap().send(request).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::Timeout));
}

#[tokio::test]
async fn silence_after_the_request_was_maybe_sent() {
    // Half a head is no answer either.
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\nx-a: "] {
        let server = Server::start(vec![Reply::Hang(said.to_vec())]).await;
        let request = Request {
            timeout: SOON,
            ..post(server.endpoint(""), "a")
        };
        let error = failed(client().send(request).await.unwrap_err());
        assert_eq!((error.stage, error.kind), (Stage::MaybeSent, FailureKind::Timeout));
    }
}

#[tokio::test]
async fn closing_instead_of_answering_was_maybe_sent() {
    let server = Server::start(vec![Reply::Close(Vec::new())]).await;
    let error = failed(client().send(post(server.endpoint(""), "a")).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::MaybeSent, FailureKind::Reset));
    assert_eq!(server.log.seen().len(), 1);
}

#[tokio::test]
async fn closing_a_kept_connection_after_reading_does_not_send_again() {
    let server = Server::start(vec![Reply::ok("first"), Reply::Close(Vec::new())]).await;
    let client = client();
    client.send(get(server.endpoint(""))).await.unwrap();
    tokio::task::yield_now().await;
    let error = failed(client.send(post(server.endpoint(""), "charge")).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::MaybeSent, FailureKind::Reset));
    let seen = server.log.seen();
    assert_eq!(seen.len(), 2, "exactly one POST");
    assert_eq!(seen[1].connection, 0, "on the kept connection");
}

#[tokio::test]
async fn a_kept_connection_found_closed_is_replaced() {
    let first = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let server = Server::start(vec![Reply::Close(first), Reply::ok("second")]).await;
    let client = client();
    client.send(get(server.endpoint(""))).await.unwrap();
    server.log.closed.notified().await;
    // Enough turns for the runtime to look at its sockets, which is when the client learns of it.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let response = client.send(post(server.endpoint(""), "charge")).await.unwrap();
    assert_eq!(&response.body[..], b"second");
    assert_eq!(server.log.seen()[1].connection, 1);
}

#[tokio::test]
async fn an_answer_that_is_not_http_was_maybe_sent() {
    let server = Server::start(vec![Reply::Close(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())]).await;
    let error = failed(client().send(post(server.endpoint(""), "a")).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::MaybeSent, FailureKind::Protocol));
}

#[tokio::test]
async fn a_body_that_breaks_off_was_sent() {
    let server = Server::start(vec![Reply::Close(PARTIAL.to_vec())]).await;
    let error = failed(client().send(post(server.endpoint(""), "a")).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::Sent, FailureKind::Reset));
}

#[tokio::test]
async fn a_body_that_never_ends_runs_into_the_timeout() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n".to_vec();
    for reply in [PARTIAL.to_vec(), chunked] {
        let server = Server::start(vec![Reply::Hang(reply)]).await;
        let request = Request {
            timeout: SOON,
            ..post(server.endpoint(""), "a")
        };
        let started = Instant::now();
        let error = failed(client().send(request).await.unwrap_err());
        assert_eq!((error.stage, error.kind), (Stage::Sent, FailureKind::Timeout));
        // The response's first bytes don't buy it more time.
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
