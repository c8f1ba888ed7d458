//! The client: checks, sends, cleans.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method};
use http_body_util::Full;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use crate::{
    bounds::{
        DEFAULT_CONNECT_TIMEOUT, DEFAULT_POOL_IDLE, DEFAULT_POOLS, DEFAULT_RESPONSE_BODY_BYTES, MAX_EXCHANGE_TIME,
        MAX_REQUEST_BODY_BYTES,
    },
    connect::Dialer,
    credential::Credential,
    error::{ClientError, RefusedRequest, Rule, SendError},
    exchange::exchange,
    headers::{request_headers, response_headers},
    pools::Pools,
    redact::Redactor,
    request::{Request, Response},
    resolve::{Resolve, SystemResolver},
    target::request_uri,
};

/// What a plugin may ask for. `CONNECT` and `TRACE` mean something to proxies; no provider uses `OPTIONS`.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// How a client behaves. The default is what production uses.
#[derive(Clone)]
pub struct Options {
    /// The `user-agent` of requests that set none. `tillgate/<version>` by default.
    pub user_agent: String,
    /// For resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Largest response body, in bytes.
    pub max_response_body: usize,
    /// Most pools (owner and endpoint) kept at once, at least 1.
    pub max_pools: usize,
    /// How long an unused connection is kept.
    pub pool_idle: Duration,
    /// Certificates (DER) trusted beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// How host names are looked up.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user_agent: concat!("tillgate/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_response_body: DEFAULT_RESPONSE_BODY_BYTES,
            max_pools: DEFAULT_POOLS,
            pool_idle: DEFAULT_POOL_IDLE,
            extra_roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("user_agent", &self.user_agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_response_body", &self.max_response_body)
            .field("max_pools", &self.max_pools)
            .field("pool_idle", &self.pool_idle)
            .field("extra_roots", &self.extra_roots.len())
            .finish_non_exhaustive()
    }
}

/// The client. Clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    user_agent: HeaderValue,
    max_response_body: usize,
    pools: Pools,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// A root certificate or the user agent isn't usable.
    pub fn new(options: Options) -> Result<Self, ClientError> {
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|_| ClientError::UserAgent)?;
        let dialer = Dialer {
            tls: Arc::new(tls_config(options.extra_roots)?),
            resolver: options.resolver,
            timeout: options.connect_timeout,
        };
        Ok(Self(Arc::new(Inner {
            user_agent,
            max_response_body: options.max_response_body,
            pools: Pools::new(dialer, options.max_pools, options.pool_idle),
        })))
    }

    /// Checks the request, sends it once, and reads the whole response. Every status is a response.
    ///
    /// Dropping the future closes the connection; how far the request got is then unknown.
    ///
    /// # Errors
    ///
    /// [`SendError::Refused`] if it breaks a [`Rule`], before anything is resolved; [`SendError::Failed`] if there is
    /// no complete response.
    pub async fn send(&self, request: Request) -> Result<Response, SendError> {
        let span = tracing::debug_span!(
            "exchange",
            method = %request.method,
            host = request.endpoint.host(),
            status = field::Empty,
            stage = field::Empty,
            failure = field::Empty,
            duration_ms = field::Empty,
        );
        let started = Instant::now();
        async {
            let result = self.checked_send(request).await;
            note(&Span::current(), &result, started.elapsed());
            result
        }
        .instrument(span)
        .await
    }

    async fn checked_send(&self, request: Request) -> Result<Response, SendError> {
        let inner = &self.0;
        let redactor = request
            .credential
            .as_ref()
            .map_or_else(Redactor::default, Credential::redactor);
        let pool_owner = request.pool.clone();
        let endpoint = request.endpoint.clone();
        let timeout = request.timeout.min(MAX_EXCHANGE_TIME);
        let request = prepare(request, &inner.user_agent)?;
        let pool = inner.pools.get(&pool_owner, &endpoint);
        let answer = exchange(&pool, request, timeout, inner.max_response_body).await?;
        let (body, redacted) = redactor.scrub_body(answer.body);
        if redacted {
            tracing::warn!("the response echoed the credential; it was redacted");
        }
        Ok(Response {
            status: answer.status,
            headers: response_headers(&answer.headers, &redactor, redacted),
            body,
        })
    }
}

/// Everything that is decided about a request before it is sent.
fn prepare(request: Request, user_agent: &HeaderValue) -> Result<http::Request<Full<Bytes>>, RefusedRequest> {
    if !METHODS.contains(&request.method) {
        let detail = "it isn't GET, HEAD, POST, PUT, PATCH or DELETE";
        return Err(RefusedRequest::new(Rule::Method, detail));
    }
    if request.timeout.is_zero() {
        return Err(RefusedRequest::new(Rule::Timeout, "it is zero"));
    }
    let body = request.body.unwrap_or_default();
    if body.len() > MAX_REQUEST_BODY_BYTES {
        return Err(RefusedRequest::new(
            Rule::BodySize,
            format!("the body has more than {MAX_REQUEST_BODY_BYTES} bytes"),
        ));
    }
    let credential = request.credential.as_ref();
    let uri = request_uri(&request.endpoint, &request.path, &request.query, credential)?;
    let headers = request_headers(&request.headers, credential, user_agent)?;
    let mut prepared = http::Request::new(Full::new(body));
    *prepared.method_mut() = request.method;
    *prepared.uri_mut() = uri;
    *prepared.headers_mut() = headers;
    Ok(prepared)
}

fn note(span: &Span, result: &Result<Response, SendError>, elapsed: Duration) {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.record("duration_ms", milliseconds);
    match result {
        Ok(response) => {
            span.record("status", response.status);
        }
        Err(SendError::Refused(refused)) => {
            span.record("failure", refused.rule.name());
        }
        Err(SendError::Failed(failed)) => {
            span.record("stage", failed.stage.name());
            span.record("failure", failed.kind.name());
        }
    }
    tracing::debug!("exchange ended");
}

/// One TLS configuration for all connections: the public roots, TLS 1.2 and later, HTTP/2 where offered.
fn tls_config(extra_roots: Vec<Vec<u8>>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for (index, der) in extra_roots.into_iter().enumerate() {
        roots
            .add(CertificateDer::from(der))
            .map_err(|error| ClientError::Root {
                index,
                reason: error.to_string(),
            })?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
