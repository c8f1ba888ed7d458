//! Builds the plugins.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::component::Component;
use crate::process;
use crate::workspace::Workspace;

const TRIPLE: &str = "wasm32-unknown-unknown";
const PREFIX: &str = "tillgate-plugin-";

/// What `--check-size` lets pass. Compiling and instantiating a plugin takes time in proportion to its size.
const SIZE_CEILING: usize = 1024 * 1024;

/// Builds every crate in `plugins/` and writes the components to the target directory's `plugins/`.
pub(crate) fn build(workspace: &Workspace, check_size: bool) -> Result<()> {
    ensure_target(workspace)?;
    let packages = packages(workspace)?;
    for package in &packages {
        // One by one: built together, the features one plugin asks of a dependency would end up in all of them.
        let mut cargo = workspace.cargo(&["build", "--profile", "plugin", "--target", TRIPLE, "-p", package]);
        // These would replace the flags that .cargo/config.toml has for the target.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        process::run(&mut cargo)?;
    }

    let dir = workspace.plugins_dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut files = Vec::new();
    let mut too_large = Vec::new();
    for package in &packages {
        let component = encode(workspace, package).with_context(|| format!("plugin {package}"))?;
        let name = package.strip_prefix(PREFIX).unwrap_or(package);
        let file = format!("{name}.wasm");
        write_if_changed(&dir, &file, &component.bytes)?;
        print(name, &component);
        if component.bytes.len() > SIZE_CEILING {
            too_large.push(name);
        }
        files.push(file);
    }
    remove_others(&dir, &files)?;
    if check_size && !too_large.is_empty() {
        bail!("larger than {} KiB: {}", SIZE_CEILING / 1024, too_large.join(", "));
    }
    Ok(())
}

/// Sees to it that the standard library for plugins is installed.
fn ensure_target(workspace: &Workspace) -> Result<()> {
    let libdir = process::output(Command::new("rustc").current_dir(workspace.root()).args([
        "--print",
        "target-libdir",
        "--target",
        TRIPLE,
    ]))?;
    if Path::new(&libdir).is_dir() {
        return Ok(());
    }
    eprintln!("installing the target {TRIPLE}");
    process::run(
        Command::new("rustup")
            .current_dir(workspace.root())
            .args(["target", "add", TRIPLE]),
    )
    .with_context(|| format!("plugins need the target {TRIPLE}; run: rustup target add {TRIPLE}"))
}

/// The names of the packages in `plugins/`, sorted.
fn packages(workspace: &Workspace) -> Result<Vec<String>> {
    let dir = workspace.root().join("plugins");
    let mut packages = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let manifest = entry?.path().join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let name = package_name(&text).with_context(|| format!("{} names no package", manifest.display()))?;
        packages.push(name.to_owned());
    }
    packages.sort();
    Ok(packages)
}

/// The name in a `[package]` table as cargo's own tools write it; not every TOML there could be.
fn package_name(manifest: &str) -> Option<&str> {
    let table = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[package]")
        .skip(1);
    table.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"'))
    })
}

fn encode(workspace: &Workspace, package: &str) -> Result<Component> {
    let module = workspace
        .target()
        .join(TRIPLE)
        .join("plugin")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let bytes = fs::read(&module).with_context(|| {
        format!(
            "cargo left no {}; a plugin needs `[lib] crate-type = [\"cdylib\"]`",
            module.display()
        )
    })?;
    let component = Component::from_module(&bytes)?;
    let forbidden = component.forbidden_imports();
    ensure!(
        forbidden.is_empty(),
        "imports {}; a plugin may import tillgate:provider/types and tillgate:provider/log only",
        forbidden.join(", ")
    );
    Ok(component)
}

/// Replaces the file in one step, and only when it differs: a host may be watching or reading it.
fn write_if_changed(dir: &Path, file: &str, bytes: &[u8]) -> Result<()> {
    let path = dir.join(file);
    if fs::read(&path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let context = || format!("cannot write {}", path.display());
    let mut temporary = tempfile::Builder::new()
        .prefix(".")
        .suffix(".tmp")
        .tempfile_in(dir)
        .with_context(context)?;
    temporary.write_all(bytes).with_context(context)?;
    make_readable(temporary.as_file()).with_context(context)?;
    temporary.persist(&path).with_context(context)?;
    Ok(())
}

/// Temporary files are private; what cargo builds is not.
fn make_readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Removes the components of plugins that are no more, which a host would go on loading.
fn remove_others(dir: &Path, files: &[String]) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let current = files.iter().any(|file| path.file_name() == Some(OsStr::new(file)));
        if path.extension() == Some(OsStr::new("wasm")) && !current {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn print(name: &str, component: &Component) {
    let size = component.bytes.len() as f64 / 1024.0;
    let imports = if component.imports.is_empty() {
        "nothing".to_owned()
    } else {
        component.imports.join(", ")
    };
    println!("{name}: {size:.1} KiB, imports {imports}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_name_is_the_one_in_the_package_table() {
        let manifest =
            "[lib]\nname = \"wrong\"\n[package]\nversion.workspace = true\nname = \"right\"\n[[bin]]\nname = \"b\"";
        assert_eq!(package_name(manifest), Some("right"));
        assert_eq!(
            package_name("[package]\nedition = \"2024\"\n[lib]\nname = \"wrong\""),
            None
        );
    }

    #[test]
    fn unchanged_file_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let modified = |file: &str| fs::metadata(dir.path().join(file)).unwrap().modified().unwrap();
        write_if_changed(dir.path(), "a.wasm", b"1").unwrap();
        let first = modified("a.wasm");
        write_if_changed(dir.path(), "a.wasm", b"1").unwrap();
        assert_eq!(modified("a.wasm"), first);
        write_if_changed(dir.path(), "a.wasm", b"2").unwrap();
        assert_eq!(fs::read(dir.path().join("a.wasm")).unwrap(), b"2");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn components_of_removed_plugins_go() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["kept.wasm", "gone.wasm", "notes.txt"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        remove_others(dir.path(), &["kept.wasm".to_owned()]).unwrap();
        assert!(dir.path().join("kept.wasm").exists());
        assert!(!dir.path().join("gone.wasm").exists());
        assert!(dir.path().join("notes.txt").exists());
    }
}
