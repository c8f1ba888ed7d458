//! Loads provider plugins and runs their steps in a WebAssembly sandbox.
//!
//! A plugin is a pure function: it is linked with nothing but types and `log`, runs each step on a fresh instance with
//! bounded fuel, time and memory, and is given no secret. What it wants sent, the host checks, journals and sends.
//!
//! **Invariant:** only the modules of `contract` know a contract's types; everything else speaks the application's.

#![deny(missing_docs)]

mod cache;
mod check_account;
mod component;
mod contract;
mod drive;
mod engine;
mod exchange;
mod gateway;
mod grants;
mod guard;
mod host;
mod journal;
mod library;
pub mod limits;
mod load;
mod manifest;
mod observe;
mod plugins;
mod proof;
mod reach;
mod registry;
mod step;
mod text;
mod turns;

pub use component::Inspection;
pub use grants::Grants;
pub use guard::GuardCounts;
pub use host::{PluginHost, PluginHostError, PluginHostOptions};
