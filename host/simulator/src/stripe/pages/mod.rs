//! The pages people open. They work without scripts and load nothing else.

pub(super) mod checkout;
pub(super) mod index;
pub(super) mod invoice;
mod layout;
pub(super) mod portal;
