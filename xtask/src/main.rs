//! Automation: build the plugins, run the demo, run every check.
fn main() {}
