//! Stateful stand-ins of payment providers, speaking their wire protocol.
//!
//! They serve demos and tests without a network: everything they know lives
//! in memory, time is simulated, and the same seed gives the same ids.

// The largest objects have about 60 members, and `json!` recurses for each.
#![recursion_limit = "256"]

pub mod stripe;
