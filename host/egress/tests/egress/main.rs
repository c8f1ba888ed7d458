//! The client against real servers on the loopback interface.

#![expect(clippy::unwrap_used, reason = "in a test, what surprises ends the test")]

mod addresses;
mod exchanges;
mod secrets;
mod server;
mod stages;
mod tls;
