//! Writes a payment provider plugin as straight-line async Rust.
