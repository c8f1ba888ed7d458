//! What black-box tests need: the real binary on a real database, and a simulated provider beside it.
//!
//! The binary is `$TILLGATE_BIN`, or the one cargo builds in its target directory; the plugins are in
//! `$TILLGATE_PLUGINS_DIR`, or where `cargo xtask plugins` puts them. `cargo xtask test` sees to all of it.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, where a failure shall end the test"
)]

mod collector;
mod exposition;
mod gateway;
mod judge;
mod provider;
mod receiver;
mod tenant;
mod world;

pub use collector::{Collector, Span};
pub use exposition::Exposition;
pub use gateway::{ADMIN_TOKEN, Database, Gateway, GatewayOptions, Running, plugins, run_cli};
pub use judge::{node_judge, python_judge};
pub use provider::{Provider, signature_header};
pub use receiver::{Received, Receiver};
pub use tenant::{Tenant, answer_of};
pub use world::World;
