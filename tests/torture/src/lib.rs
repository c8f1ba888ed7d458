//! Torture: the real binary takes in the webhooks of many customers' lives while it is killed, paused and cut off, and must
//! hold in the end exactly what the lives say.
//!
//! Lives are made from a seed, and with them what must come of them, without any of the gateway's code. Their webhooks come
//! as a provider's do at their worst: doubled, late, shuffled, several at a time. `docs/reliability.md` says what is promised
//! and how to run this.

#![expect(
    clippy::unwrap_used,
    reason = "only on locks, which are poisoned where a part of the run has failed: then the run shall end"
)]

mod compare;
mod delivery;
mod expected;
mod faults;
mod host;
mod lives;
mod observed;
mod options;
mod postgres;
mod provider;
mod proxy;
mod report;
mod run;
mod store;
mod tenants;

pub use options::{Database, Fault, Known, Options};
pub use postgres::PROGRAMS_VARIABLE;
pub use report::Report;
pub use run::run;
