//! Billing aggregates, their transitions and events: pure, synchronous, without input or output.
