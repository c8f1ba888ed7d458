//! Signs events as Standard Webhooks does (<https://github.com/standard-webhooks/standard-webhooks>, version 1.0.0):
//! HMAC-SHA-256 over id, time and body, with each secret that is active.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::ports::Secret;

/// What a secret begins with, before its bytes in base64.
const PREFIX: &str = "whsec_";

/// Random bytes in a secret, as many as HMAC-SHA-256 makes use of; Standard Webhooks asks for 24 to 64.
pub(crate) const SECRET_BYTES: usize = 32;

/// A secret of these bytes.
pub(crate) fn secret_of(bytes: &[u8]) -> Secret {
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The headers of an event that is sent at a time, in seconds since 1970. A secret that is none signs nothing.
pub(crate) fn signed_headers(id: &str, seconds: i64, body: &str, secrets: &[Secret]) -> Vec<(String, String)> {
    let signatures: Vec<String> = secrets
        .iter()
        .filter_map(|secret| {
            let encoded = secret.expose().strip_prefix(PREFIX)?;
            let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body.as_bytes());
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        })
        .collect();
    vec![
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), seconds.to_string()),
        ("webhook-signature".to_owned(), signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn it_signs_as_the_specification_does() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let headers = signed_headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            &[secret],
        );
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_active_secret_signs() {
        let secrets = [
            secret_of(&[1; 32]),
            secret_of(&[2; 32]),
            Secret::new("nothing".to_owned()),
        ];
        let headers = signed_headers("evt_1", 1, "{}", &secrets);
        assert_eq!(headers[2].1.split(' ').count(), 2);
    }
}
