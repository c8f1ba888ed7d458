//! Every provider account: its plugin, its secrets, its settings, and where its webhooks come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Uri;
use tillgate_application::account::{ConnectedAccount, ProviderAccount};
use tillgate_application::ports::{
    AccountInput, AccountRepository as _, Clock as _, DirectoryRepository as _, PAGE_LIMIT_MAX, PageRequest,
    PluginInfo, Plugins, Sealer, Secret, SecretBinding, StoreError,
};
use tillgate_domain::{Mode, Tenant};
use tillgate_plugin_host::PluginHost;
use tillgate_storage::Database;
use tillgate_vault::Vault;

use super::report::Report;
use crate::clock::SystemClock;
use crate::config::Config;

/// An account whose plugin is there.
pub(crate) struct Account {
    /// What it is called in the report.
    pub(crate) name: String,
    /// The account, with the secrets that open.
    pub(crate) connected: Arc<ConnectedAccount>,
}

/// Looks at each tenant's accounts.
pub(crate) async fn examine(
    config: &Config,
    database: &Database,
    vault: &Vault,
    host: Option<&PluginHost>,
    report: &mut Report,
) -> Vec<Account> {
    let all = match all(database).await {
        Ok(all) => all,
        Err(error) => {
            let remedy = "Check the database; the log of the gateway has more";
            report.fail("accounts", error.to_string(), remedy);
            return Vec::new();
        }
    };
    examine_public_url(config, &all, report);
    if all.is_empty() {
        report.ok("accounts", "none yet");
    }
    let mut found = Vec::new();
    for (tenant, account) in all {
        let name = format!("account {} ({}/{})", account.id, tenant.name, account.name);
        let secrets = match open(database, vault, &account, &name, report).await {
            Ok(secrets) => secrets,
            Err(error) => {
                let remedy = "Check the database; the log of the gateway has more";
                report.fail(format!("{name} secrets"), error.to_string(), remedy);
                continue;
            }
        };
        let Some(secrets) = secrets else { continue };
        let Some((host, plugin)) = examine_plugin(host, &account, &name, report) else {
            continue;
        };
        examine_input(host, &plugin, &tenant, &account, &secrets, &name, report);
        let webhook_url = String::new();
        let connected = Arc::new(ConnectedAccount {
            mode: tenant.mode,
            webhook_url,
            account,
            secrets,
        });
        found.push(Account { name, connected });
    }
    found
}

async fn all(database: &Database) -> Result<Vec<(Tenant, ProviderAccount)>, StoreError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest {
            limit: PAGE_LIMIT_MAX,
            after,
        };
        let page = database.tenants(&request).await?;
        after = page.items.last().map(|tenant| tenant.id.to_string());
        for tenant in page.items {
            for account in database.accounts(tenant.id).await? {
                found.push((tenant.clone(), account));
            }
        }
        if !page.has_more {
            return Ok(found);
        }
    }
}

/// The account's active secrets, or none where a current one doesn't open.
async fn open(
    database: &Database,
    vault: &Vault,
    account: &ProviderAccount,
    name: &str,
    report: &mut Report,
) -> Result<Option<BTreeMap<String, Vec<Secret>>>, StoreError> {
    let mut opened: BTreeMap<String, Vec<Secret>> = BTreeMap::new();
    let mut good = true;
    for sealed in database.secrets(account.id, SystemClock.now()).await? {
        let binding = SecretBinding {
            tenant_id: sealed.tenant_id,
            account_id: Some(sealed.account_id),
            name: &sealed.name,
        };
        match vault.open(binding, &sealed.sealed) {
            Ok(secret) => opened.entry(sealed.name).or_default().push(secret),
            Err(error) => {
                let check = format!("{name} secret {}", sealed.name);
                if sealed.expires_at.is_some() {
                    let remedy =
                        "It was replaced and ends by itself; list its master key in secrets.old_master_keys until then";
                    report.warn(check, error.to_string(), remedy);
                } else {
                    let remedy = "Add the master key it was sealed with to secrets.old_master_keys, or put the secret again with \
                                  `tillgate provider-account set-secret`";
                    report.fail(check, error.to_string(), remedy);
                    good = false;
                }
            }
        }
    }
    if good && !opened.is_empty() {
        let names: Vec<&str> = opened.keys().map(String::as_str).collect();
        report.ok(format!("{name} secrets"), format!("{} open", names.join(", ")));
    }
    Ok(good.then_some(opened))
}

