//! Use cases of the payments gateway, and the ports they need.
//!
//! **Invariant:** nothing here names a driver: no database, no HTTP, no sandbox. A use case is one file, one command and
//! one public function; it opens at most two units of work and never holds one across a call to a provider.

#![deny(missing_docs)]

pub mod account;
mod codec;
pub mod inbox;
pub mod operation;
pub mod ports;
