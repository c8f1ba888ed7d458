//! The HTTP surface: tenant API, operator API, webhooks.
