//! Outside judges: the official SDKs and libraries, installed from their registries into the target directory, once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokio::process::Command;
use tokio::sync::Mutex;

/// What judges.
const NODE_PACKAGES: [&str; 2] = ["stripe@23.1.0", "standardwebhooks@1.1.1"];
const PYTHON_PACKAGES: [&str; 2] = ["stripe==16.1.0", "standardwebhooks==1.1.0"];

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("judges")
        .canonicalize()
        .unwrap()
}

fn tools(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/judges")
        .join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory.canonicalize().unwrap()
}

/// Two tests that install at the same time would get in each other's way.
fn installing() -> &'static Mutex<()> {
    static INSTALLING: OnceLock<Mutex<()>> = OnceLock::new();
    INSTALLING.get_or_init(|| Mutex::new(()))
}

async fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .await
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// Runs a judge written for Node with the official packages, and gives what it printed.
pub async fn node_judge(script: &str, arguments: &[&str]) -> String {
    let directory = tools("node");
    {
        let _alone = installing().lock().await;
        let installed = directory.join(NODE_PACKAGES.join("+"));
        if !installed.is_file() {
            let install = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
            run(Command::new("npm")
                .args(["--prefix"])
                .arg(&directory)
                .args(install)
                .args(NODE_PACKAGES)
                .current_dir(&directory))
            .await;
            std::fs::write(installed, "").unwrap();
        }
    }
    run(Command::new("node")
        .arg(judges().join(script))
        .args(arguments)
        .current_dir(&directory))
    .await
}

/// Runs a judge written for Python with the official packages, and gives what it printed.
pub async fn python_judge(script: &str, arguments: &[&str]) -> String {
    let directory = tools("python-packages");
    {
        let _alone = installing().lock().await;
        let installed = directory.join(PYTHON_PACKAGES.join("+"));
        if !installed.is_file() {
            // Into a directory of its own: that needs no virtual environment, which some distributions package apart.
            let install = ["-m", "pip", "install", "--quiet", "--upgrade", "--target"];
            run(Command::new("python3")
                .args(install)
                .arg(&directory)
                .args(PYTHON_PACKAGES))
            .await;
            std::fs::write(installed, "").unwrap();
        }
    }
    run(Command::new("python3")
        .env("PYTHONPATH", &directory)
        .arg(judges().join(script))
        .args(arguments))
    .await
}
