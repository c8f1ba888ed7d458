//! Who may name whom, and what belongs to which adapter: each rule with its reason.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each crate may name, beside itself. Adapters never name each other, but for plugin-host, which
/// performs a plugin's exchanges through egress.
const LAYERS: [(&str, &[&str]); 11] = [
    ("tillgate-domain", &[]),
    ("tillgate-application", &["tillgate-domain"]),
    ("tillgate-storage", &["tillgate-application", "tillgate-domain"]),
    ("tillgate-vault", &["tillgate-application", "tillgate-domain"]),
    ("tillgate-egress", &[]),
    (
        "tillgate-plugin-host",
        &["tillgate-application", "tillgate-domain", "tillgate-egress"],
    ),
    ("tillgate-telemetry", &["tillgate-application", "tillgate-domain"]),
    // The ports in memory, for tests.
    ("tillgate-fakes", &["tillgate-application", "tillgate-domain"]),
    ("tillgate-http-api", &["tillgate-application", "tillgate-domain"]),
    // A stand-in of providers knows nothing of the gateway it is called by.
    ("tillgate-simulator", &[]),
    // Plugin authors depend on it alone.
    ("tillgate-plugin-sdk", &[]),
];

/// Third-party crates that belong to some of ours, and why.
const OWNED: [(&str, &[&str], &str); 15] = [
    ("sqlx", &["tillgate-storage"], "the store's SQL stays behind its ports"),
    ("wasmtime", &["tillgate-plugin-host"], "one crate knows the sandbox"),
    (
        "wasmparser",
        &["tillgate-plugin-host", "xtask"],
        "one crate reads components; xtask makes them",
    ),
    (
        "axum",
        &["tillgate-http-api", "tillgate-simulator"],
        "one crate serves the gateway's HTTP",
    ),
    (
        "utoipa-axum",
        &["tillgate-http-api"],
        "one crate serves the gateway's HTTP",
    ),
    (
        "hyper-util",
        &["tillgate-egress", "tillgate-http-api", "tillgate-telemetry"],
        "one crate calls, one is called, and one reaches the collector",
    ),
    (
        "prometheus-client",
        &["tillgate-telemetry"],
        "metrics stay behind their port",
    ),
    (
        "opentelemetry",
        &["tillgate-telemetry"],
        "everything else tells its spans to `tracing`",
    ),
    (
        "opentelemetry_sdk",
        &["tillgate-telemetry"],
        "everything else tells its spans to `tracing`",
    ),
    (
        "opentelemetry-otlp",
        &["tillgate-telemetry"],
        "one crate reaches the collector",
    ),
    (
        "tracing-opentelemetry",
        &["tillgate-telemetry"],
        "everything else tells its spans to `tracing`",
    ),
    (
        "tokio-rustls",
        &["tillgate-egress"],
        "one crate makes connections to the outside",
    ),
    ("chacha20poly1305", &["tillgate-vault"], "one crate seals"),
    ("clap", &["tillgate", "xtask"], "only binaries have a command line"),
    (
        "wit-bindgen",
        &["tillgate-plugin-sdk"],
        "plugin authors see the SDK's types, not the generator's",
    ),
];

/// Features of wasmtime that are left out: most of its advisories live there.
const UNWANTED_WASMTIME_FEATURES: [&str; 7] = [
    "component-model-async",
    "gc",
    "threads",
    "stack-switching",
    "cache",
    "async",
    "wat",
];

/// The most lines of a source file.
const FILE_LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What each crate names, tests and benchmarks aside.
fn named_by_crate() -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata(&["--no-deps"])["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let named = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (text(&package["name"]), named)
        })
        .collect()
}

#[test]
fn each_layer_names_only_those_below_it() {
    let named = named_by_crate();
    for (layer, allowed) in LAYERS {
        let ours: Vec<&String> = named[layer]
            .iter()
            .filter(|name| name.starts_with("tillgate"))
            .collect();
        for name in ours {
            assert!(
                allowed.contains(&name.as_str()),
                "{layer} names {name}; it may name {allowed:?}"
            );
        }
    }
}

#[test]
fn fakes_are_for_tests_alone() {
    for (name, dependencies) in named_by_crate() {
        assert!(!dependencies.contains("tillgate-fakes"), "{name} ships fakes");
    }
}

#[test]
fn the_domain_names_nothing_that_performs_input_or_output() {
    let allowed = BTreeSet::from(["thiserror".to_owned(), "ulid".to_owned()]);
    assert_eq!(named_by_crate()["tillgate-domain"], allowed);
}

#[test]
fn what_belongs_to_an_adapter_is_named_by_no_other() {
    let named = named_by_crate();
    for (library, owners, reason) in OWNED {
        for (name, dependencies) in &named {
            // The black-box tests are outside of everything: they make databases, and call over HTTP.
            let outside = ["tillgate-tests", "tillgate-torture"].contains(&name.as_str());
            let may = owners.contains(&name.as_str()) || outside;
            assert!(
                may || !dependencies.contains(library),
                "{name} names {library}: {reason}"
            );
        }
    }
}

#[test]
fn wasmtime_is_built_without_what_is_not_needed() {
    let metadata = metadata(&[]);
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let wasmtime: Vec<&Value> = nodes
        .iter()
        .filter(|node| node["id"].as_str().unwrap().contains("#wasmtime@"))
        .collect();
    assert_eq!(wasmtime.len(), 1, "one version of wasmtime");
    assert!(
        wasmtime[0]["id"].as_str().unwrap().ends_with("@48.0.8"),
        "the long-term line, exactly pinned"
    );
    let features: Vec<&str> = wasmtime[0]["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature.as_str().unwrap())
        .collect();
    for unwanted in UNWANTED_WASMTIME_FEATURES {
        assert!(!features.contains(&unwanted), "wasmtime is built with {unwanted}");
    }
    let wasi = nodes
        .iter()
        .any(|node| node["id"].as_str().unwrap().contains("#wasmtime-wasi"));
    assert!(!wasi, "wasmtime-wasi is linked; plugins have no use for it");
}

#[test]
fn plugins_name_the_sdk_and_no_crate_of_the_host() {
    for (name, dependencies) in named_by_crate() {
        if name.starts_with("tillgate-plugin-") && name != "tillgate-plugin-host" && name != "tillgate-plugin-sdk" {
            let ours: Vec<&String> = dependencies
                .iter()
                .filter(|other| other.starts_with("tillgate"))
                .collect();
            assert_eq!(ours, ["tillgate-plugin-sdk"], "{name}");
        }
    }
}

/// Every Rust file of the workspace.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') && name != "node_modules" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_source_file_is_too_long_and_no_test_is_ignored() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 50);
    let (ignored, stub) = (concat!("#[", "ignore"), concat!("todo", "!("));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", file.display());
        assert!(!text.contains(ignored), "{} ignores a test", file.display());
        assert!(!text.contains(stub), "{} has a stub", file.display());
    }
}

#[test]
fn every_contract_item_is_documented() {
    let directory = root().join("wit/v0.1");
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut documented = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let item = ["interface ", "record ", "variant ", "enum ", "type ", "world "]
                .iter()
                .any(|keyword| line.starts_with(keyword))
                || line.contains(": func(");
            assert!(
                !item || documented,
                "{}:{} is not documented: {line}",
                path.display(),
                number + 1
            );
            if !line.is_empty() {
                documented = line.starts_with("///");
            }
        }
    }
}
