//! Finds the tenant behind an API key.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use tillgate_domain::{ApiKeyId, Tenant, Timestamp};

use crate::bounds::{CACHE_AGE_MAX_MS, CACHE_ENTRIES_MAX};
use crate::{Application, ApplicationError};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// The key that was used.
    pub api_key_id: ApiKeyId,
}

/// Who a key belongs to, and since when that is kept.
type Kept = (Arc<AuthenticatedTenant>, Timestamp);

/// Keys seen a short while ago, by their hash.
#[derive(Default)]
pub(crate) struct ApiKeys {
    kept: RwLock<HashMap<[u8; 32], Kept>>,
}

impl ApiKeys {
    pub(crate) fn forget_all(&self) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
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
    {
        let kept = app.api_keys.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((found, since)) = kept.get(&hash)
            && now.as_millis().abs_diff(since.as_millis()) < CACHE_AGE_MAX_MS.unsigned_abs()
        {
            return Ok(Some(Arc::clone(found)));
        }
    }
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
    let mut kept = app.api_keys.kept.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= CACHE_ENTRIES_MAX {
        kept.clear();
    }
    kept.insert(hash, (Arc::clone(&found), now));
    Ok(Some(found))
}
