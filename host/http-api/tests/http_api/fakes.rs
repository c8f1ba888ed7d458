//! A world small enough for a test: a store in memory, a provider and plugins that do as they are told.

mod store;
mod world;

pub(crate) use world::{ADMIN_TOKEN, Answer, World};
