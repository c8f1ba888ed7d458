//! The contracts plugins are built against, one module each. Everything else in this crate speaks the application's types.

pub(crate) mod v0_1;
