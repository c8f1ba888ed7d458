//! Turns a plugin's core module into the component the host loads.

use anyhow::{Context as _, Result, bail, ensure};
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// The custom section that has the plugin's manifest.
const MANIFEST_SECTION: &str = "tillgate:manifest";

/// The interfaces a plugin may import, in any version: its whole access to the world.
const IMPORTABLE: [&str; 2] = ["tillgate:provider/types@", "tillgate:provider/log@"];

/// An encoded plugin.
#[derive(Debug)]
pub(crate) struct Component {
    /// The component itself.
    pub(crate) bytes: Vec<u8>,
    /// The names of what it imports.
    pub(crate) imports: Vec<String>,
}

impl Component {
    /// Encodes a core module, lifting the manifest to the top level, where it is found without looking into the
    /// modules inside.
    pub(crate) fn from_module(module: &[u8]) -> Result<Self> {
        let (module, manifest) = take_manifest(module)?;
        let mut bytes = ComponentEncoder::default()
            .module(&module)
            .context("the module has no usable component type")?
            .validate(true)
            .encode()
            .context("the module cannot be made a component")?;
        CustomSection {
            name: MANIFEST_SECTION.into(),
            data: manifest.into(),
        }
        .append_to_component(&mut bytes);

        let found = inspect(&bytes)?;
        ensure!(
            found.manifest_depths == [0],
            "the component must have one section {MANIFEST_SECTION}, at its top level; found at depths {:?}",
            found.manifest_depths
        );
        Ok(Self {
            bytes,
            imports: found.imports,
        })
    }

    /// The imports a plugin must not have.
    pub(crate) fn forbidden_imports(&self) -> Vec<&str> {
        let forbidden = |name: &&str| !IMPORTABLE.iter().any(|allowed| name.starts_with(allowed));
        self.imports.iter().map(String::as_str).filter(forbidden).collect()
    }
}

/// Splits the manifest off a core module.
fn take_manifest(module: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut rest = Vec::with_capacity(module.len());
    let mut manifest = None;
    // A section's own range begins after its header; the header begins where the section before ended.
    let mut end_of_last = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("cargo's output is not a module")?;
        let end = match &payload {
            Payload::Version { range, .. } => usize::try_from(range.end)?,
            other => match other.as_section() {
                Some((_, range)) => usize::try_from(range.end)?,
                None => continue,
            },
        };
        match &payload {
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                if manifest.replace(section.data().to_vec()).is_some() {
                    bail!("the module has more than one section {MANIFEST_SECTION}");
                }
            }
            _ => rest.extend_from_slice(&module[end_of_last..end]),
        }
        end_of_last = end;
    }
    let manifest = manifest.with_context(|| format!("the module has no section {MANIFEST_SECTION}"))?;
    Ok((rest, manifest))
}

#[derive(Debug, Default)]
struct Findings {
    imports: Vec<String>,
    manifest_depths: Vec<usize>,
}

fn inspect(component: &[u8]) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    findings.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                findings.manifest_depths.push(depth);
            }
            _ => {}
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{ComponentImportSection, ComponentTypeRef, ComponentTypeSection, Module};

    fn section(name: &'static str, data: &'static [u8]) -> CustomSection<'static> {
        CustomSection {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn manifest_moves_from_the_module_to_the_top_level() {
        let mut module = Module::new();
        module.section(&section("before", b"1"));
        module.section(&section(MANIFEST_SECTION, b"contract"));
        module.section(&section("after", b"2"));
        let component = Component::from_module(&module.finish()).unwrap();

        assert_eq!(inspect(&component.bytes).unwrap().manifest_depths, [0]);
        let manifest = Parser::new(0)
            .parse_all(&component.bytes)
            .find_map(|payload| match payload.unwrap() {
                Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => Some(section.data().to_vec()),
                _ => None,
            });
        assert_eq!(manifest.unwrap(), b"contract");
        assert_eq!(component.imports, [""; 0]);
    }

    #[test]
    fn other_sections_are_kept_as_they_are() {
        let mut with = Module::new();
        with.section(&section("before", b"1"))
            .section(&section(MANIFEST_SECTION, b"x"))
            .section(&section("after", b"2"));
        let mut without = Module::new();
        without
            .section(&section("before", b"1"))
            .section(&section("after", b"2"));
        assert_eq!(
            take_manifest(&with.finish()).unwrap(),
            (without.finish(), b"x".to_vec())
        );
    }

    #[test]
    fn module_must_have_one_manifest() {
        let none = Component::from_module(&Module::new().finish()).unwrap_err();
        assert!(none.to_string().contains("no section tillgate:manifest"), "{none}");

        let mut two = Module::new();
        two.section(&section(MANIFEST_SECTION, b"1"))
            .section(&section(MANIFEST_SECTION, b"2"));
        let two = Component::from_module(&two.finish()).unwrap_err();
        assert!(two.to_string().contains("more than one section"), "{two}");
    }

    #[test]
    fn only_the_contract_may_be_imported() {
        let mut types = ComponentTypeSection::new();
        types.instance(&wasm_encoder::InstanceType::new());
        let mut imports = ComponentImportSection::new();
        for name in [
            "tillgate:provider/types@0.1.0",
            "tillgate:provider/log@0.2.0",
            "wasi:clocks/wall-clock@0.2.0",
        ] {
            imports.import(name, ComponentTypeRef::Instance(0));
        }
        let mut component = wasm_encoder::Component::new();
        component.section(&types).section(&imports);
        let bytes = component.finish();
        let component = Component {
            imports: inspect(&bytes).unwrap().imports,
            bytes,
        };

        assert_eq!(component.imports.len(), 3);
        assert_eq!(component.forbidden_imports(), ["wasi:clocks/wall-clock@0.2.0"]);
    }

    #[test]
    fn contract_under_another_name_is_forbidden() {
        let component = Component {
            bytes: Vec::new(),
            imports: vec!["tillgate:provider/types-more@0.1.0".to_owned()],
        };
        assert_eq!(component.forbidden_imports().len(), 1);
    }
}