fn examine_plugin<'a>(
    host: Option<&'a PluginHost>,
    account: &ProviderAccount,
    name: &str,
    report: &mut Report,
) -> Option<(&'a PluginHost, PluginInfo)> {
    let found = host.and_then(|host| Some((host, host.find(&account.plugin_digest)?)));
    if found.is_none() {
        let digest: String = account.plugin_digest.chars().take(12).collect();
        let detail = format!(
            "pinned to {} {} ({digest}…), which is not loaded",
            account.plugin, account.plugin_version
        );
        let remedy = "Put that very component back into the directory of plugins, or pin the account to a version that is there \
                      with `tillgate provider-account pin`";
        report.fail(format!("{name} plugin"), detail, remedy);
    }
    found
}

/// Settings, secrets and overrides, against the plugin's manifest.
fn examine_input(
    host: &PluginHost,
    plugin: &PluginInfo,
    tenant: &Tenant,
    account: &ProviderAccount,
    secrets: &BTreeMap<String, Vec<Secret>>,
    name: &str,
    report: &mut Report,
) {
    let current: Vec<(String, Secret)> = secrets
        .iter()
        .filter_map(|(name, active)| Some((name.clone(), active.first()?.clone())))
        .collect();
    let input = AccountInput {
        mode: tenant.mode,
        settings: &account.settings,
        endpoint_overrides: &account.endpoint_overrides,
        secrets: &current,
        complete: true,
    };
    let wrong = host.check_account(&account.plugin_digest, &input);
    if wrong.is_empty() {
        let detail = format!("{} {}, everything it needs is there", plugin.name, plugin.version);
        report.ok(format!("{name} plugin"), detail);
    }
    for field in wrong {
        report.fail(
            format!("{name} {}", field.field),
            field.message,
            "Correct it: a secret with `tillgate provider-account set-secret`, an override in egress.origin_overrides",
        );
    }
    let absent = plugin
        .secrets
        .iter()
        .filter(|secret| !secrets.contains_key(&secret.name));
    for secret in absent.filter(|secret| !secret.required) {
        report.warn(
            format!("{name} secret {}", secret.name),
            format!("not set: {}", secret.description),
            "Set it with `tillgate provider-account set-secret`; without a signing secret every webhook is refused",
        );
    }
}

/// Whether providers can reach this deployment, as far as its URL tells.
fn examine_public_url(config: &Config, accounts: &[(Tenant, ProviderAccount)], report: &mut Report) {
    const CHECK: &str = "webhook URL";
    let live = accounts.iter().any(|(tenant, _)| tenant.mode == Mode::Live);
    let remedy = "Set server.public_url to the https:// URL under which providers reach this deployment, and register each account's \
                  webhook_url anew";
    let wrong = match &config.server.public_url {
        None => Some("server.public_url is not set".to_owned()),
        Some(url) => implausible(url).map(|why| format!("{url} {why}")),
    };
    match wrong {
        None => report.ok(CHECK, config.server.public_url.clone().unwrap_or_default()),
        Some(wrong) if live => report.fail(CHECK, format!("{wrong}, and there are live accounts"), remedy),
        Some(wrong) => report.warn(CHECK, wrong, remedy),
    }
}

/// Why no provider would send to this URL.
fn implausible(url: &str) -> Option<&'static str> {
    let Some(uri) = url.parse::<Uri>().ok() else {
        return Some("is no URL");
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let public = match host.parse() {
        Ok(address) => tillgate_egress::is_public(address),
        Err(_) => host.contains('.') && !host.ends_with(".localhost") && !host.ends_with(".local"),
    };
    if !public {
        Some("is only known inside")
    } else if uri.scheme_str() != Some("https") {
        Some("is not encrypted (https)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_no_provider_reaches_is_told() {
        for good in [
            "https://pay.example.com",
            "https://pay.example.com:8443/gateway",
            "https://8.8.8.8",
        ] {
            assert_eq!(implausible(good), None, "{good}");
        }
        for bad in [
            "http://pay.example.com",
            "https://localhost:8080",
            "https://gateway",
            "https://x.localhost",
            "https://127.0.0.1",
            "https://10.0.0.7",
            "https://[::1]:443",
            "https://",
        ] {
            assert!(implausible(bad).is_some(), "{bad}");
        }
    }
}
