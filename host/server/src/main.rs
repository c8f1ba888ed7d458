//! The `tillgate` binary.
fn main() {}
