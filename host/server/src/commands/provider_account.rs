//! `tillgate provider-account`

use std::io::Read as _;

use tillgate_application::ports::Secret;
use tillgate_application::{
    Caller, CreateProviderAccount, PinPlugin, ProviderAccountView, PutSecret, create_provider_account,
    list_provider_accounts, pin_plugin, put_secret,
};

use super::{id, pair, tenant_id, wired};
use crate::cli::{ProviderAccountCommand, SecretArgs, ShowArgs};
use crate::{Failure, load, output};

pub(crate) async fn provider_account(command: ProviderAccountCommand) -> Result<(), Failure> {
    match command {
        ProviderAccountCommand::Create {
            tenant,
            name,
            plugin,
            version,
            default,
            settings,
            endpoint_overrides,
            secrets,
            config,
            show,
        } => {
            let command = CreateProviderAccount {
                tenant_id: tenant_id(&tenant)?,
                name,
                plugin,
                version,
                default,
                settings: settings.iter().map(|text| pair(text)).collect::<Result<_, _>>()?,
                endpoint_overrides: endpoint_overrides
                    .iter()
                    .map(|text| pair(text))
                    .collect::<Result<_, _>>()?,
                secrets: secrets
                    .iter()
                    .map(|text| secret_from_env(text))
                    .collect::<Result<_, _>>()?,
            };
            let wired = wired(&load(&config)?).await?;
            let account = create_provider_account(&wired.app, &Caller::operator(), command).await?;
            show_account(&account, show)?;
            wired.database.close().await;
        }
        ProviderAccountCommand::List { tenant, config, show } => {
            let wired = wired(&load(&config)?).await?;
            let accounts = list_provider_accounts(&wired.app, tenant_id(&tenant)?).await?;
            if show.json {
                output::print_json(&accounts)?;
            } else {
                print_accounts(accounts);
            }
            wired.database.close().await;
        }
        ProviderAccountCommand::SetSecret(args) => replace_secret(args, Some(0)).await?,
        ProviderAccountCommand::RotateSecret(args) => replace_secret(args, None).await?,
        ProviderAccountCommand::Pin {
            tenant,
            account,
            version,
            config,
            show,
        } => {
            let wired = wired(&load(&config)?).await?;
            let command = PinPlugin {
                tenant_id: tenant_id(&tenant)?,
                account_id: id(&account)?,
                version,
            };
            let account = pin_plugin(&wired.app, command).await?;
            show_account(&account, show)?;
            wired.database.close().await;
        }
    }
    Ok(())
}

fn show_account(account: &ProviderAccountView, show: ShowArgs) -> Result<(), Failure> {
    if show.json {
        return output::print_json(account);
    }
    output::print_fields(account);
    println!("\nRegister the webhook_url with the provider.");
    Ok(())
}

fn print_accounts(accounts: Vec<ProviderAccountView>) {
    let rows: Vec<Vec<String>> = accounts
        .into_iter()
        .map(|account| {
            let default = if account.default { "yes" } else { "" };
            let plugin = format!("{} {}", account.plugin, account.plugin_version);
            vec![
                account.id,
                account.name,
                plugin,
                default.to_owned(),
                account.webhook_url,
            ]
        })
        .collect();
    let empty = "No provider accounts yet. Create one with `tillgate provider-account create`.";
    output::print_table(&["ID", "NAME", "PLUGIN", "DEFAULT", "WEBHOOK URL"], &rows, empty);
}

fn secret_from_env(text: &str) -> Result<(String, Secret), Failure> {
    let (name, variable) = pair(text)?;
    let secret = std::env::var(&variable)
        .map_err(|_| Failure::Said(format!("secret {name}: environment variable {variable} is not set")))?;
    Ok((name, Secret::new(secret)))
}

async fn replace_secret(args: SecretArgs, overlap_ms: Option<i64>) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().take(16 * 1024).read_to_string(&mut text)?;
    // What `echo` appends isn't part of the secret; anything else around it is refused by the check.
    let secret = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    let wired = wired(&load(&args.config)?).await?;
    let command = PutSecret {
        tenant_id: tenant_id(&args.tenant)?,
        account_id: id(&args.account)?,
        name: args.name.clone(),
        secret: Secret::new(secret.to_owned()),
        overlap_ms,
    };
    put_secret(&wired.app, command).await?;
    println!("{} of {} is set.", args.name, args.account);
    wired.database.close().await;
    Ok(())
}
