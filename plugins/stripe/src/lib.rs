//! Stripe as a provider plugin.
