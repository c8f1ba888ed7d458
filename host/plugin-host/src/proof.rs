//! Judges whether a webhook is genuine: computes what a plugin's plan says must be true, over the raw bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{Ack, Secret, WebhookDecision, WebhookRejection};
use tillgate_domain::Timestamp;

use crate::contract::v0_1::webhook_types as w;
use crate::limits::TOLERANCE_MAX_MS;
use crate::manifest::{Coverage, KeyForm, Manifest, Secret as Declared};

/// A plan that proves nothing, or names what isn't there.
pub(crate) type InvalidPlan = String;

/// What is judged.
pub(crate) struct Judge<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) body: &'a [u8],
    pub(crate) now: Timestamp,
}

impl Judge<'_> {
    /// Judges a plan.
    pub(crate) fn judge(&self, plan: &w::ProofPlan, on_failure: Option<Ack>) -> Result<WebhookDecision, InvalidPlan> {
        self.check(plan)?;
        let (mut secret_index, mut fetch_back) = (None, false);
        for proof in &plan.proofs {
            match proof {
                w::Proof::FetchBack => fetch_back = true,
                w::Proof::Hmac(proof) => {
                    let keyed = |key: &[u8]| self.hmac_holds(proof, key);
                    match self.first_that_holds(&proof.secret, keyed)? {
                        Some(index) => secret_index = Some(index),
                        None => return Ok(self.unproven(&proof.secret, on_failure)),
                    }
                }
                w::Proof::Ed25519(proof) => {
                    let keyed = |key: &[u8]| self.ed25519_holds(proof, key);
                    match self.first_that_holds(&proof.secret, keyed)? {
                        Some(index) => secret_index = Some(index),
                        None => return Ok(self.unproven(&proof.secret, on_failure)),
                    }
                }
                w::Proof::Basic(proof) => {
                    let keyed = |key: &[u8]| bool::from(key.ct_eq(&proof.credentials));
                    match self.first_that_holds(&proof.secret, keyed)? {
                        Some(index) => secret_index = Some(index),
                        None => return Ok(self.unproven(&proof.secret, on_failure)),
                    }
                }
            }
        }
        Ok(match plan.signed_time.as_ref().and_then(|time| self.untimely(time)) {
            Some((reason, message)) => WebhookDecision::Rejected {
                reason,
                message,
                ack: on_failure,
            },
            None => WebhookDecision::Proven {
                secret_index,
                fetch_back,
            },
        })
    }

    fn check(&self, plan: &w::ProofPlan) -> Result<(), InvalidPlan> {
        if plan.proofs.is_empty() {
            return Err("the plan proves nothing".to_owned());
        }
        let asks_back = plan.proofs.iter().any(|proof| matches!(proof, w::Proof::FetchBack));
        let covers = plan.proofs.iter().any(|proof| match proof {
            w::Proof::Hmac(proof) => covers_body(&proof.message),
            w::Proof::Ed25519(proof) => covers_body(&proof.message),
            // Who knows the credentials is the provider, and sends over TLS.
            w::Proof::Basic(_) => true,
            w::Proof::FetchBack => false,
        });
        if !(covers || asks_back || self.manifest.behavior.coverage == Coverage::Fields) {
            return Err("the plan covers neither the whole body nor asks the provider".to_owned());
        }
        Ok(())
    }

    /// The first of the active secrets of a name, newest first, under which something holds.
    fn first_that_holds(&self, name: &str, holds: impl Fn(&[u8]) -> bool) -> Result<Option<usize>, InvalidPlan> {
        let declared = self
            .manifest
            .secrets
            .get(name)
            .ok_or_else(|| format!("the manifest has no secret {name:?}"))?;
        let active = self.account.secrets.get(name).map_or(&[][..], Vec::as_slice);
        for (index, secret) in active.iter().enumerate() {
            let key = key_of(declared, secret);
            if !key.is_empty() && holds(&key) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn hmac_holds(&self, proof: &w::HmacProof, key: &[u8]) -> bool {
        match proof.hash {
            w::Hash::Sha1 => self.mac_holds::<Hmac<Sha1>>(proof, key),
            w::Hash::Sha256 => self.mac_holds::<Hmac<Sha256>>(proof, key),
            w::Hash::Sha512 => self.mac_holds::<Hmac<Sha512>>(proof, key),
        }
    }

    fn mac_holds<M: Mac + hmac::KeyInit + Clone>(&self, proof: &w::HmacProof, key: &[u8]) -> bool {
        let Ok(mut mac) = <M as hmac::KeyInit>::new_from_slice(key) else {
            return false;
        };
        for part in &proof.message {
            self.with_part(part, |bytes| mac.update(bytes));
        }
        // All are compared, each in constant time: which one holds is nobody's business.
        proof.signatures.iter().fold(false, |any, signature| {
            any | mac.clone().verify_slice(signature).is_ok()
        })
    }

    fn ed25519_holds(&self, proof: &w::Ed25519Proof, key: &[u8]) -> bool {
        let Some(key) = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok()) else {
            return false;
        };
        let mut message = Vec::with_capacity(self.body.len() + 128);
        for part in &proof.message {
            self.with_part(part, |bytes| message.extend_from_slice(bytes));
        }
        proof
            .signatures
            .iter()
            .filter_map(|signature| Signature::from_slice(signature).ok())
            .any(|signature| key.verify_strict(&message, &signature).is_ok())
    }

    fn with_part(&self, part: &w::MessagePart, mut take: impl FnMut(&[u8])) {
        match part {
            w::MessagePart::Literal(bytes) => take(bytes),
            w::MessagePart::Body => take(self.body),
            w::MessagePart::BodyCrc32 => take(crc32(self.body).to_string().as_bytes()),
        }
    }

    fn unproven(&self, secret: &str, ack: Option<Ack>) -> WebhookDecision {
        let known = self
            .account
            .secrets
            .get(secret)
            .is_some_and(|active| !active.is_empty());
        let message = if known {
            format!("no active {secret} of this account proves the request")
        } else {
            format!("this account has no {secret} yet, so that nothing can be proven")
        };
        WebhookDecision::Rejected {
            reason: WebhookRejection::SignatureInvalid,
            message,
            ack,
        }
    }

    fn untimely(&self, time: &w::SignedTime) -> Option<(WebhookRejection, String)> {
        let age = self.now.as_millis().saturating_sub(time.at);
        let past = i64::try_from(time.tolerance_past.min(TOLERANCE_MAX_MS)).unwrap_or(i64::MAX);
        let future = i64::try_from(time.tolerance_future.min(TOLERANCE_MAX_MS)).unwrap_or(i64::MAX);
        if age > past {
            let message = format!("signed {} s ago; at most {} s are accepted", age / 1000, past / 1000);
            return Some((WebhookRejection::TooOld, message));
        }
        if age < -future {
            let message = format!(
                "signed {} s in the future; at most {} s are accepted",
                -age / 1000,
                future / 1000
            );
            return Some((WebhookRejection::TooNew, message));
        }
        None
    }
}

fn covers_body(message: &[w::MessagePart]) -> bool {
    message
        .iter()
        .any(|part| matches!(part, w::MessagePart::Body | w::MessagePart::BodyCrc32))
}

fn key_of(declared: &Declared, secret: &Secret) -> Vec<u8> {
    let text = secret.expose();
    match declared.key {
        KeyForm::Utf8 => text.as_bytes().to_vec(),
        KeyForm::Sha1 => Sha1::digest(text.as_bytes()).to_vec(),
        KeyForm::Hex => hex::decode(text).unwrap_or_default(),
        KeyForm::Base64 => {
            let bare = declared
                .prefixes
                .all()
                .find_map(|prefix| text.strip_prefix(prefix.as_str()))
                .unwrap_or(text);
            STANDARD.decode(bare).unwrap_or_default()
        }
    }
}

/// CRC-32 as in ISO 3309 and zlib (RFC 1952, section 8). It is part of a signed message, never a proof by itself.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn crc32_is_that_of_rfc_1952() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
