//! Opening a connection: resolve, judge every address, connect to exactly those, shake hands.

use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use crate::{
    address::is_public,
    bounds::MAX_CONNECT_ATTEMPTS,
    endpoint::Endpoint,
    error::{FailureKind, io_words},
    origin::{Host, Origin, Scheme},
    resolve::Resolve,
};

/// What every connection of a client is made with.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) resolver: Arc<dyn Resolve>,
    /// One configuration for all: it holds no client certificate, so a resumed TLS session names no tenant.
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
}

/// Opens connections to one endpoint. It is told its endpoint when it is made and ignores the URI it is called with,
/// so nothing in a request can choose where it connects to.
#[derive(Clone)]
pub(crate) struct Connector {
    dialer: Dialer,
    origin: Arc<Origin>,
    overridden: bool,
}

impl Connector {
    pub(crate) fn new(dialer: &Dialer, endpoint: &Endpoint) -> Self {
        Self {
            dialer: dialer.clone(),
            origin: Arc::new(endpoint.origin().clone()),
            overridden: endpoint.is_override(),
        }
    }

    async fn connect(self) -> Result<TokioIo<Stream>, ConnectError> {
        let deadline = Instant::now() + self.dialer.timeout;
        let timed_out = |_| ConnectError::new(FailureKind::Timeout, "no connection in time");
        let addresses = timeout_at(deadline, self.addresses()).await.map_err(timed_out)??;
        let tcp = self.open(&addresses, deadline).await?;
        if self.origin.scheme == Scheme::Http {
            return Ok(TokioIo::new(Stream::Plain(tcp)));
        }
        let tls = TlsConnector::from(self.dialer.tls).connect(server_name(&self.origin.host)?, tcp);
        let tls = timeout_at(deadline, tls)
            .await
            .map_err(timed_out)?
            .map_err(|error| tls_error(&error))?;
        Ok(TokioIo::new(Stream::Tls(Box::new(tls))))
    }

    /// The addresses to try. One that isn't public condemns the answer: a host that mixes both is either
    /// misconfigured or an attack that waits for the second address to be tried.
    async fn addresses(&self) -> Result<Vec<IpAddr>, ConnectError> {
        let host = match &self.origin.host {
            // Only an override can be an address.
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let found = self.dialer.resolver.resolve(host).await.map_err(|error| {
            let words = format!("`{host}` can't be resolved: {error}");
            ConnectError::new(FailureKind::Dns, words)
        })?;
        if found.is_empty() {
            let words = format!("`{host}` has no address");
            return Err(ConnectError::new(FailureKind::Dns, words));
        }
        if self.overridden {
            return Ok(found);
        }
        if let Some(address) = found.iter().find(|address| !is_public(**address)) {
            // For the operator alone: the error may reach a plugin, and what a name means inside isn't its business.
            tracing::warn!(%host, %address, "endpoint resolves to an address that isn't public");
            let words = format!("`{host}` resolves to an address that isn't public");
            return Err(ConnectError::new(FailureKind::AddressRefused, words));
        }
        Ok(found)
    }

    /// The first address that accepts. Each gets an even share of the time left, so that a silent one doesn't use up
    /// the turn of the others.
    async fn open(&self, addresses: &[IpAddr], deadline: Instant) -> Result<TcpStream, ConnectError> {
        let mut tries = addresses.len().min(MAX_CONNECT_ATTEMPTS);
        let mut failure = ConnectError::new(FailureKind::Connect, "no address to connect to");
        for address in addresses.iter().take(MAX_CONNECT_ATTEMPTS) {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / u32::try_from(tries).unwrap_or(1);
            tries -= 1;
            let address = SocketAddr::new(*address, self.origin.port);
            failure = match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written whole; waiting to fill a segment only delays them.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => ConnectError::new(FailureKind::Connect, io_words(&error)),
                Err(_) => ConnectError::new(FailureKind::Timeout, "no connection in time"),
            };
        }
        Err(failure)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, ConnectError> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone())
            .map_err(|_| ConnectError::new(FailureKind::Tls, "the host isn't a TLS server name")),
        Host::Address(address) => Ok(ServerName::from(*address)),
    }
}

/// What the TLS library found wrong, which names at most certificates.
fn tls_error(error: &io::Error) -> ConnectError {
    let words = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .map_or_else(|| io_words(error), ToString::to_string);
    ConnectError::new(FailureKind::Tls, words)
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl ConnectError {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ConnectError {}

/// An open connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, buffers),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }
}
