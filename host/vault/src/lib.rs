//! Seals secrets at rest and hashes API keys.
