//! Words for the operator. Never a secret, never a customer's data: what is written here is kept.
//!
//! The host cuts a line at 1 KiB and keeps at most 32 lines a step. Natively nothing is written.

use crate::bindings::imports::tillgate::provider::log::{self, Level};

/// Something that helps to find a fault.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Something worth knowing.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something that should not be so.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

fn write(level: Level, message: &str) {
    if cfg!(target_family = "wasm") {
        log::write(level, message);
    }
}
