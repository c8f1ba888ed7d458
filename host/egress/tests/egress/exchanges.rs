use bytes::Bytes;
use http::Method;
use tillgate_egress::{
    Client, FailureKind, Options, PoolKey, RefusedRequest, Request, Rule, SendError, Stage, TransportFailure, bounds,
};

use crate::server::{Reply, Server, client, get, post};

pub(crate) fn refused(error: SendError) -> RefusedRequest {
    match error {
        SendError::Refused(refused) => refused,
        SendError::Failed(failed) => panic!("{failed}"),
    }
}

pub(crate) fn failed(error: SendError) -> TransportFailure {
    match error {
        SendError::Failed(failed) => failed,
        SendError::Refused(refused) => panic!("{refused}"),
    }
}

fn reply(head: &str, body: &str) -> Reply {
    Reply::Keep(format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into())
}

#[tokio::test]
async fn the_request_arrives_as_it_was_asked_for() {
    let server = Server::start(vec![Reply::ok("{}")]).await;
    let mut request = post(server.endpoint("/v1"), "a=1");
    request.path = "/customers/cus_1".to_owned();
    request.query = vec![("expand[0]".to_owned(), "a b".to_owned())];
    request.headers = vec![
        ("Content-Type".to_owned(), "text/plain".to_owned()),
        ("X-Twice".to_owned(), "1".to_owned()),
        ("X-Twice".to_owned(), "2".to_owned()),
    ];
    let response = client().send(request).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(&response.body[..], b"{}");
    let seen = &server.log.seen()[0];
    assert!(
        seen.head
            .starts_with("POST /v1/customers/cus_1?expand%5B0%5D=a%20b HTTP/1.1\r\n"),
        "{}",
        seen.head
    );
    assert_eq!(seen.body, b"a=1");
    assert_eq!(seen.header("host"), [server.address.to_string()]);
    assert_eq!(seen.header("content-type"), ["text/plain"]);
    assert_eq!(seen.header("content-length"), ["3"]);
    assert_eq!(seen.header("x-twice"), ["1", "2"]);
    assert_eq!(seen.header("accept-encoding"), ["identity"]);
    assert!(seen.header("user-agent")[0].starts_with("tillgate/"));
    assert!(seen.header("transfer-encoding").is_empty());
}

#[tokio::test]
async fn a_refused_request_is_never_sent() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let endpoint = || server.endpoint("");
    let header = |name: &str| vec![(name.to_owned(), "x".to_owned())];
    let too_long = vec![("a".to_owned(), "b".repeat(bounds::MAX_TARGET_BYTES))];
    let too_large = Bytes::from(vec![0; bounds::MAX_REQUEST_BODY_BYTES + 1]);
    let mut cases = vec![
        (
            Rule::Path,
            Request {
                path: "//evil.example/x".to_owned(),
                ..get(endpoint())
            },
        ),
        (
            Rule::Path,
            Request {
                path: "http://evil.example/".to_owned(),
                ..get(endpoint())
            },
        ),
        (
            Rule::HeaderName,
            Request {
                headers: header("Host"),
                ..get(endpoint())
            },
        ),
        (
            Rule::HeaderName,
            Request {
                headers: header("authorization"),
                ..get(endpoint())
            },
        ),
        (
            Rule::TargetSize,
            Request {
                query: too_long,
                ..get(endpoint())
            },
        ),
        (
            Rule::BodySize,
            Request {
                body: Some(too_large),
                ..get(endpoint())
            },
        ),
        (
            Rule::Timeout,
            Request {
                timeout: std::time::Duration::ZERO,
                ..get(endpoint())
            },
        ),
    ];
    for method in [Method::CONNECT, Method::TRACE, Method::OPTIONS] {
        cases.push((
            Rule::Method,
            Request {
                method,
                ..get(endpoint())
            },
        ));
    }
    let client = client();
    for (rule, request) in cases {
        assert_eq!(refused(client.send(request).await.unwrap_err()).rule, rule);
    }
    assert!(server.log.seen().is_empty());
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes_both_ways() {
    let body = "a".repeat(4096);
    let server = Server::start(vec![Reply::ok(&body)]).await;
    let options = Options {
        max_response_body: 4096,
        ..Options::default()
    };
    let mut request = post(server.endpoint(""), "");
    request.body = Some(Bytes::from(vec![b'b'; bounds::MAX_REQUEST_BODY_BYTES]));
    let response = Client::new(options).unwrap().send(request).await.unwrap();
    assert_eq!(response.body.len(), 4096);
    assert_eq!(server.log.seen()[0].body.len(), bounds::MAX_REQUEST_BODY_BYTES);
}

