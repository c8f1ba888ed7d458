//! Judges whether a webhook is genuine: computes what a plugin's plan says must be true, over the raw bytes.

#[cfg(test)]
mod tests;

use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{Ack, WebhookDecision, WebhookRejection};
use tillgate_domain::Timestamp;

use crate::limits::{PROOFS_MAX, SIGNATURES_MAX, TOLERANCE_MAX_MS};
use crate::manifest::{Coverage, Manifest};

/// What a plugin wants done with a webhook.
#[derive(Debug, Clone)]
pub(crate) enum Authentication {
    /// Establish this.
    Prove(Plan),
    /// The provider only checks that we are here.
    Handshake(Ack),
    /// Refuse it.
    Rejected {
        reason: WebhookRejection,
        message: String,
        ack: Option<Ack>,
    },
}

/// What has to be true: all of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) proofs: Vec<Proof>,
    pub(crate) signed_time: Option<SignedTime>,
    pub(crate) on_failure: Option<Ack>,
}

/// One thing that has to be true.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// One of the signatures is that of the message under the secret.
    Signed {
        scheme: Scheme,
        secret: String,
        message: Vec<Part>,
        signatures: Vec<Vec<u8>>,
    },
    /// The credentials are the secret.
    Basic { secret: String, credentials: Vec<u8> },
    /// Nothing proves anything: the provider has to be asked.
    FetchBack,
}

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    Ed25519,
}

/// A part of a signed message.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(Vec<u8>),
    Body,
    BodyCrc32,
}

/// A time that was signed, and how far it may lie away, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedTime {
    pub(crate) at: i64,
    pub(crate) tolerance_past: u64,
    pub(crate) tolerance_future: u64,
}

impl Plan {
    /// Whether the provider has to be asked.
    pub(crate) fn asks_back(&self) -> bool {
        self.proofs.iter().any(|proof| matches!(proof, Proof::FetchBack))
    }
}

/// A plan that proves nothing, or names what isn't there.
pub(crate) type InvalidPlan = String;

/// What is judged.
pub(crate) struct Judge<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) body: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Why a proof doesn't hold.
type Unproven = (WebhookRejection, String);

