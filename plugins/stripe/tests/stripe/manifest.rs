//! The manifest says what the plugin does.

use toml::Table;

fn manifest() -> Table {
    include_str!("../../manifest.toml").parse().expect("TOML")
}

#[test]
fn names_used_by_the_plugin_are_in_the_manifest() {
    let manifest = manifest();
    assert!(manifest["endpoints"]["api"]["host"].as_str().is_some());
    assert_eq!(manifest["credentials"]["api_key"]["secret"].as_str(), Some("api_key"));
    assert_eq!(manifest["secrets"]["webhook_secret"]["key"].as_str(), Some("utf8"));
    assert_eq!(
        manifest["settings"]["account"]["account-reference"].as_bool(),
        Some(true)
    );
}

#[test]
fn the_version_is_the_packages() {
    let manifest = manifest();
    assert_eq!(manifest["plugin"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest["contract"].as_str(), Some("0.1"));
}
