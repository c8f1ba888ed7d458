use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex},
};

use http::Method;
use tillgate_egress::{Credential, Request, SecretText, SendError};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    exchanges::failed,
    server::{Reply, Server, client, get, overridden},
    tls::http2_server,
};

const CANARY: &str = "canary/4f1d+2c9a";
const CANARY_IN_QUERY: &str = "canary%2F4f1d%2B2c9a";

fn secret() -> SecretText {
    SecretText::new(CANARY)
}

/// One of each kind.
fn credentials() -> Vec<Credential> {
    vec![
        Credential::Bearer { secret: secret() },
        Credential::Basic {
            username: secret(),
            password: SecretText::new(""),
        },
        Credential::Basic {
            username: SecretText::new("merchant"),
            password: secret(),
        },
        Credential::Header {
            name: "x-api-key".to_owned(),
            secret: secret(),
        },
        Credential::Header {
            name: "Authorization".to_owned(),
            secret: SecretText::new(format!("Token {CANARY}")),
        },
        Credential::Query {
            name: "key".to_owned(),
            secret: secret(),
        },
    ]
}

fn assert_clean(text: &str) {
    for spelling in [CANARY, CANARY_IN_QUERY, "canary"] {
        assert!(!text.contains(spelling), "{text}");
    }
}

/// The text of everything an error prints, its sources included.
fn printed(error: &SendError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn every_credential_reaches_the_server() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let client = client();
    for credential in credentials() {
        let request = Request {
            credential: Some(credential),
            ..get(server.endpoint(""))
        };
        client.send(request).await.unwrap();
    }
    let seen = server.log.seen();
    let authorization = |at: usize| seen[at].header("authorization")[0];
    assert_eq!(authorization(0), format!("Bearer {CANARY}"));
    // base64 of `canary/4f1d+2c9a:` and of `merchant:canary/4f1d+2c9a`.
    assert_eq!(authorization(1), "Basic Y2FuYXJ5LzRmMWQrMmM5YTo=");
    assert_eq!(authorization(2), "Basic bWVyY2hhbnQ6Y2FuYXJ5LzRmMWQrMmM5YQ==");
    assert_eq!(seen[3].header("x-api-key"), [CANARY]);
    assert_eq!(authorization(4), format!("Token {CANARY}"));
    assert!(
        seen[5]
            .head
            .starts_with(&format!("GET /x?key={CANARY_IN_QUERY} HTTP/1.1"))
    );
}

#[tokio::test]
async fn an_echoed_credential_is_redacted() {
    let base64 = "Y2FuYXJ5LzRmMWQrMmM5YTo=";
    let body = format!("<{CANARY}|{CANARY_IN_QUERY}|canary\\/4f1d+2c9a>");
    let head = format!("HTTP/1.1 400 Bad\r\nx-echo: {CANARY}\r\nlocation: /?key={CANARY_IN_QUERY}\r\n");
    let reply = |body: &str| {
        let length = body.len();
        Reply::Keep(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
    };
    let clean = "[redacted]|[redacted]|[redacted]";
    let client = client();
    for credential in credentials() {
        let server = Server::start(vec![reply(&body)]).await;
        let request = Request {
            credential: Some(credential),
            ..get(server.endpoint(""))
        };
        let response = client.send(request).await.unwrap();
        assert_eq!(response.body, format!("<{clean}>"));
        let expected = [("x-echo", "[redacted]"), ("location", "/?key=[redacted]")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        assert_eq!(response.headers, expected, "the announced length is gone as well");
    }
    let server = Server::start(vec![reply(base64)]).await;
    let basic = Credential::Basic {
        username: secret(),
        password: SecretText::new(""),
    };
    let request = Request {
        credential: Some(basic),
        ..get(server.endpoint(""))
    };
    assert_eq!(client.send(request).await.unwrap().body, "[redacted]");
}

#[tokio::test]
async fn a_response_is_left_alone_where_nothing_was_echoed() {
    let server = Server::start(vec![Reply::ok("canary/4f1d")]).await;
    let request = Request {
        credential: Some(Credential::Bearer { secret: secret() }),
        ..get(server.endpoint(""))
    };
    let response = client().send(request).await.unwrap();
    assert_eq!(&response.body[..], b"canary/4f1d");
    assert_eq!(response.headers, [("content-length".to_owned(), b"11".to_vec())]);
}

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Capture {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_prints_a_secret_or_a_customers_data() {
    let log = Capture::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    // With a single subscriber, a callsite first met by another test's thread is asked of that thread's (none) and
    // stays off for all. A second one makes every callsite ask all of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);
    let echo = format!("HTTP/1.1 200 OK\r\nx-e: {CANARY}\r\ncontent-length: 16\r\n\r\n{CANARY}");
    let good = Server::start(vec![Reply::Keep(echo.into_bytes())]).await;
    let bad = Server::start(vec![Reply::Close(format!("{CANARY}\r\n\r\n").into_bytes())]).await;
    let (http2, http2_client) = http2_server("127.0.0.1").await;
    let http2 = overridden(&format!("https://{http2}"), "");
    let client = client();
    let mut text = format!("{:?}", secret());
    for credential in credentials() {
        text += &format!("{credential:?}{credential:#?}");
        let request = |endpoint| Request {
            method: Method::POST,
            query: vec![("q".to_owned(), CANARY.to_owned())],
            headers: vec![("x-data".to_owned(), CANARY.to_owned())],
            body: Some(CANARY.into()),
            credential: Some(credential.clone()),
            ..get(endpoint)
        };
        text += &format!("{:?}", request(good.endpoint("")));
        let response = client.send(request(good.endpoint(""))).await.unwrap();
        text += &format!("{response:?}");
        http2_client.send(request(http2.clone())).await.unwrap();
        let error = client.send(request(bad.endpoint(""))).await.unwrap_err();
        text += &printed(&error);
        let _ = failed(error);
        // Refusals quote no values either.
        for (name, value) in [("Host", CANARY), (CANARY, "x"), ("x-a", "canary\n")] {
            let mut request = request(good.endpoint(""));
            request.headers = vec![(name.to_owned(), value.to_owned())];
            text += &printed(&client.send(request).await.unwrap_err());
        }
        let path = format!("/{CANARY}/../x");
        let error = client
            .send(Request {
                path,
                ..request(good.endpoint(""))
            })
            .await
            .unwrap_err();
        text += &printed(&error);
    }
    assert_clean(&text);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("exchange ended") && log.contains("127.0.0.1"), "{log}");
    assert_clean(&log);
}