impl Judge<'_> {
    /// Judges a plan.
    pub(crate) fn judge(&self, plan: Plan) -> Result<WebhookDecision, InvalidPlan> {
        self.check(&plan)?;
        let mut secret_index = None;
        for proof in &plan.proofs {
            match self.prove(proof)? {
                // The oldest secret that was needed is what an operator has to know of.
                Ok(index) => secret_index = secret_index.max(index),
                Err((reason, message)) => return Ok(rejected(reason, message, plan.on_failure)),
            }
        }
        // After the proofs: an unsigned time says nothing.
        if let Some((reason, message)) = plan.signed_time.and_then(|time| self.untimely(time)) {
            return Ok(rejected(reason, message, plan.on_failure));
        }
        Ok(WebhookDecision::Proven {
            secret_index,
            fetch_back: plan.asks_back(),
        })
    }

    /// Whether a plan proves something, if it holds.
    fn check(&self, plan: &Plan) -> Result<(), InvalidPlan> {
        if plan.proofs.is_empty() || plan.proofs.len() > PROOFS_MAX {
            let count = plan.proofs.len();
            return Err(format!("the plan has {count} proofs, not 1 to {PROOFS_MAX}"));
        }
        let may_cover_less = plan.asks_back() || self.manifest.behavior.coverage == Coverage::Fields;
        for proof in &plan.proofs {
            let (Proof::Signed { secret, .. } | Proof::Basic { secret, .. }) = proof else {
                continue;
            };
            if !self.manifest.secrets.contains_key(secret) {
                return Err(format!(
                    "the plan names secret {secret:?}, which the manifest doesn't have"
                ));
            }
            if let Proof::Signed { message, .. } = proof
                && !may_cover_less
                && !message.iter().any(|part| matches!(part, Part::Body | Part::BodyCrc32))
            {
                return Err(format!(
                    "the message signed with {secret} doesn't hold the body, and the manifest doesn't say \
                     coverage = \"fields\""
                ));
            }
        }
        Ok(())
    }

    /// Which of the active secrets, newest first, proves it; none where no secret is involved.
    fn prove(&self, proof: &Proof) -> Result<Result<Option<usize>, Unproven>, InvalidPlan> {
        match proof {
            Proof::FetchBack => Ok(Ok(None)),
            Proof::Signed {
                scheme,
                secret,
                message,
                signatures,
            } => {
                let count = signatures.len();
                if count > SIGNATURES_MAX {
                    let message =
                        format!("the request carries {count} signatures; at most {SIGNATURES_MAX} are checked");
                    return Ok(Err((WebhookRejection::SignatureMalformed, message)));
                }
                let signed = Signed {
                    message,
                    body: self.body,
                    signatures,
                };
                self.first_that_holds(secret, |key| signed.holds(*scheme, key))
            }
            Proof::Basic { secret, credentials } => {
                self.first_that_holds(secret, |key| bool::from(key.ct_eq(credentials)))
            }
        }
    }

    fn first_that_holds(
        &self,
        name: &str,
        holds: impl Fn(&[u8]) -> bool,
    ) -> Result<Result<Option<usize>, Unproven>, InvalidPlan> {
        let declared = self
            .manifest
            .secrets
            .get(name)
            .ok_or_else(|| format!("the manifest has no secret {name:?}"))?;
        let active = self.account.secrets.get(name).map_or(&[][..], Vec::as_slice);
        for (index, secret) in active.iter().enumerate() {
            let key = declared.key_of(self.account.mode, secret.expose());
            if key.is_some_and(|key| holds(&key)) {
                return Ok(Ok(Some(index)));
            }
        }
        let message = match active.len() {
            0 => format!("this account has no {name} yet, so that nothing can be proven"),
            1 => format!("the account's {name} doesn't prove the request"),
            several => format!("none of the account's {several} active {name}s proves the request"),
        };
        Ok(Err((WebhookRejection::SignatureInvalid, message)))
    }

    fn untimely(&self, time: SignedTime) -> Option<Unproven> {
        let age = self.now.as_millis().saturating_sub(time.at);
        let bound = |tolerance: u64| i64::try_from(tolerance.min(TOLERANCE_MAX_MS)).unwrap_or(i64::MAX);
        let (past, future) = (bound(time.tolerance_past), bound(time.tolerance_future));
        if age > past {
            let (age, past) = (age / 1000, past / 1000);
            let message = format!("signed {age} s ago; at most {past} s are accepted");
            return Some((WebhookRejection::TooOld, message));
        }
        if age < -future {
            let (ahead, future) = (age.saturating_neg() / 1000, future / 1000);
            let message = format!("signed {ahead} s in the future; at most {future} s are accepted");
            return Some((WebhookRejection::TooNew, message));
        }
        None
    }
}

fn rejected(reason: WebhookRejection, message: String, ack: Option<Ack>) -> WebhookDecision {
    WebhookDecision::Rejected { reason, message, ack }
}

/// A message and the signatures that came with it.
struct Signed<'a> {
    message: &'a [Part],
    body: &'a [u8],
    signatures: &'a [Vec<u8>],
}

impl Signed<'_> {
    fn holds(&self, scheme: Scheme, key: &[u8]) -> bool {
        match scheme {
            Scheme::HmacSha1 => self.hmac_holds::<Hmac<Sha1>>(key),
            Scheme::HmacSha256 => self.hmac_holds::<Hmac<Sha256>>(key),
            Scheme::HmacSha512 => self.hmac_holds::<Hmac<Sha512>>(key),
            Scheme::Ed25519 => self.ed25519_holds(key),
        }
    }

    fn hmac_holds<M: Mac + KeyInit + Clone>(&self, key: &[u8]) -> bool {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
            return false;
        };
        self.each_part(|bytes| mac.update(bytes));
        // All are compared, each in constant time and whole: which one holds is nobody's business.
        self.signatures.iter().fold(false, |any, signature| {
            any | mac.clone().verify_slice(signature).is_ok()
        })
    }

    fn ed25519_holds(&self, key: &[u8]) -> bool {
        let Some(key) = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok()) else {
            return false;
        };
        let mut message = Vec::with_capacity(self.body.len() + 128);
        self.each_part(|bytes| message.extend_from_slice(bytes));
        self.signatures
            .iter()
            .filter_map(|signature| Signature::from_slice(signature).ok())
            .any(|signature| key.verify_strict(&message, &signature).is_ok())
    }

    fn each_part(&self, mut take: impl FnMut(&[u8])) {
        for part in self.message {
            match part {
                Part::Literal(bytes) => take(bytes),
                Part::Body => take(self.body),
                Part::BodyCrc32 => take(crc32(self.body).to_string().as_bytes()),
            }
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
