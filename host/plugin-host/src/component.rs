//! What can be read of a component without running or compiling it: manifest, imports, exports.

use serde::Serialize;
use tillgate_application::ports::PluginRejected;
use wasmparser::{Encoding, Parser, Payload};

use crate::contract::v0_1;
use crate::limits::MANIFEST_BYTES_MAX;
use crate::load::digest_of;
use crate::manifest::{Manifest, ManifestError, SECTION};

/// What a component says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its name for people.
    pub title: String,
    /// The contract it is built against.
    pub contract: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The endpoints it asks for.
    pub endpoints: Vec<String>,
    /// The secrets it asks for.
    pub secrets: Vec<String>,
}

/// What was read.
pub(crate) struct Read {
    pub(crate) manifest: Manifest,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

pub(crate) fn rejected(code: &'static str, message: impl Into<String>) -> PluginRejected {
    PluginRejected {
        code,
        message: message.into(),
    }
}

/// What a component says of itself.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Inspection, PluginRejected> {
    let Read {
        manifest,
        imports,
        exports,
    } = read(bytes)?;
    Ok(Inspection {
        name: manifest.plugin.name,
        version: manifest.plugin.version,
        title: manifest.plugin.title,
        contract: manifest.contract,
        digest: digest_of(bytes),
        size_bytes: bytes.len() as u64,
        imports,
        exports,
        endpoints: manifest.endpoints.into_keys().collect(),
        secrets: manifest.secrets.into_keys().collect(),
    })
}

/// Reads a component, and refuses what needs no compiling to be refused.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, PluginRejected> {
    let Sections {
        manifests,
        imports,
        exports,
    } = sections(bytes)?;
    let manifest = match manifests.as_slice() {
        [one] => one,
        [] => {
            return Err(rejected(
                "manifest_missing",
                format!("the component has no {SECTION} section"),
            ));
        }
        several => {
            let count = several.len();
            return Err(rejected(
                "manifest_invalid",
                format!("the component has {count} {SECTION} sections, not one"),
            ));
        }
    };
    if manifest.len() > MANIFEST_BYTES_MAX {
        let size = manifest.len();
        return Err(rejected(
            "manifest_invalid",
            format!("the manifest has {size} bytes; at most {MANIFEST_BYTES_MAX}"),
        ));
    }
    let manifest = Manifest::parse(manifest, &[v0_1::VERSION]).map_err(|error| match error {
        ManifestError::Invalid(error) => rejected("manifest_invalid", format!("manifest: {error}")),
        ManifestError::Contract(contract) => rejected(
            "contract_unsupported",
            format!(
                "the plugin is built against contract {contract:?}; this host knows {}",
                v0_1::VERSION
            ),
        ),
    })?;
    let refused: Vec<&str> = imports
        .iter()
        .map(String::as_str)
        .filter(|name| !v0_1::allows_import(name))
        .collect();
    if !refused.is_empty() {
        return Err(rejected(
            "import_refused",
            format!(
                "the component imports {}; a plugin may import only types and log",
                refused.join(", ")
            ),
        ));
    }
    Ok(Read {
        manifest,
        imports,
        exports,
    })
}

/// What is looked at: the manifests anywhere in the component, and its own imports and exports.
#[derive(Default)]
struct Sections<'a> {
    manifests: Vec<&'a [u8]>,
    imports: Vec<String>,
    exports: Vec<String>,
}

fn sections(bytes: &[u8]) -> Result<Sections<'_>, PluginRejected> {
    if !bytes.starts_with(b"\0asm") {
        return Err(rejected("not_a_component", "the file is not WebAssembly"));
    }
    let broken = |error: wasmparser::BinaryReaderError| {
        rejected(
            "not_a_component",
            format!("the component is broken or cut off: {error}"),
        )
    };
    let mut found = Sections::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => {
                return Err(rejected(
                    "not_a_component",
                    "the file is a core WebAssembly module, not a component; `cargo xtask plugins` makes one of it",
                ));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == SECTION => found.manifests.push(section.data()),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}
