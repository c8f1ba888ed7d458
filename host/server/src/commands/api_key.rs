//! `tillgate api-key`

use tillgate_application::views::rfc3339;
use tillgate_application::{ApplicationError, Caller, CreateApiKey, create_api_key, revoke_api_key};

use super::{id, tenant_id, wired};
use crate::cli::ApiKeyCommand;
use crate::{Failure, load, output};

pub(crate) async fn api_key(command: ApiKeyCommand) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create {
            tenant,
            name,
            config,
            show,
        } => {
            let wired = wired(&load(&config)?).await?;
            let command = CreateApiKey {
                tenant_id: tenant_id(&tenant)?,
                name,
            };
            let created = create_api_key(&wired.app, &Caller::operator(), command).await?;
            if show.json {
                output::print_json(&created)?;
            } else {
                output::print_fields(&created);
                println!("\nKeep the key: it is shown this once.");
            }
            wired.database.close().await;
        }
        ApiKeyCommand::List { tenant, config, show } => {
            let wired = wired(&load(&config)?).await?;
            let tenant = tenant_id(&tenant)?;
            let store = &wired.app.ports().store;
            if store.tenant(tenant).await.map_err(ApplicationError::from)?.is_none() {
                return Err(ApplicationError::not_found("tenant", tenant).into());
            }
            let keys = store.api_keys(tenant).await.map_err(ApplicationError::from)?;
            let rows: Vec<Vec<String>> = keys
                .iter()
                .map(|key| {
                    let revoked = key.revoked_at.map_or_else(|| "-".to_owned(), rfc3339);
                    vec![
                        key.id.to_string(),
                        key.name.clone(),
                        format!("{}…", key.hint),
                        rfc3339(key.created_at),
                        revoked,
                    ]
                })
                .collect();
            let headings = ["ID", "NAME", "KEY", "CREATED", "REVOKED"];
            if show.json {
                let objects: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        serde_json::json!({
                            "id": key.id.to_string(), "name": key.name, "hint": key.hint,
                            "created_at": rfc3339(key.created_at), "revoked_at": key.revoked_at.map(rfc3339),
                        })
                    })
                    .collect();
                output::print_json(&objects)?;
            } else {
                let empty = "No API keys yet. Create one with `tillgate api-key create --tenant TENANT NAME`.";
                output::print_table(&headings, &rows, empty);
            }
            wired.database.close().await;
        }
        ApiKeyCommand::Revoke {
            tenant,
            id: key,
            config,
        } => {
            let wired = wired(&load(&config)?).await?;
            revoke_api_key(&wired.app, tenant_id(&tenant)?, id(&key)?).await?;
            println!("{key} is revoked.");
            wired.database.close().await;
        }
    }
    Ok(())
}
