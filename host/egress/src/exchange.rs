//! One exchange: from a checked request to a response, or to a failure that says how far it got.

use std::{error::Error as _, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{
    self,
    connect::{CaptureConnection, capture_connection},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    connect::ConnectError,
    error::{FailureKind, Stage, TransportFailure},
    pools::Pool,
};

/// What came back, before anything is removed from it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends the request once and reads the whole answer within `timeout`.
pub(crate) async fn exchange(
    pool: &Pool,
    mut request: http::Request<Full<Bytes>>,
    timeout: Duration,
    max_body: usize,
) -> Result<Answer, TransportFailure> {
    let deadline = Instant::now() + timeout;
    // Filled at the moment the request is handed to a connection.
    let captured = capture_connection(&mut request);
    let head = match timeout_at(deadline, pool.request(request)).await {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => return Err(head_failure(&error, &captured)),
        Err(_) => {
            let message = "no response in time";
            return Err(failure(handed_over(&captured), FailureKind::Timeout, message));
        }
    };
    let (head, body) = head.into_parts();
    let sent = |kind, message: &str| failure(Stage::Sent, kind, message);
    let body = timeout_at(deadline, read_body(body, max_body))
        .await
        .map_err(|_| sent(FailureKind::Timeout, "the response didn't end in time"))??;
    if !body.is_empty() && is_encoded(&head.headers) {
        let message = "the response is compressed, though that was declined";
        return Err(sent(FailureKind::Protocol, message));
    }
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    })
}

/// Reads until the end or the limit. Returning early drops the connection, which stops the sender.
async fn read_body(mut body: Incoming, max: usize) -> Result<Bytes, TransportFailure> {
    let too_large = || {
        let message = format!("the response body has more than {max} bytes");
        failure(Stage::Sent, FailureKind::TooLarge, message)
    };
    // An announced length is judged before anything is read.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_failure(&error))?;
        // Trailers are of no use to a plugin.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > max - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn handed_over(captured: &CaptureConnection) -> Stage {
    if captured.connection_metadata().is_some() {
        Stage::MaybeSent
    } else {
        Stage::NotSent
    }
}

/// A failure before the response head was complete.
fn head_failure(error: &legacy::Error, captured: &CaptureConnection) -> TransportFailure {
    let mut hyper_error = None;
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            return failure(Stage::NotSent, connect.kind, connect.message.clone());
        }
        hyper_error = hyper_error.or_else(|| cause.downcast_ref::<hyper::Error>());
        source = cause.source();
    }
    if error.is_connect() {
        // Connected, but the connection wasn't ready for a request: HTTP/2 settings that failed, or closed at once.
        let message = "the connection was closed before it could be used";
        return failure(Stage::NotSent, FailureKind::Connect, message);
    }
    let stage = handed_over(captured);
    match hyper_error {
        Some(error) if error.is_parse_too_large() => {
            let message = "the response head is too large";
            failure(Stage::Sent, FailureKind::TooLarge, message)
        }
        Some(error) if error.is_parse() => failure(stage, FailureKind::Protocol, "the response isn't HTTP"),
        _ => {
            let message = "the connection was closed before a response";
            failure(stage, FailureKind::Reset, message)
        }
    }
}

/// A failure while the body was read.
fn body_failure(error: &hyper::Error) -> TransportFailure {
    if error.is_parse() {
        let message = "the response body isn't framed as HTTP says";
        return failure(Stage::Sent, FailureKind::Protocol, message);
    }
    let message = "the connection was closed before the end of the response";
    failure(Stage::Sent, FailureKind::Reset, message)
}

fn failure(stage: Stage, kind: FailureKind, message: impl Into<String>) -> TransportFailure {
    TransportFailure {
        stage,
        kind,
        message: message.into(),
    }
}
