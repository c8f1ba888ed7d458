//! Finds the tenant behind an API key.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tillgate_domain::{ApiKeyId, Tenant};

use crate::ports::CacheName;
use crate::{Application, ApplicationError};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// The key that was used.
    pub api_key_id: ApiKeyId,
}

/// The hash under which a key is stored. A key has 256 random bits, so that no salt and no slow hash is needed.
pub(crate) fn hash_of(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// The tenant a presented key belongs to; none where it is unknown or revoked. The key is looked up by its hash, so that
/// the time it takes says nothing about it.
///
/// # Errors
/// The store failed.
pub async fn authenticate_api_key(
    app: &Application,
    presented: &str,
) -> Result<Option<Arc<AuthenticatedTenant>>, ApplicationError> {
    let (hash, now) = (hash_of(presented), app.now());
    let kept = &app.caches.api_keys;
    let found = kept.get(&hash, now, app.caches.age_max_ms());
    app.metrics().cache_read(CacheName::ApiKeys, found.is_some());
    if found.is_some() {
        return Ok(found);
    }
    let reading = kept.reading(&hash);
    let Some(key) = app.store().api_key_by_hash(&hash).await? else {
        return Ok(None);
    };
    if key.revoked_at.is_some() {
        return Ok(None);
    }
    let Some(tenant) = app.store().tenant(key.tenant_id).await? else {
        return Ok(None);
    };
    let found = Arc::new(AuthenticatedTenant {
        tenant,
        api_key_id: key.id,
    });
    kept.keep(reading, hash, Arc::clone(&found), now, None);
    Ok(Some(found))
}
