//! Compiled plugins, kept between starts.
//!
//! An artifact is native code, so that only what this host wrote may be loaded: the file begins with an HMAC under a key
//! made of the master key, over its name and its contents. It is read whole, checked, and then loaded from memory.

use std::hash::{Hash as _, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAC_BYTES: usize = 32;

/// A private directory of artifacts.
pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
}

/// Hashes what `Hash` feeds it with SHA-256, so that the name of an artifact doesn't depend on this process.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Cache {
    /// Opens a directory, made if it isn't there, for this user alone.
    pub(crate) fn open(directory: &Path, key: [u8; 32]) -> std::io::Result<Self> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            directory: directory.to_owned(),
            key,
        })
    }

    /// The artifact of a component: the kept one, or a new one that is kept. Answers whether it was compiled.
    pub(crate) fn component(&self, engine: &Engine, digest: &str, bytes: &[u8]) -> wasmtime::Result<(Component, bool)> {
        let name = artifact_name(engine, digest);
        let path = self.directory.join(&name);
        if let Some(component) = self.load(engine, &name, &path) {
            return Ok((component, false));
        }
        let component = Component::new(engine, bytes)?;
        if let Err(error) = self.keep(&name, &path, &component.serialize()?) {
            tracing::warn!(file = %path.display(), %error, "compiled plugin not kept: the next start compiles it again");
        }
        Ok((component, true))
    }

    fn load(&self, engine: &Engine, name: &str, path: &Path) -> Option<Component> {
        let bytes = std::fs::read(path).ok()?;
        let (mac, artifact) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(name, artifact).verify_slice(mac).is_err() {
            tracing::warn!(file = %path.display(), "compiled plugin was changed: compiling it again");
            return None;
        }
        deserialize(engine, artifact)
            .inspect_err(|error| tracing::warn!(file = %path.display(), %error, "compiled plugin doesn't load"))
            .ok()
    }

    fn keep(&self, name: &str, path: &Path, artifact: &[u8]) -> std::io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let temporary = self.directory.join(format!("{name}.{}.tmp", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&self.mac(name, artifact).finalize().into_bytes())?;
        file.write_all(artifact)?;
        file.sync_all()?;
        std::fs::rename(temporary, path)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, name: &str, artifact: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.chain_update(name).chain_update([0]).chain_update(artifact)
    }
}

fn artifact_name(engine: &Engine, digest: &str) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{}.artifact", hex::encode(&hasher.0.finalize()[..8]))
}

#[expect(
    unsafe_code,
    reason = "native code is loaded: the one place, after its HMAC was found right"
)]
fn deserialize(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are in memory, so that nobody changes them now, and they were made by `Component::serialize`
    // in a process that had the key: their HMAC was checked by the only caller.
    unsafe { Component::deserialize(engine, artifact) }
}
