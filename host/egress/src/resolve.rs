//! From a host name to addresses.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Looks a host name up. The client judges every address of the answer and connects to exactly those, so there is no
/// second lookup an attacker could answer differently.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, best first.
    ///
    /// # Errors
    ///
    /// The host doesn't exist, or the lookup failed.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The port takes no part in the lookup.
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