#[tokio::test]
async fn redirects_and_errors_are_data() {
    let server = Server::start(vec![
        reply("302 Found\r\nlocation: http://127.0.0.1:1/elsewhere", ""),
        reply("308 Permanent Redirect\r\nlocation: /y", ""),
        reply("500 Internal Server Error", "oops"),
    ])
    .await;
    let client = client();
    for status in [302, 308, 500] {
        let response = client.send(get(server.endpoint(""))).await.unwrap();
        assert_eq!(response.status, status);
    }
    assert_eq!(server.log.seen().len(), 3, "nothing was followed or repeated");
}

#[tokio::test]
async fn hop_by_hop_headers_and_cookies_are_hidden() {
    let head = "200 OK\r\nset-cookie: a=b\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nKeep-Alive: timeout=5\r\n\
                X-Kept: 1\r\nx-kept: 2";
    let server = Server::start(vec![reply(head, "")]).await;
    let response = client().send(get(server.endpoint(""))).await.unwrap();
    let expected = [("x-kept", "1"), ("x-kept", "2"), ("content-length", "0")];
    assert_eq!(
        response.headers,
        expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    );
}

#[tokio::test]
async fn large_responses_are_cut() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"1000\r\n".as_slice(), &[b'a'; 4096], b"\r\n"].concat();
    let header = format!("x-a: {}\r\n", "b".repeat(1000)).into_bytes();
    for reply in [
        // Announced, and never read.
        Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec()),
        Reply::Endless(chunked, chunk),
        Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), header),
    ] {
        let server = Server::start(vec![reply]).await;
        let error = failed(client().send(get(server.endpoint(""))).await.unwrap_err());
        assert_eq!(error.kind, FailureKind::TooLarge, "{error}");
        assert_eq!(error.stage, Stage::Sent);
    }
}

#[tokio::test]
async fn a_response_head_is_bounded() {
    let with_head_of = |bytes: usize| {
        let filler = "b".repeat(bytes);
        reply(&format!("200 OK\r\nx-filler: {filler}"), "")
    };
    let large = with_head_of(bounds::MAX_RESPONSE_HEAD_BYTES);
    let server = Server::start(vec![with_head_of(bounds::MAX_RESPONSE_HEAD_BYTES / 2), large]).await;
    let client = client();
    client.send(get(server.endpoint(""))).await.unwrap();
    let error = failed(client.send(get(server.endpoint(""))).await.unwrap_err());
    assert_eq!((error.kind, error.stage), (FailureKind::TooLarge, Stage::Sent));
}

#[tokio::test]
async fn a_compressed_body_is_not_decompressed_and_not_passed_on() {
    let server = Server::start(vec![
        reply("200 OK\r\ncontent-encoding: gzip", "\u{1f}not really"),
        reply("304 Not Modified\r\ncontent-encoding: gzip", ""),
    ])
    .await;
    let client = client();
    let error = failed(client.send(get(server.endpoint(""))).await.unwrap_err());
    assert_eq!((error.kind, error.stage), (FailureKind::Protocol, Stage::Sent));
    assert_eq!(client.send(get(server.endpoint(""))).await.unwrap().status, 304);
}

#[tokio::test]
async fn connections_are_kept_for_their_owner_and_never_shared() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let client = client();
    for owner in ["a", "a", "b", "a"] {
        let request = Request {
            pool: PoolKey::new(owner),
            ..get(server.endpoint(""))
        };
        client.send(request).await.unwrap();
        // The connection is given back once its task runs.
        tokio::task::yield_now().await;
    }
    let connections: Vec<_> = server.log.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 0]);
}
