//! What a plugin wants done with a webhook, from the contract's types to the host's.

use tillgate_application::ports::{self as app, WebhookRejection};

use super::values::Malformed;
use super::webhook_types as w;
use crate::limits::{ACK_BODY_BYTES, ACK_HEADERS_MAX, MESSAGE_BYTES};
use crate::proof::{Authentication, Part, Plan, Proof, Scheme, SignedTime};
use crate::text::cut;

/// Headers the host sets itself, or that would say something about its own connection or origin.
const HOST_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn authentication(given: w::Authentication) -> Result<Authentication, Malformed> {
    Ok(match given {
        w::Authentication::Prove(plan) => Authentication::Prove(Plan {
            proofs: plan.proofs.into_iter().map(proof).collect(),
            signed_time: plan.signed_time.map(|time| SignedTime {
                at: time.at,
                tolerance_past: time.tolerance_past,
                tolerance_future: time.tolerance_future,
            }),
            on_failure: plan.on_failure.map(ack).transpose()?,
        }),
        w::Authentication::Handshake(given) => Authentication::Handshake(ack(given)?),
        w::Authentication::Rejected(rejection) => Authentication::Rejected {
            reason: match rejection.reason {
                w::RejectionReason::SignatureMissing => WebhookRejection::SignatureMissing,
                w::RejectionReason::SignatureMalformed => WebhookRejection::SignatureMalformed,
                w::RejectionReason::NotAWebhook => WebhookRejection::NotAWebhook,
            },
            message: cut(rejection.message, MESSAGE_BYTES),
            ack: rejection.ack.map(ack).transpose()?,
        },
    })
}

fn proof(given: w::Proof) -> Proof {
    match given {
        w::Proof::Hmac(proof) => Proof::Signed {
            scheme: match proof.hash {
                w::Hash::Sha1 => Scheme::HmacSha1,
                w::Hash::Sha256 => Scheme::HmacSha256,
                w::Hash::Sha512 => Scheme::HmacSha512,
            },
            secret: proof.secret,
            message: proof.message.into_iter().map(part).collect(),
            signatures: proof.signatures,
        },
        w::Proof::Ed25519(proof) => Proof::Signed {
            scheme: Scheme::Ed25519,
            secret: proof.secret,
            message: proof.message.into_iter().map(part).collect(),
            signatures: proof.signatures,
        },
        w::Proof::Basic(proof) => Proof::Basic {
            secret: proof.secret,
            credentials: proof.credentials,
        },
        w::Proof::FetchBack => Proof::FetchBack,
    }
}

fn part(given: w::MessagePart) -> Part {
    match given {
        w::MessagePart::Literal(bytes) => Part::Literal(bytes),
        w::MessagePart::Body => Part::Body,
        w::MessagePart::BodyCrc32 => Part::BodyCrc32,
    }
}

/// An answer to the provider: a status it can understand, and headers that are the plugin's to set and end no line.
pub(super) fn ack(given: w::Ack) -> Result<app::Ack, Malformed> {
    if !(200..=599).contains(&given.status) {
        return Err(format!("ack.status {} is not between 200 and 599", given.status));
    }
    if given.body.len() > ACK_BODY_BYTES {
        return Err(format!("ack.body is larger than {ACK_BODY_BYTES} bytes"));
    }
    if given.headers.len() > ACK_HEADERS_MAX {
        return Err(format!("ack.headers has more than {ACK_HEADERS_MAX} headers"));
    }
    for (name, value) in &given.headers {
        let Ok(header) = http::HeaderName::from_bytes(name.as_bytes()) else {
            return Err(format!("ack.headers has {name:?}, which is no header's name"));
        };
        if HOST_HEADERS.contains(&header.as_str()) {
            return Err(format!("ack.headers has {name:?}, which is the host's to set"));
        }
        if http::HeaderValue::from_str(value).is_err() {
            return Err(format!("ack.headers has {name:?} with a value that is no header's"));
        }
    }
    Ok(app::Ack {
        status: given.status,
        headers: given.headers,
        body: given.body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(status: u16, name: &str, value: &str, body: usize) -> w::Ack {
        w::Ack {
            status,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: vec![b' '; body],
        }
    }

    #[test]
    fn an_answer_to_a_provider_is_checked() {
        assert!(ack(given(498, "x-ok", "yes", ACK_BODY_BYTES)).is_ok());
        for (bad, named) in [
            (given(199, "x-ok", "yes", 0), "ack.status 199"),
            (given(600, "x-ok", "yes", 0), "ack.status 600"),
            (given(200, "x ok", "yes", 0), "\"x ok\""),
            (given(200, "", "yes", 0), "no header's name"),
            (given(200, "x-ok", "a\r\nb: c", 0), "\"x-ok\""),
            (given(200, "Content-Length", "3", 0), "Content-Length"),
            (given(200, "Set-Cookie", "a=b", 0), "Set-Cookie"),
            (given(200, "x-ok", "yes", ACK_BODY_BYTES + 1), "ack.body"),
        ] {
            let error = ack(bad).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
        let mut many = given(200, "x-ok", "yes", 0);
        many.headers = vec![("x-ok".to_owned(), String::new()); ACK_HEADERS_MAX + 1];
        assert!(ack(many).unwrap_err().contains("ack.headers"));
    }
}
