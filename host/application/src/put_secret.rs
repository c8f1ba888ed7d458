//! Replaces a secret of a provider account, the old one staying active for a while.

use tillgate_domain::{ProviderAccountId, TenantId};

use crate::account::SealedSecret;
use crate::accounts::binding;
use crate::bounds::SECRET_OVERLAP_MS;
use crate::create_provider_account::{check, find_account};
use crate::ports::{AccountInput, Secret, UnitOfWork, Write};
use crate::{Application, ApplicationError};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PutSecret {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// For which account.
    pub account_id: ProviderAccountId,
    /// Under which name.
    pub name: String,
    /// The new secret.
    pub secret: Secret,
    /// How long the old one stays active, in milliseconds; a day where nothing is said.
    pub overlap_ms: Option<i64>,
}

/// Replaces it.
///
/// # Errors
/// An unknown account is [`ApplicationError::NotFound`]; a secret the plugin's manifest doesn't allow names the field.
pub async fn put_secret(app: &Application, command: PutSecret) -> Result<(), ApplicationError> {
    let account = find_account(app, command.tenant_id, command.account_id).await?;
    let tenant = app
        .store()
        .tenant(command.tenant_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("tenant", command.tenant_id))?;
    let given = [(command.name.clone(), command.secret)];
    let input = AccountInput {
        mode: tenant.mode,
        settings: &account.settings,
        endpoint_overrides: &account.endpoint_overrides,
        secrets: &given,
        complete: false,
    };
    check(app, &account.plugin_digest, &input)?;
    let overlap = command.overlap_ms.unwrap_or(SECRET_OVERLAP_MS);
    if !(0..=30 * SECRET_OVERLAP_MS).contains(&overlap) {
        return Err(ApplicationError::invalid(
            "overlap_seconds",
            "must be between 0 and 30 days",
        ));
    }
    let now = app.now();
    let mut sealed = SealedSecret {
        account_id: account.id,
        tenant_id: account.tenant_id,
        name: command.name,
        sealed: Vec::new(),
        created_at: now,
        expires_at: None,
    };
    sealed.sealed = app.ports.sealer.seal(binding(&sealed), &given[0].1);
    let mut work = UnitOfWork::new();
    work.push(Write::ExpireSecrets {
        account_id: account.id,
        name: sealed.name.clone(),
        at: now.plus_millis(overlap),
    });
    work.push(Write::Secret(sealed));
    app.commit(work).await?;
    Ok(())
}
