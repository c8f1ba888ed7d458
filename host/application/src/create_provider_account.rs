//! Connects a tenant to a provider, and pins the connection to a plugin version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillgate_domain::{ProviderAccountId, TenantId};
use utoipa::ToSchema;

use crate::account::{ProviderAccount, SealedSecret};
use crate::accounts::binding;
use crate::bounds::{CONFLICT_RETRIES_MAX, SECRET_MAX};
use crate::ports::{AccountInput, CommitError, Conflict, Field, InvalidField, PluginInfo, Secret, UnitOfWork, Write};
use crate::views::rfc3339;
use crate::{Application, ApplicationError, Caller, validate};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateProviderAccount {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Its name, unique for the tenant.
    pub name: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Version of the plugin; the newest where nothing is said.
    pub version: Option<String>,
    /// Whether checkouts that name no account go here. A tenant's first account is the default in any case.
    pub default: bool,
    /// Settings by name.
    pub settings: Vec<Field>,
    /// Endpoint overrides by endpoint name.
    pub endpoint_overrides: Vec<Field>,
    /// Secrets by name.
    pub secrets: Vec<(String, Secret)>,
}

/// A provider account, as the operator sees it. Its secrets are write-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProviderAccount)]
pub struct ProviderAccountView {
    /// Its id.
    pub id: String,
    /// Whose.
    pub tenant_id: String,
    /// Its name.
    pub name: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Version of the plugin it is pinned to.
    pub plugin_version: String,
    /// SHA-256 of that plugin.
    pub plugin_digest: String,
    /// Whether checkouts that name no account go here.
    pub default: bool,
    /// Settings by name.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub settings: BTreeMap<String, String>,
    /// Endpoint overrides by endpoint name.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub endpoint_overrides: BTreeMap<String, String>,
    /// Names of the secrets it has.
    pub secrets: Vec<String>,
    /// Register this with the provider.
    pub webhook_url: String,
    /// When it was made.
    pub created_at: String,
}

impl ProviderAccountView {
    fn new(app: &Application, account: &ProviderAccount, secrets: Vec<String>) -> Self {
        Self {
            id: account.id.to_string(),
            tenant_id: account.tenant_id.to_string(),
            name: account.name.clone(),
            plugin: account.plugin.clone(),
            plugin_version: account.plugin_version.clone(),
            plugin_digest: account.plugin_digest.clone(),
            default: account.is_default,
            settings: account.settings.iter().cloned().collect(),
            endpoint_overrides: account.endpoint_overrides.iter().cloned().collect(),
            secrets,
            webhook_url: app.webhook_url(account.id),
            created_at: rfc3339(account.created_at),
        }
    }
}

