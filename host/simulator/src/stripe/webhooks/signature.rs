//! `Stripe-Signature` (<https://docs.stripe.com/webhooks#verify-manually>).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header for a body sent at `time`: HMAC-SHA256 over `{time}.{body}`,
/// keyed with the whole secret including its `whsec_`, once for each secret.
pub(crate) fn signature_header(secrets: &[String], time: i64, body: &str) -> String {
    let mut header = format!("t={time}");
    for secret in secrets {
        // HMAC takes keys of any length, so this cannot fail.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            mac.update(format!("{time}.").as_bytes());
            mac.update(body.as_bytes());
            header.push_str(",v1=");
            header.push_str(&hex::encode(mac.finalize().into_bytes()));
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The official static vector: `EventUtilityTest.cs` and
    /// `event_test_signature.json` of stripe-dotnet.
    #[test]
    fn the_official_vector_is_reproduced() {
        let body = concat!(
            "{\n  \"id\": \"evt_123\",\n  \"object\": \"event\",\n  \"account\": \"acct_123\",\n",
            "  \"api_version\": \"2017-05-25\",\n  \"created\": 1533204620,\n  \"data\": {\n",
            "    \"object\": {\n      \"id\": \"cus_123\",\n      \"object\": \"customer\",\n",
            "      \"created\": 123456789,\n      \"email\": \"test@stripe.com\",\n",
            "      \"livemode\": false,\n      \"metadata\": {}\n    }\n  },\n",
            "  \"livemode\": false,\n  \"pending_webhooks\": 1,\n  \"request\": {\n",
            "    \"id\": \"req_123\",\n    \"idempotency_key\": \"idempotency-key-123\"\n  },\n",
            "  \"type\": \"customer.created\"\n}\n",
        );
        let secrets = ["webhook_secret".to_owned()];
        assert_eq!(
            signature_header(&secrets, 1_533_204_620, body),
            "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7"
        );
    }

    #[test]
    fn both_secrets_sign_during_a_roll() {
        let secrets = ["a".to_owned(), "b".to_owned()];
        assert_eq!(signature_header(&secrets, 1, "{}").matches("v1=").count(), 2);
    }
}
