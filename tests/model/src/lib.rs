//! Models of what makes effects happen exactly once, small enough that a checker can go through every state of them.
//!
//! They say what the gateway commits together, what guards it, and what a crash, a lost answer or a lease that ran out
//! can come between. They don't run the gateway's code: `tests/torture` does. A model answers what no run can, that there
//! is no order of steps, among all there are, that breaks a property; and, with a guard taken out, it shows the order that
//! does, which is why the guard is there.

pub mod checker;
pub mod inbox;
pub mod outbox;
pub mod ties;

pub use checker::{Checked, Counterexample, Model, check};
