use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tillgate_egress::{Client, FailureKind, Options, PoolKey, Request, Stage};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    exchanges::failed,
    server::{Log, Reply, answer, get, overridden, post},
};

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

fn identity(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    Identity {
        certificate: made.cert.der().clone(),
        key: made.signing_key.serialize_der().into(),
    }
}

impl Identity {
    fn acceptor(&self, protocol: &[u8]) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key().into())
            .unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    fn client(&self) -> Client {
        let extra_roots = vec![self.certificate.to_vec()];
        Client::new(Options {
            extra_roots,
            ..Options::default()
        })
        .unwrap()
    }
}

async fn http1_server(identity: &Identity) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acceptor, log) = (identity.acceptor(b"http/1.1"), Log::default());
    let seen = log.clone();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(tcp).await {
                tokio::spawn(answer(stream, 0, vec![Reply::ok("tls")], seen.clone()));
            }
        }
    });
    (address, log)
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to() {
    let identity = identity("127.0.0.1");
    let (address, log) = http1_server(&identity).await;
    let endpoint = overridden(&format!("https://{address}"), "");
    let response = identity.client().send(get(endpoint)).await.unwrap();
    assert_eq!(&response.body[..], b"tls");
    assert_eq!(log.seen().len(), 1);
}

#[tokio::test]
async fn an_untrusted_or_misnamed_certificate_was_not_sent() {
    let named = identity("127.0.0.1");
    let misnamed = identity("api.example.com");
    let untrusting = Client::new(Options::default()).unwrap();
    for (server, client) in [(&named, &untrusting), (&misnamed, &misnamed.client())] {
        let (address, log) = http1_server(server).await;
        let request = post(overridden(&format!("https://{address}"), ""), "a");
        let error = failed(client.send(request).await.unwrap_err());
        assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::Tls), "{error}");
        assert!(log.seen().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_tls_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let plain = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut tcp, plain).await.unwrap();
    });
    let client = Client::new(Options::default()).unwrap();
    let error = failed(client.send(post(overridden(&origin, ""), "a")).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::Tls), "{error}");
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    let extra_roots = vec![b"not a certificate".to_vec()];
    assert!(
        Client::new(Options {
            extra_roots,
            ..Options::default()
        })
        .is_err()
    );
}

/// Answers every HTTP/2 request with its authority and path, and counts the connections in `x-connection`.
pub(crate) async fn http2_server(identity_of: &str) -> (SocketAddr, Client) {
    let identity = identity(identity_of);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acceptor, client) = (identity.acceptor(b"h2"), identity.client());
    tokio::spawn(async move {
        for connection in 0.. {
            let (tcp, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(tcp).await.unwrap();
            let echo = service_fn(move |request: http::Request<hyper::body::Incoming>| async move {
                let uri = request.uri();
                let body = format!("{} {}", uri.authority().unwrap(), uri.path());
                http::Response::builder()
                    .header("x-connection", connection)
                    .body(Full::new(Bytes::from(body)))
            });
            tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), echo));
        }
    });
    (address, client)
}

#[tokio::test]
async fn http2_is_spoken_where_offered_and_keeps_owners_apart() {
    let (address, client) = http2_server("127.0.0.1").await;
    let mut connections = Vec::new();
    for owner in ["a", "a", "b"] {
        let endpoint = overridden(&format!("https://{address}"), "/v1");
        let request = Request {
            pool: PoolKey::new(owner),
            ..post(endpoint, "a")
        };
        let response = client.send(request).await.unwrap();
        assert_eq!(response.body, format!("{address} /v1/x"));
        let connection = response.headers.iter().find(|(name, _)| name == "x-connection");
        connections.push(connection.unwrap().1.clone());
    }
    assert_eq!(connections, [b"0", b"0", b"1"]);
}
