//! Connection pools, one for each owner and endpoint, in a bounded table.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::Instant;

use crate::{
    bounds::{HTTP2_PING_INTERVAL, HTTP2_PING_TIMEOUT, MAX_IDLE_CONNECTIONS, MAX_RESPONSE_HEAD_BYTES},
    connect::{Connector, Dialer},
    endpoint::Endpoint,
    origin::Origin,
    request::PoolKey,
};

/// One pool of connections to one endpoint.
pub(crate) type Pool = legacy::Client<Connector, Full<Bytes>>;

/// A request that may use a connection must have been allowed to open it: same owner, same origin, and judged by the
/// same rules (an override's connection may lead to an address nobody judged).
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: PoolKey,
    origin: Origin,
    overridden: bool,
}

struct Entry {
    pool: Pool,
    last_used: Instant,
}

/// The pools in use. Dropping one closes its idle connections; exchanges under way keep theirs.
pub(crate) struct Pools {
    dialer: Dialer,
    capacity: usize,
    idle: Duration,
    entries: Mutex<HashMap<Key, Entry>>,
}

impl Pools {
    pub(crate) fn new(dialer: Dialer, capacity: usize, idle: Duration) -> Self {
        Self {
            dialer,
            capacity: capacity.max(1),
            idle,
            entries: Mutex::default(),
        }
    }

    /// The owner's pool for the endpoint. A new one costs two allocations; in a full table it takes the place of the
    /// one that was used the longest ago.
    pub(crate) fn get(&self, owner: &PoolKey, endpoint: &Endpoint) -> Pool {
        let key = Key {
            owner: owner.clone(),
            origin: endpoint.origin().clone(),
            overridden: endpoint.is_override(),
        };
        let now = Instant::now();
        // Nothing below can panic half-way through a change, so a poisoned table is still a good one.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&key) {
            entry.last_used = now;
            return entry.pool.clone();
        }
        if entries.len() >= self.capacity {
            // Pools whose connections have all timed out go first; that is most of them, so full scans are rare.
            entries.retain(|_, entry| now.duration_since(entry.last_used) < self.idle);
        }
        while entries.len() >= self.capacity {
            let mut oldest: Option<(Instant, &Key)> = None;
            for (key, entry) in entries.iter() {
                if oldest.is_none_or(|(used, _)| entry.last_used < used) {
                    oldest = Some((entry.last_used, key));
                }
            }
            let Some((_, oldest)) = oldest else { break };
            let oldest = oldest.clone();
            entries.remove(&oldest);
        }
        let pool = self.build(endpoint);
        let entry = Entry {
            pool: pool.clone(),
            last_used: now,
        };
        entries.insert(key, entry);
        pool
    }

    fn build(&self, endpoint: &Endpoint) -> Pool {
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.idle)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_RESPONSE_HEAD_BYTES)
            // A connection whose peer vanished without a word is found out before many requests were lost on it.
            .http2_keep_alive_interval(HTTP2_PING_INTERVAL)
            .http2_keep_alive_timeout(HTTP2_PING_TIMEOUT)
            .http2_max_header_list_size(MAX_RESPONSE_HEAD_BYTES as u32)
            // Another connection is tried only if hyper hands the request back, which it does only before the first
            // byte of it is written (a pooled connection that was found closed).
            .retry_canceled_requests(true)
            .build(Connector::new(&self.dialer, endpoint))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore, crypto::ring};

    use super::*;
    use crate::{OriginOverrides, SystemResolver};

    fn pools(capacity: usize) -> Pools {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let dialer = Dialer {
            resolver: Arc::new(SystemResolver),
            tls: Arc::new(tls),
            timeout: Duration::from_secs(1),
        };
        Pools::new(dialer, capacity, Duration::from_secs(60))
    }

    fn knows(pools: &Pools, owner: &str, endpoint: &Endpoint) -> bool {
        let key = Key {
            owner: PoolKey::new(owner),
            origin: endpoint.origin().clone(),
            overridden: endpoint.is_override(),
        };
        pools.entries.lock().unwrap().contains_key(&key)
    }

    #[test]
    fn the_pool_used_the_longest_ago_makes_room() {
        let pools = pools(2);
        let endpoint = Endpoint::https("a.example", None, "").unwrap();
        for owner in ["first", "second", "first", "third"] {
            pools.get(&PoolKey::new(owner), &endpoint);
        }
        assert_eq!(pools.len(), 2);
        assert!(knows(&pools, "first", &endpoint));
        assert!(!knows(&pools, "second", &endpoint));
        assert!(knows(&pools, "third", &endpoint));
    }

    #[test]
    fn an_override_and_a_manifest_endpoint_of_the_same_origin_share_nothing() {
        let pools = pools(8);
        let manifest = Endpoint::https("a.example", None, "/v1").unwrap();
        let allowed = OriginOverrides::parse(["https://a.example"]).unwrap();
        let overridden = Endpoint::from_override("https://a.example", "/v2", &allowed).unwrap();
        let owner = PoolKey::new("owner");
        pools.get(&owner, &manifest);
        pools.get(&owner, &overridden);
        assert_eq!(pools.len(), 2);
    }
}
