//! The HTTP surface, from outside.

#![expect(clippy::unwrap_used, reason = "a test's world is a test, though no test function")]

mod fakes;

mod bad_input;
mod changes;
mod errors;
mod openapi;
mod operator;
mod received_webhooks;
mod server;
mod tenant;
mod webhooks;
