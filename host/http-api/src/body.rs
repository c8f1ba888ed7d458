//! Reads bodies: within a size, within a time, and copied once.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::bounds::{BODY_RESERVED_BYTES, DISCARD_MAX_BYTES, DISCARD_TIMEOUT};
use crate::codes::Code;
use crate::problem::Problem;

/// How much may come, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

/// Reads a whole body.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Vec<u8>, Problem> {
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > limits.max_bytes as u64) {
        discard(headers, body).await;
        return Err(too_large(limits.max_bytes));
    }
    let reserved = declared
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0)
        .min(BODY_RESERVED_BYTES);
    match tokio::time::timeout(limits.timeout, collect(body, reserved, limits.max_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(NotRead::TooLarge(rest))) => {
            discard(headers, rest).await;
            Err(too_large(limits.max_bytes))
        }
        Ok(Err(NotRead::Broken)) => Err(Problem::new(
            Code::BodyIncomplete,
            "the body ended before it was complete",
        )),
        Err(_) => {
            let seconds = limits.timeout.as_secs_f32();
            Err(Problem::new(
                Code::RequestTimeout,
                format!("the body was not complete after {seconds} seconds"),
            ))
        }
    }
}

/// The length a caller promises.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

enum NotRead {
    TooLarge(Body),
    Broken,
}

async fn collect(mut body: Body, reserved: usize, max_bytes: usize) -> Result<Vec<u8>, NotRead> {
    let mut bytes = Vec::with_capacity(reserved);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(NotRead::Broken);
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > max_bytes {
            return Err(NotRead::TooLarge(body));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("the body is larger than the {max_bytes} bytes that are taken here"),
    )
}

/// Reads on for a while without keeping anything: closing a connection on which the caller still sends would break it
/// before the answer is read. Who waits for a "100 Continue" has sent nothing, and is answered at once.
async fn discard(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, axum::body::Bytes::len);
            if seen > DISCARD_MAX_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits {
        max_bytes: 4,
        timeout: Duration::from_millis(20),
    };

    async fn code_of(headers: HeaderMap, body: Body) -> &'static str {
        read(&headers, body, LIMITS).await.unwrap_err().code().info().code
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        assert_eq!(
            read(&HeaderMap::new(), Body::from("1234"), LIMITS).await.unwrap(),
            b"1234"
        );
        assert_eq!(code_of(HeaderMap::new(), Body::from("12345")).await, "body_too_large");
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "5".parse().unwrap());
        headers.insert(header::EXPECT, "100-continue".parse().unwrap());
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        assert_eq!(code_of(headers, endless).await, "body_too_large");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_cut_off() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        assert_eq!(code_of(HeaderMap::new(), endless).await, "request_timeout");
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_told_as_such() {
        let broken = futures_util::stream::iter([Ok(vec![1]), Err(std::io::Error::other("reset"))]);
        assert_eq!(
            code_of(HeaderMap::new(), Body::from_stream(broken)).await,
            "body_incomplete"
        );
    }
}
