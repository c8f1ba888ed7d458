//! Loads and runs components that are made to be refused, or to do harm.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

#[path = "../common/mod.rs"]
mod common;

mod components;
mod hostile;
mod loading;
