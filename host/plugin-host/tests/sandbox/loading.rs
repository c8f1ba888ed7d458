use std::path::Path;

use tillgate_application::ports::{Capability, PluginRejected, Plugins as _};
use tillgate_egress::OriginOverrides;
use tillgate_plugin_host::{Grants, PluginHost, PluginHostError, PluginHostOptions};

use crate::common::client;
use crate::components::{MANIFEST, data, done, in_version, portal, portal_of_another_type, text, with_limits};
use crate::components::{around, with_manifest, with_section};

const PAGE: &str = "https://pay.example/";

/// A plugin that works.
fn good() -> Vec<u8> {
    portal(2, &data(PAGE), &done(20))
}

fn options(directory: &Path) -> PluginHostOptions {
    let mut options = PluginHostOptions::new(directory.join("plugins"), OriginOverrides::none());
    options.cache_directory = Some(directory.join("cache"));
    options.cache_key = [7; 32];
    options
}

fn open(directory: &Path) -> PluginHost {
    let (host, rejected) = PluginHost::open(options(directory), client()).unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    host
}

async fn refused(bytes: Vec<u8>) -> PluginRejected {
    let directory = tempfile::tempdir().unwrap();
    let host = open(directory.path());
    let rejected = host.install(bytes).await.unwrap_err();
    assert!(host.list().is_empty());
    let mut files = std::fs::read_dir(directory.path().join("plugins")).unwrap();
    assert!(files.next().is_none(), "nothing of it is kept");
    rejected
}

#[tokio::test]
async fn what_is_no_component_is_refused_by_what_it_is() {
    let whole = with_manifest(good(), MANIFEST);
    for (bytes, named) in [
        (b"hello".to_vec(), "not WebAssembly"),
        (Vec::new(), "not WebAssembly"),
        (text("(module)"), "core WebAssembly module"),
        (whole[..whole.len() - 5].to_vec(), "broken or cut off"),
        (whole[..12].to_vec(), "broken or cut off"),
    ] {
        let rejected = refused(bytes).await;
        assert_eq!(rejected.code, "not_a_component", "{rejected:?}");
        assert!(rejected.message.contains(named), "{rejected:?}");
    }
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused_before_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut small = options(directory.path());
    small.max_component_bytes = 100;
    std::fs::create_dir_all(&small.directory).unwrap();
    std::fs::write(small.directory.join("large.wasm"), vec![0; 101]).unwrap();
    let (host, rejected) = PluginHost::open(small, client()).unwrap();
    assert_eq!(rejected[0].1.code, "too_large");
    let rejected = host.install(with_manifest(good(), MANIFEST)).await.unwrap_err();
    assert_eq!(rejected.code, "too_large");
    assert!(rejected.message.contains("at most 100"), "{rejected:?}");
}

#[tokio::test]
async fn there_is_exactly_one_manifest_and_it_is_sound() {
    let nested = {
        let inner = with_manifest(text("(component)"), MANIFEST);
        with_manifest(around(&inner), MANIFEST)
    };
    let large = format!("{MANIFEST}#{}", "x".repeat(64 * 1024));
    for (bytes, code, named) in [
        (good(), "manifest_missing", "tillgate:manifest"),
        (
            with_section(good(), "manifest", MANIFEST.as_bytes()),
            "manifest_missing",
            "tillgate:manifest",
        ),
        (
            with_manifest(with_manifest(good(), MANIFEST), MANIFEST),
            "manifest_invalid",
            "2 tillgate:manifest",
        ),
        (nested, "manifest_invalid", "2 tillgate:manifest"),
        (with_manifest(good(), &large), "manifest_invalid", "at most 65536"),
        (with_manifest(good(), "contract = "), "manifest_invalid", "line 1"),
        (
            with_manifest(good(), &in_version("one")),
            "manifest_invalid",
            "plugin.version",
        ),
        (
            with_manifest(good(), &MANIFEST.replace("contract = \"0.1\"", "contract = \"0.9\"")),
            "contract_unsupported",
            "\"0.9\"",
        ),
        (
            with_manifest(good(), &with_limits(50_000_001, 1 << 20)),
            "manifest_invalid",
            "limits.fuel asks for 50000001",
        ),
        (
            with_manifest(good(), &with_limits(1, (16 << 20) + 1)),
            "manifest_invalid",
            "limits.memory",
        ),
    ] {
        let rejected = refused(bytes).await;
        assert_eq!(rejected.code, code, "{rejected:?}");
        assert!(rejected.message.contains(named), "{named}: {rejected:?}");
    }
}

