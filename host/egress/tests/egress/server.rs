//! A hand-written HTTP/1.1 server that answers as it is told and remembers what it saw.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use tillgate_egress::{Client, Endpoint, Options, OriginOverrides, PoolKey, Request};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

/// What the server does with a request it has read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Writes this and reads the next request.
    Keep(Vec<u8>),
    /// Writes this and closes.
    Close(Vec<u8>),
    /// Writes this and then nothing, without closing.
    Hang(Vec<u8>),
    /// Writes the first once and the second forever.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// A complete response with this body, on a connection that stays open.
    pub(crate) fn ok(body: &str) -> Self {
        let length = body.len();
        Self::Keep(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes())
    }
}

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// All values of a header, given in lowercase.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// What a server saw so far.
#[derive(Clone, Default)]
pub(crate) struct Log {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Told of every connection the server has closed.
    pub(crate) closed: Arc<Notify>,
}

impl Log {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
}

impl Server {
    /// Answers request after request with the replies, repeating the last.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        let server = Self {
            address,
            log: log.clone(),
        };
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (replies, log) = (replies.clone(), log.clone());
                tokio::spawn(answer(stream, connection, replies, log));
            }
        });
        server
    }

    pub(crate) fn endpoint(&self, path_prefix: &str) -> Endpoint {
        overridden(&format!("http://{}", self.address), path_prefix)
    }
}

/// Serves one connection until it is closed.
pub(crate) async fn answer<S>(mut stream: S, connection: usize, replies: Vec<Reply>, log: Log)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some((head, body)) = read_request(&mut stream).await {
        let reply = {
            let mut seen = log.seen.lock().unwrap();
            let reply = replies.get(seen.len()).or(replies.last()).unwrap().clone();
            seen.push(Seen { connection, head, body });
            reply
        };
        match reply {
            Reply::Keep(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                drop(stream);
                log.closed.notify_one();
                return;
            }
            Reply::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
                std::future::pending::<()>().await;
            }
            Reply::Endless(first, again) => {
                let _ = stream.write_all(&first).await;
                while stream.write_all(&again).await.is_ok() {}
                return;
            }
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

pub(crate) fn overridden(origin: &str, path_prefix: &str) -> Endpoint {
    let allowed = OriginOverrides::parse([origin]).unwrap();
    Endpoint::from_override(origin, path_prefix, &allowed).unwrap()
}

pub(crate) fn client() -> Client {
    Client::new(Options::default()).unwrap()
}

/// Long enough for a loaded machine; tests that need a timeout to pass set their own.
pub(crate) fn get(endpoint: Endpoint) -> Request {
    Request {
        method: Method::GET,
        endpoint,
        path: "/x".to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        credential: None,
        timeout: Duration::from_secs(20),
        pool: PoolKey::new("tenant/account"),
    }
}

pub(crate) fn post(endpoint: Endpoint, body: &'static str) -> Request {
    Request {
        method: Method::POST,
        body: Some(body.into()),
        ..get(endpoint)
    }
}

/// Short, for servers that never answer.
pub(crate) const SOON: Duration = Duration::from_millis(150);
