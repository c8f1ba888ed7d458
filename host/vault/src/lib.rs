//! Seals secrets at rest with a master key.
//!
//! XChaCha20-Poly1305 with a random 192-bit nonce for each seal, bound by its associated data to tenant, account and
//! name: a sealed secret copied to another row doesn't open. Several master keys can be known; the first one seals, all
//! of them open, so that the key can be changed while everything runs.
//!
//! A sealed secret is: format (1 byte), id of the master key (4 bytes), nonce (24), ciphertext and tag.

#![deny(missing_docs)]

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tillgate_application::ports::{SealError, Sealer, Secret, SecretBinding};
use zeroize::Zeroizing;

/// The format that is written.
const FORMAT: u8 = 1;
const KEY_ID_LEN: usize = 4;
const NONCE_LEN: usize = 24;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// A text that isn't a master key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes in base64, for example from `openssl rand -base64 32`; this one has {given}")]
pub struct MasterKeyError {
    given: String,
}

/// A 256-bit key under which all others lie.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// Reads a key of 32 bytes in base64.
    ///
    /// # Errors
    /// [`MasterKeyError`] says what is wrong, and not what was given.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| MasterKeyError {
            given: "characters that are not base64".to_owned(),
        })?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeyError {
            given: format!("{} bytes", bytes.len()),
        })?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Makes a key of random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key for another purpose, from which neither this nor any other can be found.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        // HMAC takes keys of any length, so that this can't fail.
        match Hmac::<Sha256>::new_from_slice(self.0.as_slice()) {
            Ok(mac) => mac
                .chain_update(b"tillgate/derive/")
                .chain_update(purpose)
                .finalize()
                .into_bytes()
                .into(),
            Err(_) => [0; 32],
        }
    }

    fn id(&self) -> [u8; KEY_ID_LEN] {
        let hash = Sha256::digest(self.derive("key id"));
        [hash[0], hash[1], hash[2], hash[3]]
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

/// The operating system gave no random bytes: nothing can be sealed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct NoRandomness(String);

/// Seals and opens secrets.
pub struct Vault {
    keys: Vec<([u8; KEY_ID_LEN], XChaCha20Poly1305)>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} keys)", self.keys.len())
    }
}

impl Vault {
    /// Makes a vault that seals with `current` and opens with that and the `old` ones.
    ///
    /// # Errors
    /// [`NoRandomness`] where the operating system gives none; better now than when something is to be sealed.
    pub fn new(current: &MasterKey, old: &[MasterKey]) -> Result<Self, NoRandomness> {
        random_nonce().map_err(|error| NoRandomness(error.to_string()))?;
        let keys = std::iter::once(current)
            .chain(old)
            .map(|key| (key.id(), key.cipher()))
            .collect();
        Ok(Self { keys })
    }
}

fn random_nonce() -> Result<[u8; NONCE_LEN], getrandom::Error> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// Fields are separated by a byte that none of them can hold.
fn associated_data(binding: SecretBinding<'_>) -> Vec<u8> {
    let account = binding.account_id.map(|id| id.to_string()).unwrap_or_default();
    format!("tillgate/{FORMAT}\0{}\0{account}\0{}", binding.tenant_id, binding.name).into_bytes()
}

impl Sealer for Vault {
    #[expect(
        clippy::expect_used,
        reason = "randomness was there at the start, and the cipher refuses only 256 GiB"
    )]
    fn seal(&self, binding: SecretBinding<'_>, secret: &Secret) -> Vec<u8> {
        let nonce = random_nonce().expect("the operating system gives random bytes, as it did at the start");
        let (id, cipher) = &self.keys[0];
        let aad = associated_data(binding);
        let ciphertext = cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: secret.expose().as_bytes(),
                    aad: &aad,
                },
            )
            .expect("a secret is shorter than the cipher's bound");
        let mut sealed = Vec::with_capacity(HEAD_LEN + ciphertext.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    fn open(&self, binding: SecretBinding<'_>, sealed: &[u8]) -> Result<Secret, SealError> {
        let (head, ciphertext) = sealed.split_at_checked(HEAD_LEN).ok_or(SealError::Broken)?;
        if head[0] != FORMAT {
            return Err(SealError::Broken);
        }
        let (id, nonce) = head[1..].split_at(KEY_ID_LEN);
        let (_, cipher) = self
            .keys
            .iter()
            .find(|(known, _)| known.as_slice() == id)
            .ok_or_else(|| SealError::UnknownKey { key_id: hex_of(id) })?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| SealError::Broken)?;
        let aad = associated_data(binding);
        let clear = Zeroizing::new(
            cipher
                .decrypt(
                    &XNonce::from(nonce),
                    Payload {
                        msg: ciphertext,
                        aad: &aad,
                    },
                )
                .map_err(|_| SealError::Broken)?,
        );
        let text = str::from_utf8(&clear).map_err(|_| SealError::Broken)?;
        Ok(Secret::new(text.to_owned()))
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tillgate_domain::{ProviderAccountId, TenantId};

    fn binding(name: &str) -> SecretBinding<'_> {
        SecretBinding {
            tenant_id: TenantId::from_bits(1),
            account_id: Some(ProviderAccountId::from_bits(2)),
            name,
        }
    }

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_bytes([byte; 32])
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let secret = Secret::new("sk_test_canary".into());
        let sealed = vault.seal(binding("api_key"), &secret);
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(
            vault.open(binding("api_key"), &sealed).unwrap().expose(),
            "sk_test_canary"
        );
    }

    #[test]
    fn two_seals_of_the_same_secret_differ() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let secret = Secret::new("same".into());
        assert_ne!(vault.seal(binding("a"), &secret), vault.seal(binding("a"), &secret));
    }

    #[test]
    fn a_seal_moved_to_another_name_tenant_or_account_does_not_open() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let sealed = vault.seal(binding("api_key"), &Secret::new("x".into()));
        let elsewhere = [
            SecretBinding {
                name: "webhook_secret",
                ..binding("api_key")
            },
            SecretBinding {
                tenant_id: TenantId::from_bits(9),
                ..binding("api_key")
            },
            SecretBinding {
                account_id: None,
                ..binding("api_key")
            },
        ];
        for other in elsewhere {
            assert_eq!(vault.open(other, &sealed), Err(SealError::Broken));
        }
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let sealed = vault.seal(binding("a"), &Secret::new("x".into()));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(binding("a"), &changed).is_err(), "byte {index}");
            assert!(vault.open(binding("a"), &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn an_old_key_opens_and_the_new_one_seals() {
        let before = Vault::new(&key(1), &[]).unwrap();
        let after = Vault::new(&key(2), &[key(1)]).unwrap();
        let sealed = before.seal(binding("a"), &Secret::new("x".into()));
        assert_eq!(after.open(binding("a"), &sealed).unwrap().expose(), "x");
        let resealed = after.seal(binding("a"), &Secret::new("x".into()));
        assert!(matches!(
            before.open(binding("a"), &resealed),
            Err(SealError::UnknownKey { .. })
        ));
    }

    #[test]
    fn a_master_key_is_32_bytes_in_base64_and_is_never_shown() {
        for bad in ["", "short", "AAAA", "not base64 at all!"] {
            let error = MasterKey::from_base64(bad).unwrap_err().to_string();
            assert!(bad.is_empty() || bad == "AAAA" || !error.contains(bad), "{error}");
        }
        let good = STANDARD.encode([7_u8; 32]);
        assert!(!format!("{:?}", MasterKey::from_base64(&good).unwrap()).contains('7'));
    }
}