#[tokio::test]
async fn every_import_but_types_and_log_is_refused_by_name() {
    let wasi = r#"(component
        (import "wasi:cli/environment@0.2.6" (instance))
        (import "tillgate:provider/types@0.1.0" (instance))
        (import "wasi:clocks/wall-clock@0.2.6" (instance))
        (import "now" (func (result u64))))"#;
    let rejected = refused(with_manifest(text(wasi), MANIFEST)).await;
    assert_eq!(rejected.code, "import_refused");
    for named in ["wasi:cli/environment@0.2.6", "wasi:clocks/wall-clock@0.2.6", "now"] {
        assert!(rejected.message.contains(named), "{rejected:?}");
    }
    assert!(!rejected.message.contains("tillgate:provider/types"), "{rejected:?}");
    // The right name with another type.
    let log = r#"(component (import "tillgate:provider/log@0.1.0" (instance (export "write" (func)))))"#;
    let rejected = refused(with_manifest(text(log), MANIFEST)).await;
    assert_eq!(rejected.code, "import_refused");
    assert!(rejected.message.contains("tillgate:provider/log"), "{rejected:?}");
}

#[tokio::test]
async fn exports_are_those_of_the_contract() {
    let exporting = |name: &str| {
        format!("(component (component $c) (instance $i (instantiate $c)) (export \"{name}\" (instance $i)))")
    };
    for (bytes, code, named) in [
        (text("(component)"), "no_capability", "no capability"),
        (
            text(&exporting("other:thing/portal@0.1.0")),
            "no_capability",
            "no capability",
        ),
        (
            text(&exporting("tillgate:provider/refunds@0.1.0")),
            "export_wrong_type",
            "tillgate:provider/refunds@0.1.0",
        ),
        (
            text(&exporting("tillgate:provider/portal@0.1.0")),
            "export_wrong_type",
            "create-session",
        ),
        (
            text(&exporting("tillgate:provider/portal@0.9.0")),
            "export_wrong_type",
            "tillgate:provider/portal@0.9.0",
        ),
        (
            portal_of_another_type(),
            "export_wrong_type",
            "tillgate:provider/portal",
        ),
    ] {
        let rejected = refused(with_manifest(bytes, MANIFEST)).await;
        assert_eq!(rejected.code, code, "{rejected:?}");
        assert!(rejected.message.contains(named), "{named}: {rejected:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_sandbox_does_not_load() {
    let rejected = refused(with_manifest(portal(300, "", "unreachable"), MANIFEST)).await;
    assert_eq!(rejected.code, "does_not_compile");
    assert!(rejected.message.contains("memory"), "{rejected:?}");
    let invalid = with_manifest(text("(component (core module (func (result i32))))"), MANIFEST);
    assert_eq!(refused(invalid).await.code, "does_not_compile");
}

#[tokio::test]
async fn a_plugin_is_installed_listed_and_there_after_the_next_start_without_compiling() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(directory.path());
    let bytes = with_manifest(good(), MANIFEST);
    let info = host.install(bytes.clone()).await.unwrap();
    assert_eq!((info.name.as_str(), info.version.as_str()), ("testpay", "0.1.0"));
    assert_eq!(info.capabilities, [Capability::Portal]);
    assert_eq!(info.endpoints["api"], "https://api.testpay.example");
    assert_eq!(info.size_bytes, bytes.len() as u64);
    let kept = directory.path().join("plugins/testpay-0.1.0.wasm");
    assert_eq!(std::fs::read(&kept).unwrap(), bytes);
    assert_eq!(host.compiled(), 1);
    // Again is no change.
    assert_eq!(host.install(bytes).await.unwrap(), info);
    assert_eq!((host.compiled(), host.list().len()), (1, 1));

    let again = open(directory.path());
    assert_eq!(again.list(), std::slice::from_ref(&info));
    assert_eq!(again.find(&info.digest), Some(info.clone()));
    assert_eq!(again.find("other"), None);
    assert_eq!(again.compiled(), 0, "it was kept compiled");
}

#[tokio::test]
async fn a_version_never_changes() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(directory.path());
    let first = with_manifest(good(), MANIFEST);
    let other = with_section(first.clone(), "more", b"");
    let info = host.install(first).await.unwrap();
    let rejected = host.install(other.clone()).await.unwrap_err();
    assert_eq!(rejected.code, "version_taken");
    assert!(rejected.message.contains(&info.digest), "{rejected:?}");
    assert_eq!(host.compiled(), 1, "it is refused before it is compiled");
    // Nor by a second file in the directory, nor where another host has put one there meanwhile.
    std::fs::write(directory.path().join("plugins/z.wasm"), &other).unwrap();
    let (again, rejected) = PluginHost::open(options(directory.path()), client()).unwrap();
    assert_eq!(again.list(), [info]);
    assert_eq!(rejected[0].1.code, "version_taken");
    let fresh = tempfile::tempdir().unwrap();
    let host = open(fresh.path());
    std::fs::write(fresh.path().join("plugins/testpay-0.1.0.wasm"), &other).unwrap();
    let rejected = host.install(with_manifest(good(), MANIFEST)).await.unwrap_err();
    assert_eq!(rejected.code, "version_taken");
    assert!(host.list().is_empty());
    assert_eq!(
        std::fs::read(fresh.path().join("plugins/testpay-0.1.0.wasm")).unwrap(),
        other
    );
}