/// Connects the tenant.
///
/// # Errors
/// An unknown tenant or plugin is [`ApplicationError::NotFound`]; what the plugin's manifest doesn't allow names the
/// field; a taken name is [`ApplicationError::Exists`].
pub async fn create_provider_account(
    app: &Application,
    caller: &Caller,
    command: CreateProviderAccount,
) -> Result<ProviderAccountView, ApplicationError> {
    validate::name("name", &command.name)?;
    let tenant = app
        .store()
        .tenant(command.tenant_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("tenant", command.tenant_id))?;
    let plugin = find_plugin(app, &command.plugin, command.version.as_deref())?;
    let input = AccountInput {
        mode: tenant.mode,
        settings: &command.settings,
        endpoint_overrides: &command.endpoint_overrides,
        secrets: &command.secrets,
        complete: true,
    };
    check(app, &plugin.digest, &input)?;
    let now = app.now();
    let first = app.store().accounts(tenant.id).await?.is_empty();
    let account = ProviderAccount {
        id: ProviderAccountId::from_bits(app.next_id()),
        tenant_id: tenant.id,
        name: command.name,
        plugin: plugin.name,
        plugin_version: plugin.version,
        plugin_digest: plugin.digest,
        is_default: command.default || first,
        settings: command.settings,
        endpoint_overrides: command.endpoint_overrides,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let names = command.secrets.iter().map(|(name, _)| name.clone()).collect();
    let view = ProviderAccountView::new(app, &account, names);
    let mut work = UnitOfWork::new();
    let (account_id, tenant_id) = (account.id, account.tenant_id);
    work.push(Write::Account(account));
    for (name, secret) in command.secrets {
        let mut sealed = SealedSecret {
            account_id,
            tenant_id,
            name,
            sealed: Vec::new(),
            created_at: now,
            expires_at: None,
        };
        sealed.sealed = app.ports.sealer.seal(binding(&sealed), &secret);
        work.push(Write::Secret(sealed));
    }
    let view = match app.commit_once(caller, work, view).await {
        Err(ApplicationError::Contended("provider account")) => {
            return Err(ApplicationError::Exists("provider account with this name"));
        }
        other => other?,
    };
    Ok(view)
}

pub(crate) fn find_plugin(
    app: &Application,
    name: &str,
    version: Option<&str>,
) -> Result<PluginInfo, ApplicationError> {
    app.ports.plugins.resolve(name, version).ok_or_else(|| {
        let wanted = version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"));
        ApplicationError::not_found("plugin", wanted)
    })
}

pub(crate) fn check(app: &Application, digest: &str, input: &AccountInput<'_>) -> Result<(), ApplicationError> {
    let mut wrong = app.ports.plugins.check_account(digest, input);
    for (name, secret) in input.secrets {
        if secret.expose().len() > SECRET_MAX {
            wrong.push(InvalidField {
                field: format!("secrets.{name}"),
                message: format!("must be at most {SECRET_MAX} bytes"),
            });
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(ApplicationError::Invalid(wrong))
    }
}

/// A tenant's accounts.
///
/// # Errors
/// An unknown tenant is [`ApplicationError::NotFound`].
pub async fn list_provider_accounts(
    app: &Application,
    tenant_id: TenantId,
) -> Result<Vec<ProviderAccountView>, ApplicationError> {
    if app.store().tenant(tenant_id).await?.is_none() {
        return Err(ApplicationError::not_found("tenant", tenant_id));
    }
    let mut views = Vec::new();
    for account in app.store().accounts(tenant_id).await? {
        views.push(view_of(app, &account).await?);
    }
    Ok(views)
}

/// One of a tenant's accounts.
///
/// # Errors
/// An unknown one is [`ApplicationError::NotFound`].
pub async fn provider_account(
    app: &Application,
    tenant_id: TenantId,
    id: ProviderAccountId,
) -> Result<ProviderAccountView, ApplicationError> {
    let account = find_account(app, tenant_id, id).await?;
    view_of(app, &account).await
}

pub(crate) async fn find_account(
    app: &Application,
    tenant_id: TenantId,
    id: ProviderAccountId,
) -> Result<ProviderAccount, ApplicationError> {
    app.store()
        .account(id)
        .await?
        .filter(|account| account.tenant_id == tenant_id)
        .ok_or_else(|| ApplicationError::not_found("provider account", id))
}

async fn view_of(app: &Application, account: &ProviderAccount) -> Result<ProviderAccountView, ApplicationError> {
    let mut names: Vec<String> = app
        .store()
        .secrets(account.id, app.now())
        .await?
        .into_iter()
        .map(|secret| secret.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(ProviderAccountView::new(app, account, names))
}

/// Which plugin an account is to use from now on.
#[derive(Debug, Clone)]
pub struct PinPlugin {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// Which account.
    pub account_id: ProviderAccountId,
    /// Version of the same plugin.
    pub version: String,
}

/// Pins an account to another version of its plugin. Operations that began with the old one end with it.
///
/// # Errors
/// An unknown account or version is [`ApplicationError::NotFound`]; settings the new version doesn't take name the field.
pub async fn pin_plugin(app: &Application, command: PinPlugin) -> Result<ProviderAccountView, ApplicationError> {
    for _ in 0..CONFLICT_RETRIES_MAX {
        let mut account = find_account(app, command.tenant_id, command.account_id).await?;
        let plugin = find_plugin(app, &account.plugin, Some(&command.version))?;
        let tenant = app
            .store()
            .tenant(command.tenant_id)
            .await?
            .ok_or_else(|| ApplicationError::not_found("tenant", command.tenant_id))?;
        let input = AccountInput {
            mode: tenant.mode,
            settings: &account.settings,
            endpoint_overrides: &account.endpoint_overrides,
            secrets: &[],
            complete: false,
        };
        check(app, &plugin.digest, &input)?;
        account.plugin_version = plugin.version;
        account.plugin_digest = plugin.digest;
        account.updated_at = app.now();
        let mut work = UnitOfWork::new();
        work.push(Write::Account(account.clone()));
        match app.commit(work).await {
            Ok(()) => {
                return view_of(app, &account).await;
            }
            Err(CommitError::Conflict(Conflict::Version(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("provider account"))
}
