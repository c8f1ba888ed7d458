//! SQLite and PostgreSQL behind one set of ports.
//!
//! The queries are written once, in `queries/`, and compiled for each database: both know `$1`, `ON CONFLICT` and the
//! same simple types. What differs is how connections are made (`sqlite.rs`, `postgres.rs`).

#![deny(missing_docs)]

mod announcements;
mod bounds;
mod database;
mod failures;
mod nul;
mod open_error;
mod ports;
mod postgres;
mod sqlite;

pub use database::{Database, DatabaseLoad, DatabaseOptions, MigrationReport};
pub use open_error::OpenError;
