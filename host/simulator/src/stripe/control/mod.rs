//! `/_simulator/…`: what a test or a person does to the simulated world.

pub(super) mod actions;
pub(super) mod faults;
