//! Creates and revokes API keys.

use serde::{Deserialize, Serialize};
use tillgate_domain::{ApiKeyId, TenantId};
use utoipa::ToSchema;

use crate::account::ApiKey;
use crate::authenticate_api_key::hash_of;
use crate::ports::{UnitOfWork, Write};
use crate::views::rfc3339;
use crate::{Application, ApplicationError, Caller, validate};

/// Random bytes in a key.
const KEY_BYTES: usize = 32;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Its name, for people.
    pub name: String,
}

/// A new API key. This is the only time it is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The key. Keep it: it can't be shown again.
    pub key: String,
    /// When it was made.
    pub created_at: String,
}

impl std::fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Creates it.
///
/// # Errors
/// An unknown tenant is [`ApplicationError::NotFound`]; a name that is none names the field.
pub async fn create_api_key(
    app: &Application,
    caller: &Caller,
    command: CreateApiKey,
) -> Result<CreatedApiKey, ApplicationError> {
    validate::name("name", &command.name)?;
    let tenant = app
        .store()
        .tenant(command.tenant_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("tenant", command.tenant_id))?;
    let mut random = [0_u8; KEY_BYTES];
    app.ports.ids.fill_secret(&mut random);
    let key = format!("tg_{}_{}", tenant.mode.as_str(), hex::encode(random));
    let now = app.now();
    let stored = ApiKey {
        id: ApiKeyId::from_bits(app.next_id()),
        tenant_id: tenant.id,
        name: command.name,
        hash: hash_of(&key),
        hint: key.chars().take("tg_test_".len() + 4).collect(),
        created_at: now,
        revoked_at: None,
    };
    let created = CreatedApiKey {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        key,
        created_at: rfc3339(now),
    };
    let mut work = UnitOfWork::new();
    work.push(Write::ApiKey(stored));
    app.commit_once(caller, work, created).await
}

/// Revokes a key. Once more is no change.
///
/// # Errors
/// An unknown key is [`ApplicationError::NotFound`].
pub async fn revoke_api_key(app: &Application, tenant_id: TenantId, id: ApiKeyId) -> Result<(), ApplicationError> {
    let keys = app.store().api_keys(tenant_id).await?;
    if !keys.iter().any(|key| key.id == id) {
        return Err(ApplicationError::not_found("API key", id));
    }
    let mut work = UnitOfWork::new();
    work.push(Write::RevokeApiKey {
        tenant_id,
        id,
        at: app.now(),
    });
    app.commit(work).await?;
    Ok(())
}
