//! What the operator grants. A manifest asks; both must allow.

use crate::limits;
use crate::manifest::Manifest;

/// The most a plugin may ask for in its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// Fuel of one step.
    pub fuel: u64,
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: usize,
}

/// What every plugin has without asking.
impl Default for Grants {
    fn default() -> Self {
        Self {
            fuel: limits::STEP_FUEL,
            memory_bytes: limits::MEMORY_BYTES,
        }
    }
}

impl Grants {
    /// Whether a manifest asks for no more than this.
    ///
    /// # Errors
    /// Says which key asks for too much.
    pub(crate) fn allow(&self, manifest: &Manifest) -> Result<(), String> {
        let asked = &manifest.limits;
        if asked.fuel > self.fuel {
            return Err(format!(
                "limits.fuel asks for {}; this host grants {}",
                asked.fuel, self.fuel
            ));
        }
        if asked.memory > self.memory_bytes {
            return Err(format!(
                "limits.memory asks for {} bytes; this host grants {}",
                asked.memory, self.memory_bytes
            ));
        }
        Ok(())
    }
}
