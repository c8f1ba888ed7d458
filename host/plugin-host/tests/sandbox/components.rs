//! Components made by hand, so that each does exactly one thing wrong.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as plugins see it.
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");

pub(crate) const MANIFEST: &str = r#"
contract = "0.1"
[plugin]
name = "testpay"
version = "0.1.0"
title = "Testpay"
[endpoints.api]
host = "api.testpay.example"
[secrets.api_key]
description = "The key."
[credentials.api_key]
scheme = "bearer"
secret = "api_key"
endpoints = ["api"]
[behavior]
ordering = "snapshot"
idempotency = "full"
"#;

/// The same with these limits.
pub(crate) fn with_limits(fuel: u64, memory: usize) -> String {
    format!("{MANIFEST}[limits]\nfuel = {fuel}\nmemory = {memory}\n")
}

/// The same in another version.
pub(crate) fn in_version(version: &str) -> String {
    MANIFEST.replace("0.1.0", version)
}

/// A component of text.
pub(crate) fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// The same with one more custom section.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = leb(name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    component.push(0);
    component.extend(leb(body.len()));
    component.extend(body);
    component
}

pub(crate) fn with_manifest(component: Vec<u8>, manifest: &str) -> Vec<u8> {
    with_section(component, "tillgate:manifest", manifest.as_bytes())
}

/// A component around another one.
pub(crate) fn around(inner: &[u8]) -> Vec<u8> {
    let mut outer = text("(component)");
    outer.push(4);
    outer.extend(leb(inner.len()));
    outer.extend_from_slice(inner);
    outer
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn encode(resolve: &Resolve, package: wit_parser::PackageId, world: &str, core: &str) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = text(core);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().validate(true).encode().unwrap()
}

/// A component with the portal capability, whose `create-session` is this. Its one parameter points to what it is
/// given, and its result to what it gives back. `more` is put beside it.
pub(crate) fn portal(memory_pages: u32, more: &str, body: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(CONTRACT).unwrap();
    let core = format!(
        r#"(module
            (import "tillgate:provider/log@0.1.0" "write" (func $log (param i32 i32 i32)))
            (memory (export "memory") {memory_pages})
            (global $top (mut i32) (i32.const 1024))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                (global.set $top (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            {more}
            (func (export "tillgate:provider/portal@0.1.0#create-session") (param i32) (result i32)
                {body}))"#
    );
    encode(&resolve, package, "portal-capability", &core)
}

/// A body that answers `done` with a page of so many bytes at 4096.
pub(crate) fn done(url_bytes: u32) -> String {
    // A variant of case 1 whose payload is at 8: no reference (0), the URL (12), no time (24), nothing extra (40).
    format!(
        "(i32.store8 (i32.const 16) (i32.const 1))
         (i32.store (i32.const 36) (i32.const 4096))
         (i32.store (i32.const 40) (i32.const {url_bytes}))
         (i32.const 16)"
    )
}

/// Puts this text at 4096.
pub(crate) fn data(text: &str) -> String {
    format!("(data (i32.const 4096) \"{text}\")")
}

/// A component with the webhooks capability that says the provider has to be asked, and then doesn't ask.
pub(crate) fn webhooks_that_ask_nobody() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(CONTRACT).unwrap();
    // A plan (case 0) of one proof, which is `fetch-back` (case 3); `done` (case 1) without events.
    let core = r#"(module
        (memory (export "memory") 2)
        (global $top (mut i32) (i32.const 8192))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (data (i32.const 64) "\03")
        (func (export "tillgate:provider/webhooks@0.1.0#authenticate") (param i32) (result i32)
            (i32.store (i32.const 1032) (i32.const 64))
            (i32.store (i32.const 1036) (i32.const 1))
            (i32.const 1024))
        (func (export "tillgate:provider/webhooks@0.1.0#parse") (param i32) (result i32)
            (i32.store8 (i32.const 2048) (i32.const 1))
            (i32.const 2048)))"#;
    encode(&resolve, package, "webhooks-capability", core)
}

/// A component whose portal has a function of another type.
pub(crate) fn portal_of_another_type() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = "package tillgate:provider@0.1.0;
        interface portal { create-session: func(url: string) -> u32; }
        world other { export portal; }";
    let package = resolve.push_str("other.wit", wit).unwrap();
    let core = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "tillgate:provider/portal@0.1.0#create-session") (param i32 i32) (result i32) (i32.const 0)))"#;
    encode(&resolve, package, "other", core)
}
