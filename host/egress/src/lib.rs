//! The only HTTP client: policy, resolving, credentials, pools.
