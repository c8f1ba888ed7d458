//! Components that were damaged on their way: read without a panic, and refused where they are cut short.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

#[path = "sandbox/components.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod components;

use components::{MANIFEST, data, done, portal, text, with_manifest, with_section};
use tillgate_plugin_host::PluginHost;

/// A plugin that works; the manifest is its last section.
fn good() -> Vec<u8> {
    with_manifest(portal(2, &data("https://pay.example/"), &done(20)), MANIFEST)
}

#[test]
fn a_component_cut_short_anywhere_is_refused() {
    let whole = good();
    assert!(PluginHost::inspect(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(PluginHost::inspect(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_component_with_any_byte_changed_is_read_without_a_panic() {
    let whole = good();
    for at in 0..whole.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= mask;
            if let Err(rejected) = PluginHost::inspect(&changed) {
                assert!(!rejected.message.is_empty(), "byte {at}");
            }
        }
    }
}

#[test]
fn a_manifest_in_a_core_module_counts_as_one_more() {
    let inner = text(r#"(component (core module (@custom "tillgate:manifest" "contract = \"0.1\"")))"#);
    let rejected = PluginHost::inspect(&with_manifest(inner, MANIFEST)).unwrap_err();
    assert_eq!(rejected.code, "manifest_invalid");
    assert!(rejected.message.contains("2 tillgate:manifest"), "{rejected}");
}

#[test]
fn a_manifest_that_is_not_utf8_is_refused() {
    let rejected = PluginHost::inspect(&with_section(text("(component)"), "tillgate:manifest", &[0xff])).unwrap_err();
    assert_eq!(rejected.code, "manifest_invalid");
    assert!(rejected.message.contains("UTF-8"), "{rejected}");
}
