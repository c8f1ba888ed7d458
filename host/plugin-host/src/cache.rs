//! Compiled plugins, kept between starts.
//!
//! An artifact is native code, so that only what this host wrote may be loaded: the file begins with an HMAC under a
//! secret key, over its name and its contents. It is read whole, checked, and then loaded from memory.

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
    /// Opens a directory, made for this user alone if it isn't there.
    ///
    /// # Errors
    /// It can't be made, or others may write to it.
    pub(crate) fn open(directory: &Path, key: [u8; 32]) -> std::io::Result<Self> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mode = std::fs::metadata(directory)?.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(std::io::Error::other(format!(
                "others may write to it (mode {:o}); make it private: chmod 700",
                mode & 0o7777
            )));
        }
        Ok(Self {
            directory: directory.to_owned(),
            key,
        })
    }

    /// The artifact of a component: the kept one, or a new one that is kept. Answers whether it was compiled.
    pub(crate) fn component(&self, engine: &Engine, digest: &str, bytes: &[u8]) -> wasmtime::Result<(Component, bool)> {
        let name = artifact_name(engine, digest);
        match self.load(engine, &name) {
            Ok(Some(component)) => return Ok((component, false)),
            Ok(None) => {}
            Err(reason) => {
                tracing::warn!(file = %self.directory.join(&name).display(), reason, "compiled plugin not used: compiling it again");
            }
        }
        let component = Component::new(engine, bytes)?;
        if let Err(error) = self.keep(&name, &component.serialize()?) {
            let file = self.directory.join(&name);
            tracing::warn!(file = %file.display(), %error, "compiled plugin not kept: the next start compiles it again");
        }
        Ok((component, true))
    }

    fn load(&self, engine: &Engine, name: &str) -> Result<Option<Component>, String> {
        let bytes = match std::fs::read(self.directory.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let (mac, artifact) = bytes.split_at_checked(MAC_BYTES).ok_or("it is cut off")?;
        self.mac(name, artifact)
            .verify_slice(mac)
            .map_err(|_| "it was changed, or made with another key")?;
        deserialize(engine, artifact)
            .map(Some)
            .map_err(|error| format!("{error:#}"))
    }

    fn keep(&self, name: &str, artifact: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&self.mac(name, artifact).finalize().into_bytes())?;
        file.write_all(artifact)?;
        file.as_file().sync_all()?;
        file.persist(self.directory.join(name))?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::engine::new_engine;
    use crate::grants::Grants;

    const EMPTY: &str = "(component)";

    struct Setup {
        directory: tempfile::TempDir,
        engine: Engine,
        bytes: Vec<u8>,
    }

    impl Setup {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
                engine: new_engine(&Grants::default()).unwrap(),
                bytes: wat::parse_str(EMPTY).unwrap(),
            }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("cache")
        }

        /// Whether it was compiled.
        fn compiles(&self, key: u8) -> bool {
            let cache = Cache::open(&self.path(), [key; 32]).unwrap();
            cache.component(&self.engine, "digest", &self.bytes).unwrap().1
        }

        fn artifact(&self) -> PathBuf {
            let mut files = std::fs::read_dir(self.path()).unwrap();
            let file = files.next().unwrap().unwrap().path();
            assert!(files.next().is_none(), "nothing but the artifact is left behind");
            file
        }
    }

    #[test]
    fn what_was_compiled_once_is_not_compiled_again() {
        let setup = Setup::new();
        assert!(setup.compiles(1));
        assert!(!setup.compiles(1));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&setup.path()), 0o700);
        assert_eq!(mode(&setup.artifact()), 0o600);
    }

    #[test]
    fn what_was_changed_is_compiled_again_and_replaced() {
        let setup = Setup::new();
        assert!(setup.compiles(1));
        let whole = std::fs::read(setup.artifact()).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut other_mac = whole.clone();
        other_mac[0] ^= 1;
        for changed in [
            flipped,
            other_mac,
            whole[..MAC_BYTES + 10].to_vec(),
            whole[..5].to_vec(),
            Vec::new(),
        ] {
            std::fs::write(setup.artifact(), changed).unwrap();
            assert!(setup.compiles(1), "it isn't believed");
            assert!(!setup.compiles(1), "and it is replaced");
        }
    }

    #[test]
    fn another_key_and_another_name_are_not_believed() {
        let setup = Setup::new();
        assert!(setup.compiles(1));
        assert!(setup.compiles(2), "another key");
        assert!(!setup.compiles(2));
        let cache = Cache::open(&setup.path(), [2; 32]).unwrap();
        // A genuine artifact under the name of another component.
        let other = setup.path().join(artifact_name(&setup.engine, "other"));
        std::fs::copy(setup.artifact(), other).unwrap();
        assert!(cache.component(&setup.engine, "other", &setup.bytes).unwrap().1);
    }

    #[test]
    fn a_directory_others_may_write_to_is_refused() {
        let setup = Setup::new();
        std::fs::create_dir(setup.path()).unwrap();
        std::fs::set_permissions(setup.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = Cache::open(&setup.path(), [1; 32]).err().unwrap();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}
