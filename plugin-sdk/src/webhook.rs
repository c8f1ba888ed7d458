//! Reading webhook requests, and saying what has to be true of them.

use crate::types::Timestamp;
use crate::webhooks::{
    Ack, Authentication, Ed25519Proof, Hash, HmacProof, MessagePart, Proof, ProofPlan, Rejection, RejectionReason,
    SignedTime, WebhookRequest,
};

impl WebhookRequest {
    /// All values of a header, in the order received. Case doesn't matter.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let named = move |(key, _): &&(String, Vec<u8>)| key.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_slice())
    }

    /// The value of a header that may appear once; nothing where it is missing or appears again.
    #[must_use]
    pub fn only_header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.header_values(name);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }
}

impl Authentication {
    /// Refuses a request with the host's own answer.
    #[must_use]
    pub fn rejected(reason: RejectionReason, message: impl Into<String>) -> Self {
        Self::Rejected(Rejection {
            reason,
            message: message.into(),
            ack: None,
        })
    }
}

impl Proof {
    /// Begins a proof by HMAC-SHA-256 under the webhook secret of this name.
    ///
    /// ```
    /// use tillgate_plugin_sdk::webhooks::{Authentication, Proof};
    ///
    /// let plan = Proof::hmac_sha256("webhook_secret").body().signature([0xab; 32]).plan();
    /// let authentication = Authentication::Prove(plan);
    /// ```
    #[must_use]
    pub fn hmac_sha256(secret: &str) -> HmacProof {
        Self::hmac(Hash::Sha256, secret)
    }

    /// Begins a proof by HMAC.
    #[must_use]
    pub fn hmac(hash: Hash, secret: &str) -> HmacProof {
        HmacProof {
            hash,
            secret: secret.to_owned(),
            message: Vec::new(),
            signatures: Vec::new(),
        }
    }

    /// Begins a proof by Ed25519 under the public key of this name.
    #[must_use]
    pub fn ed25519(secret: &str) -> Ed25519Proof {
        Ed25519Proof {
            secret: secret.to_owned(),
            message: Vec::new(),
            signatures: Vec::new(),
        }
    }
}

macro_rules! signed_message {
    ($proof:ident, $variant:ident) => {
        impl $proof {
            /// The message goes on with these bytes.
            #[must_use]
            pub fn literal(mut self, bytes: impl Into<Vec<u8>>) -> Self {
                self.message.push(MessagePart::Literal(bytes.into()));
                self
            }

            /// The message goes on with the raw body.
            #[must_use]
            pub fn body(mut self) -> Self {
                self.message.push(MessagePart::Body);
                self
            }

            /// One of the signatures that came with the request, decoded. One has to match.
            #[must_use]
            pub fn signature(mut self, signature: impl Into<Vec<u8>>) -> Self {
                self.signatures.push(signature.into());
                self
            }

            /// A plan that needs just this proof.
            #[must_use]
            pub fn plan(self) -> ProofPlan {
                ProofPlan {
                    proofs: vec![self.into()],
                    signed_time: None,
                    on_failure: None,
                }
            }
        }

        impl From<$proof> for Proof {
            fn from(proof: $proof) -> Self {
                Self::$variant(proof)
            }
        }
    };
}

signed_message!(HmacProof, Hmac);
signed_message!(Ed25519Proof, Ed25519);

impl ProofPlan {
    /// Needs one more proof.
    #[must_use]
    pub fn and(mut self, proof: impl Into<Proof>) -> Self {
        self.proofs.push(proof.into());
        self
    }

    /// Needs the signed time to be near, in both directions.
    #[must_use]
    pub fn signed_at(mut self, at: Timestamp, tolerance: u64) -> Self {
        self.signed_time = Some(SignedTime {
            at,
            tolerance_past: tolerance,
            tolerance_future: tolerance,
        });
        self
    }

    /// Answers this when it can't be established.
    #[must_use]
    pub fn on_failure(mut self, ack: Ack) -> Self {
        self.on_failure = Some(ack);
        self
    }
}
