//! What the host does with a proof plan, so that signature rules can be tested with known signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::types::Timestamp;
use crate::webhooks::{Hash, HmacProof, MessagePart, Proof, ProofPlan};

/// Why a plan doesn't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// It asks for nothing.
    Empty,
    /// No secret of that name was given.
    NoSecret,
    /// A proof doesn't hold.
    Mismatch,
    /// It was signed too long ago.
    TooOld,
    /// It was signed in the future.
    TooNew,
    /// This harness can't establish proofs of that kind.
    Unsupported,
}

/// Establishes a plan, with secrets by name and a clock. A secret's key is its bytes; several secrets of a name are
/// tried one after the other, as in a rotation.
///
/// # Errors
///
/// Says why the plan doesn't hold. The signed time is judged after the proofs.
pub fn establish(plan: &ProofPlan, body: &[u8], secrets: &[(&str, &[u8])], now: Timestamp) -> Result<(), Unproven> {
    if plan.proofs.is_empty() {
        return Err(Unproven::Empty);
    }
    for proof in &plan.proofs {
        match proof {
            Proof::Hmac(hmac) => check_hmac(hmac, body, secrets)?,
            Proof::Basic(basic) => {
                let holds = |secret: &[u8]| secret == basic.credentials.as_slice();
                any_secret(&basic.secret, secrets, holds)?;
            }
            Proof::Ed25519(_) | Proof::FetchBack => return Err(Unproven::Unsupported),
        }
    }
    let Some(signed) = &plan.signed_time else {
        return Ok(());
    };
    let age = i128::from(now) - i128::from(signed.at);
    if age > i128::from(signed.tolerance_past) {
        Err(Unproven::TooOld)
    } else if -age > i128::from(signed.tolerance_future) {
        Err(Unproven::TooNew)
    } else {
        Ok(())
    }
}

/// Signs as the sender of a webhook would; for making test signatures.
#[must_use]
pub fn sign(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    macro_rules! sign {
        ($hash:ty) => {{
            let mac = Hmac::<$hash>::new_from_slice(key);
            let mut mac = mac.expect("HMAC takes keys of any length");
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match hash {
        Hash::Sha1 => sign!(Sha1),
        Hash::Sha256 => sign!(Sha256),
        Hash::Sha512 => sign!(Sha512),
    }
}

/// Base64, for test signatures of providers that use it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Lower-case hex, for test signatures of providers that use it.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

fn check_hmac(proof: &HmacProof, body: &[u8], secrets: &[(&str, &[u8])]) -> Result<(), Unproven> {
    let mut message = Vec::new();
    for part in &proof.message {
        match part {
            MessagePart::Literal(bytes) => message.extend_from_slice(bytes),
            MessagePart::Body => message.extend_from_slice(body),
            MessagePart::BodyCrc32 => message.extend_from_slice(crc32(body).to_string().as_bytes()),
        }
    }
    any_secret(&proof.secret, secrets, |secret| {
        let expected = sign(proof.hash, secret, &message);
        proof.signatures.contains(&expected)
    })
}

fn any_secret(name: &str, secrets: &[(&str, &[u8])], holds: impl Fn(&[u8]) -> bool) -> Result<(), Unproven> {
    let mut named = secrets.iter().filter(|(key, _)| *key == name).peekable();
    if named.peek().is_none() {
        return Err(Unproven::NoSecret);
    }
    let proven = named.any(|(_, secret)| holds(secret));
    proven.then_some(()).ok_or(Unproven::Mismatch)
}

fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32_is_right() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_known_hmac_is_established() {
        // RFC 4231, test case 2.
        let signature = hex::decode("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let plan = Proof::hmac_sha256("s").body().signature(signature.unwrap()).plan();
        let body = b"what do ya want for nothing?";
        assert_eq!(establish(&plan, body, &[("s", b"Jefe")], 0), Ok(()));
        assert_eq!(establish(&plan, body, &[("s", b"no"), ("s", b"Jefe")], 0), Ok(()));
        assert_eq!(establish(&plan, body, &[("s", b"no")], 0), Err(Unproven::Mismatch));
        assert_eq!(establish(&plan, body, &[("t", b"Jefe")], 0), Err(Unproven::NoSecret));
        let dated = plan.signed_at(1_000_000, 300);
        assert_eq!(establish(&dated, body, &[("s", b"Jefe")], 1_000_300), Ok(()));
        assert_eq!(
            establish(&dated, body, &[("s", b"Jefe")], 1_000_301),
            Err(Unproven::TooOld)
        );
        assert_eq!(
            establish(&dated, body, &[("s", b"Jefe")], 999_699),
            Err(Unproven::TooNew)
        );
    }

    #[test]
    fn a_plan_without_proofs_proves_nothing() {
        let plan = ProofPlan {
            proofs: vec![],
            signed_time: None,
            on_failure: None,
        };
        assert_eq!(establish(&plan, b"", &[], 0), Err(Unproven::Empty));
    }
}