#[tokio::test]
async fn versions_live_side_by_side_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(directory.path());
    for version in ["0.9.0", "0.10.0", "0.10.0-beta.1"] {
        host.install(with_manifest(good(), &in_version(version))).await.unwrap();
    }
    let versions: Vec<String> = host.list().into_iter().map(|info| info.version).collect();
    assert_eq!(versions, ["0.10.0", "0.10.0-beta.1", "0.9.0"]);
    assert_eq!(host.resolve("testpay", None).unwrap().version, "0.10.0");
    assert_eq!(host.resolve("testpay", Some("0.9.0")).unwrap().version, "0.9.0");
    assert_eq!(host.resolve("testpay", Some("1.0.0")), None);
    assert_eq!(host.resolve("other", None), None);
}

#[tokio::test]
async fn one_bad_file_hides_no_good_one() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(plugins.join("a.wasm"), b"garbage").unwrap();
    std::fs::write(plugins.join("b.wasm"), with_manifest(good(), MANIFEST)).unwrap();
    std::fs::create_dir(plugins.join("c.wasm")).unwrap();
    std::fs::write(plugins.join("notes.txt"), b"not a plugin").unwrap();
    let (host, rejected) = PluginHost::open(options(directory.path()), client()).unwrap();
    assert_eq!(host.list().len(), 1);
    let rejected: Vec<_> = rejected
        .iter()
        .map(|(path, rejected)| (path.file_name().unwrap(), rejected.code))
        .collect();
    assert_eq!(
        rejected,
        [
            ("a.wasm".as_ref(), "not_a_component"),
            ("c.wasm".as_ref(), "storage_failed")
        ]
    );
}

#[tokio::test]
async fn a_broken_file_in_the_way_of_an_installation_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let host = open(directory.path());
    let path = directory.path().join("plugins/testpay-0.1.0.wasm");
    std::fs::write(&path, b"cut off").unwrap();
    let bytes = with_manifest(good(), MANIFEST);
    host.install(bytes.clone()).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[test]
fn inspecting_compiles_and_runs_nothing() {
    let bytes = with_manifest(good(), MANIFEST);
    let inspection = PluginHost::inspect(&bytes).unwrap();
    assert_eq!(inspection.name, "testpay");
    assert_eq!(inspection.contract, "0.1");
    assert!(
        inspection
            .exports
            .iter()
            .any(|export| export == "tillgate:provider/portal@0.1.0")
    );
    assert!(
        inspection
            .imports
            .iter()
            .any(|import| import == "tillgate:provider/log@0.1.0")
    );
    assert_eq!(
        (inspection.endpoints, inspection.secrets),
        (vec!["api".to_owned()], vec!["api_key".to_owned()])
    );
    let rejected = PluginHost::inspect(&text("(module)")).unwrap_err();
    assert_eq!(rejected.code, "not_a_component");
}

#[test]
fn a_cache_needs_a_key_and_grants_are_the_operators() {
    let directory = tempfile::tempdir().unwrap();
    let mut keyless = options(directory.path());
    keyless.cache_key = [0; 32];
    let error = PluginHost::open(keyless, client()).unwrap_err();
    assert!(matches!(error, PluginHostError::CacheKeyMissing), "{error}");

    let mut generous = options(directory.path());
    generous.grants = Grants {
        fuel: 1_000_000_000,
        memory_bytes: 32 << 20,
    };
    std::fs::create_dir_all(&generous.directory).unwrap();
    let greedy = with_manifest(good(), &with_limits(1_000_000_000, 32 << 20));
    std::fs::write(generous.directory.join("greedy.wasm"), greedy).unwrap();
    let (host, rejected) = PluginHost::open(generous, client()).unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    assert_eq!(host.list().len(), 1);
}
